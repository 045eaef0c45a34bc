import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ALERTS } from './alerts.ts';
import { CASES } from './alert-cases.ts';
import { promtool } from './promtool.ts';
import { anchorOf, FOLDER, ruleFiles } from './rules.ts';

/** Alerts fire when they should and at no other time, as promtool sees it, and say what to do. */

const ROOT = join(import.meta.dirname, '..', '..');
const alerts = ALERTS.flatMap((group) => group.alerts);
const folder = mkdtempSync(join(tmpdir(), 'olms-rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('promtool accepts the rules', async () => {
  const files = [...ruleFiles().keys()].map((path) => join(ROOT, path));
  expect(await promtool(['check', 'rules', '--lint-fatal', ...files])).toMatchObject({ ok: true });
});

test('the error budget pages, is a ticket, or is left alone, by how fast and how long it burns', async () => {
  const tested = await promtool(['test', 'rules', 'fast-burns.test.yaml', 'slow-burns.test.yaml'], {
    cwd: join(ROOT, FOLDER, 'tests'),
  });
  expect(tested).toMatchObject({ ok: true });
});

test('every other alert fires in its case, and not where all is well', async () => {
  const burning = new Set(['OlmsErrorBudgetBurnsFast', 'OlmsErrorBudgetBurnsSlowly']);
  expect(Object.keys(CASES).toSorted()).toEqual(
    alerts
      .map(({ name }) => name)
      .filter((name) => !burning.has(name))
      .toSorted(),
  );
  mkdirSync(join(folder, 'rules'));
  for (const [path, text] of ruleFiles()) writeFileSync(join(folder, 'rules', path.split('/').at(-1)!), text);
  const runs = Object.entries(CASES).flatMap(([alertname, { fires, quiet, minutes = 20, labels = {} }]) => {
    const { severity } = alerts.find(({ name }) => name === alertname)!;
    const series = (values: Readonly<Record<string, string>>): object[] =>
      Object.entries(values).map(([name, value]) => ({ series: name, values: value }));
    const evaluated = (exp: object[]): object => ({ eval_time: `${minutes}m`, alertname, exp_alerts: exp });
    return [
      {
        name: `${alertname} fires`,
        interval: '1m',
        input_series: series(fires),
        alert_rule_test: [evaluated([{ exp_labels: { severity, ...labels } }])],
      },
      {
        name: `${alertname} does not fire`,
        interval: '1m',
        input_series: series(quiet),
        alert_rule_test: [evaluated([])],
      },
    ];
  });
  // Their texts are held against the runbook below.
  const bare = parse(readFileSync(join(folder, 'rules', 'alerts.yaml'), 'utf8')) as {
    groups: { rules: { annotations?: object }[] }[];
  };
  for (const { rules } of bare.groups) for (const rule of rules) delete rule.annotations;
  writeFileSync(join(folder, 'rules', 'alerts.yaml'), stringify(bare));
  const file = join(folder, 'cases.yaml');
  writeFileSync(file, stringify({ rule_files: ['rules/alerts.yaml'], evaluation_interval: '1m', tests: runs }));
  const tested = await promtool(['test', 'rules', file]);
  expect(tested).toMatchObject({ ok: true });
});

const sections = new Map(
  readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8')
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string] => {
      const [heading = '', ...text] = section.split('\n');
      return [heading, text.join('\n')];
    }),
);
const COMMAND = /(bin\/olms |npm run |curl |select |redis-cli )/;

test.each(alerts)(
  'the runbook says of $name what it looks like, where to look, and what to do',
  ({ name, runbook }) => {
    const text = sections.get(runbook);
    expect(text, `a heading "${runbook}"`).toBeDefined();
    expect(text).toContain(`\`${name}\``);
    expect(text).toMatch(/\*Symptom:\*/);
    const [look = '', act = ''] = text!
      .split(/\*Look:\*/)
      .slice(1)
      .join('')
      .split(/\*Do(?:\*|:\*)/);
    expect(look, 'a query').toMatch(/`|```/);
    expect(act, 'an action').not.toBe('');
    expect(text, 'a command').toMatch(COMMAND);
  },
);

test('the runbook names no alert that is none, and each under its heading alone', () => {
  for (const [heading, text] of sections)
    for (const [, named] of text.matchAll(/`(Olms[A-Z]\w+)`/g))
      expect(alerts.find(({ name }) => name === named)?.runbook, `${named} under ${heading}`).toBe(heading);
});

test('the address of an entry is the one its heading has', () => {
  expect(anchorOf("Processes get in each other's way")).toBe('processes-get-in-each-others-way');
  expect(anchorOf('The log is damaged, cut or has a gap')).toBe('the-log-is-damaged-cut-or-has-a-gap');
});
