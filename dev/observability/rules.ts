import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ALERTS, type Alert } from './alerts.ts';
import { BUDGET, errorsOver, OBJECTIVES, WINDOWS } from './slo.ts';

/** The rules files of deploy/observability, from the tables of objectives and alerts. */

export const FOLDER = 'deploy/observability';
const HEAD = '# Generated from dev/observability by `bin/olms docs`. Do not edit.\n';
/** Windows of days change slowly, and cost more. */
const SLOW = new Set(['1d', '3d', '30d']);

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Group {
  readonly name: string;
  readonly interval?: string;
  readonly rules: readonly Rule[];
}

function objectiveGroups(): Group[] {
  const budgets = OBJECTIVES.map(({ name, budget }): Rule => ({
    record: BUDGET,
    expr: `vector(${budget})`,
    labels: { slo: name },
  }));
  const over = (windows: readonly (typeof WINDOWS)[number][]): Rule[] =>
    windows.flatMap((window) =>
      OBJECTIVES.map(({ name, errors }): Rule => ({
        record: errorsOver(window),
        expr: errors(window),
        labels: { slo: name },
      })),
    );
  return [
    { name: 'olms-objectives', rules: [...budgets, ...over(WINDOWS.filter((window) => !SLOW.has(window)))] },
    { name: 'olms-objectives-days', interval: '5m', rules: over(WINDOWS.filter((window) => SLOW.has(window))) },
  ];
}

/** The anchor of a heading, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function alertRule({ name, severity, expr, for: duration = '0m', summary, runbook }: Alert): Rule {
  return {
    alert: name,
    expr,
    ...(duration !== '0m' && { for: duration }),
    labels: { severity },
    annotations: { summary, runbook_url: `docs/runbook.md#${anchorOf(runbook)}` },
  };
}

const yaml = (groups: readonly Group[]): string => HEAD + stringify({ groups }, { lineWidth: 0 });

/** What the chart gives to Kubernetes must lie inside of it. */
export const CHART_FOLDER = 'deploy/chart/olms/observability';

/** The files by path. */
export function ruleFiles(): Map<string, string> {
  return new Map([
    [`${FOLDER}/rules/objectives.yaml`, yaml(objectiveGroups())],
    [`${FOLDER}/rules/alerts.yaml`, yaml(ALERTS.map(({ name, alerts }) => ({ name, rules: alerts.map(alertRule) })))],
  ]);
}

/** The configuration of the collector by its path, which is written by hand. */
export function collectorFile(root: string): Map<string, string> {
  const path = `${FOLDER}/collector.yaml`;
  return new Map([[path, readFileSync(join(root, path), 'utf8')]]);
}

/** The same for the chart. */
export function chartFiles(files: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(
    [...files].map(([path, text]) => [
      path.replace(FOLDER, CHART_FOLDER),
      path.endsWith('.json') ? `${JSON.stringify(JSON.parse(text))}\n` : text,
    ]),
  );
}
