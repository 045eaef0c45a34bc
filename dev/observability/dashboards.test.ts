import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { metricsBySection } from '#dev/docs/metrics.ts';
import { ALERTS } from './alerts.ts';
import { DASHBOARDS } from './dashboards.ts';
import { dashboardFiles, promql } from './grafana.ts';
import { promtool } from './promtool.ts';
import { errorsOver, BUDGET, WINDOWS } from './slo.ts';

/** Dashboards are what Grafana takes, and ask Prometheus for metrics that exist. That their queries return something, `npm run observe` shows. */

const folder = mkdtempSync(join(tmpdir(), 'olms-dashboards-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const datasource = {
  type: 'object',
  properties: { type: { const: 'prometheus' }, uid: { const: '${datasource}' } },
  required: ['type', 'uid'],
};
const gridPos = {
  type: 'object',
  properties: {
    h: { type: 'integer', minimum: 1 },
    w: { type: 'integer', minimum: 1, maximum: 24 },
    x: { type: 'integer', minimum: 0, maximum: 23 },
    y: { type: 'integer', minimum: 0 },
  },
  required: ['h', 'w', 'x', 'y'],
  additionalProperties: false,
};
/** What Grafana's model of a dashboard asks of the parts that we use. */
const SCHEMA = {
  type: 'object',
  required: ['uid', 'title', 'panels', 'schemaVersion', 'templating', 'time', 'tags', 'refresh'],
  properties: {
    uid: { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,40}$' },
    title: { type: 'string', minLength: 1 },
    schemaVersion: { type: 'integer', minimum: 36 },
    panels: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['id', 'type', 'title', 'gridPos'],
        properties: {
          id: { type: 'integer', minimum: 1 },
          type: { enum: ['row', 'timeseries', 'stat', 'bargauge'] },
          gridPos,
          datasource,
        },
        oneOf: [
          { required: ['collapsed', 'panels'], properties: { type: { const: 'row' } } },
          {
            required: ['datasource', 'targets', 'fieldConfig', 'options'],
            properties: {
              type: { not: { const: 'row' } },
              targets: {
                type: 'array',
                minItems: 1,
                items: {
                  type: 'object',
                  required: ['refId', 'expr', 'legendFormat', 'datasource'],
                  properties: {
                    refId: { type: 'string', pattern: '^[A-Z]$' },
                    expr: { type: 'string', minLength: 1 },
                    legendFormat: { type: 'string', minLength: 1 },
                    datasource,
                  },
                },
              },
              fieldConfig: {
                type: 'object',
                required: ['defaults', 'overrides'],
                properties: {
                  defaults: {
                    type: 'object',
                    required: ['unit'],
                    properties: { unit: { enum: ['ops', 'reqps', 's', 'short', 'bytes', 'percentunit'] } },
                  },
                },
              },
            },
          },
        ],
      },
    },
  },
};
const isDashboard = new Ajv2020({ strict: false, allErrors: true }).compile(SCHEMA);

interface Drawn {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  }[];
}

test.each([...dashboardFiles()])('%s is a dashboard, and none of its panels lies on another', (path, text) => {
  const dashboard = JSON.parse(text) as Drawn;
  expect(isDashboard(dashboard), JSON.stringify(isDashboard.errors)).toBe(true);
  expect(path).toContain(`/${dashboard.uid}.json`);
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  );
  expect(new Set(taken).size).toBe(taken.length);
});

const queries = DASHBOARDS.flatMap(({ uid, rows }) =>
  Object.values(rows)
    .flat()
    .flatMap(({ title, queries: asked }) => asked.map(({ expr }) => ({ where: `${uid}: ${title}`, expr }))),
);

test('Prometheus understands every query', async () => {
  const file = join(folder, 'queries.yaml');
  const rules = queries.map(({ expr, where }, index) => ({
    record: `query:${index}`,
    expr: promql(expr, '5m'),
    labels: { where },
  }));
  writeFileSync(file, stringify({ groups: [{ name: 'queries', rules }] }));
  expect(await promtool(['check', 'rules', file])).toMatchObject({ ok: true });
});

test('panels and alerts ask for metrics that exist, with labels that these have', () => {
  const known = new Map<string, readonly string[]>(
    [...metricsBySection().values()].flat().flatMap(({ name, type, labelNames }) =>
      type === 'histogram'
        ? [
            [`${name}_bucket`, [...labelNames, 'le']],
            [`${name}_count`, labelNames],
            [`${name}_sum`, labelNames],
          ]
        : [[name, labelNames]],
    ),
  );
  for (const name of [...WINDOWS.map(errorsOver), BUDGET]) known.set(name, ['slo']);
  const ofTargets = ['component', 'instance', 'job'];
  const asked = [
    ...queries,
    ...ALERTS.flatMap(({ alerts }) => alerts.map(({ name, expr }) => ({ where: name, expr }))),
  ];
  const wrong: string[] = [];
  for (const { where, expr } of asked) {
    for (const [, name, matchers = ''] of expr.matchAll(/\b(olms[_:][\w:]+)(?:\{([^}]*)\})?/g)) {
      const labels = known.get(name!);
      if (!labels) wrong.push(`${where} asks for ${name}`);
      for (const [, label] of matchers.matchAll(/(\w+)[!=]~?=?"/g))
        if (labels && ![...labels, ...ofTargets].includes(label!)) wrong.push(`${where}: ${name} has no ${label}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('every metric is on a dashboard, or in an alert', () => {
  const all = [
    ...queries.map(({ expr }) => expr),
    ...ALERTS.flatMap(({ alerts }) => alerts.map(({ expr }) => expr)),
  ].join(' ');
  const names = [...metricsBySection().values()].flat().map(({ name }) => name);
  expect(names.filter((name) => !all.includes(name))).toEqual([]);
});
