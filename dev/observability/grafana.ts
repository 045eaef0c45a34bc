import { DASHBOARDS } from './dashboards.ts';
import type { Dashboard, Panel } from './panels.ts';
import { FOLDER } from './rules.ts';

/** Dashboards as the files that Grafana provisions. */

const COLUMNS = 24;
const PER_ROW = 3;
const WIDTH = COLUMNS / PER_ROW;
const HEIGHT = 8;
const TYPES = { lines: 'timeseries', now: 'stat', bars: 'bargauge' } as const;
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const SCHEMA_VERSION = 39;

const OPTIONS = {
  lines: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  now: { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value', graphMode: 'area' },
  bars: {
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    orientation: 'horizontal',
    displayMode: 'basic',
  },
} as const;

function panelOf({ title, unit, queries, kind = 'lines', meaning }: Panel, id: number, x: number, y: number): object {
  return {
    id,
    title,
    type: TYPES[kind],
    ...(meaning !== undefined && { description: meaning }),
    datasource: DATASOURCE,
    gridPos: { h: HEIGHT, w: WIDTH, x, y },
    fieldConfig: {
      defaults: { unit, ...(kind === 'lines' && { min: 0, custom: { fillOpacity: 10, showPoints: 'never' } }) },
      overrides: [],
    },
    options: OPTIONS[kind],
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint('A'.codePointAt(0)! + index),
      datasource: DATASOURCE,
      editorMode: 'code',
      expr,
      legendFormat: legend,
      // What sums up the range is asked once; lines show the traces behind them where there are any.
      ...(kind === 'lines' ? { range: true, exemplar: expr.includes('olms_http_request_seconds_bucket') } : {}),
      ...(kind !== 'lines' && { range: false, instant: true }),
    })),
  };
}

function dashboardOf({ uid, title, meaning, rows }: Dashboard): object {
  const panels: object[] = [];
  let y = 0;
  for (const [row, members] of Object.entries(rows)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row,
      collapsed: false,
      gridPos: { h: 1, w: COLUMNS, x: 0, y: y++ },
      panels: [],
    });
    for (const [index, panel] of members.entries())
      panels.push(
        panelOf(panel, panels.length + 1, (index % PER_ROW) * WIDTH, y + Math.floor(index / PER_ROW) * HEIGHT),
      );
    y += Math.ceil(members.length / PER_ROW) * HEIGHT;
  }
  return {
    uid,
    title,
    description: meaning,
    tags: ['olms'],
    editable: false,
    graphTooltip: 1,
    links: [
      {
        type: 'dashboards',
        title: 'OLMS',
        tags: ['olms'],
        asDropdown: true,
        icon: 'external link',
        targetBlank: false,
      },
    ],
    panels,
    refresh: '30s',
    schemaVersion: SCHEMA_VERSION,
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {}, hide: 0 },
      ],
    },
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    version: 1,
  };
}

/** The files by path. */
export function dashboardFiles(): Map<string, string> {
  return new Map(
    DASHBOARDS.map((dashboard) => [
      `${FOLDER}/dashboards/${dashboard.uid}.json`,
      `${JSON.stringify(dashboardOf(dashboard), undefined, 1)}\n`,
    ]),
  );
}

/** A query with Grafana's own variables replaced, as Prometheus takes it. */
export function promql(expr: string, range: string): string {
  return expr.replaceAll('$__rate_interval', range).replaceAll('$__range', range);
}
