import { FRONT_DOOR } from './slo.ts';

/** What dashboards are made of. */

export interface Query {
  readonly expr: string;
  /** What a line is called; in Grafana's words, such as `{{status}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** A unit of Grafana's. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** `lines` over time by default; `now` is one number each, `bars` the sums of the range. */
  readonly kind?: 'lines' | 'now' | 'bars';
  readonly meaning?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly meaning: string;
  readonly rows: Readonly<Record<string, readonly Panel[]>>;
}

/** A query, and what its lines are called. */
export const q = (expr: string, legend: string): Query => ({ expr, legend });
/** Panels: lines over time, one number each now, bars over the range, and any of them with what it means. */
export const lines = (title: string, unit: string, ...queries: Query[]): Panel => ({ title, unit, queries });
export const now = (title: string, unit: string, ...queries: Query[]): Panel => ({ title, unit, queries, kind: 'now' });
export const bars = (title: string, unit: string, ...queries: Query[]): Panel => ({
  title,
  unit,
  queries,
  kind: 'bars',
});
export const meaning = (text: string, panel: Panel): Panel => ({ ...panel, meaning: text });

/** A rate a second, a sum over the range, a quantile; by these labels. */
export const rate = (series: string, by = ''): string =>
  `sum${by === '' ? '' : ` by (${by})`} (rate(${series}[$__rate_interval]))`;
export const over = (series: string, by = ''): string =>
  `sum${by === '' ? '' : ` by (${by})`} (increase(${series}[$__range]))`;
export const quantile = (share: number, metric: string, by: string, where = ''): string =>
  `histogram_quantile(${share}, sum by (${[by, 'le'].filter(Boolean).join(', ')}) (rate(${metric}_bucket${where}[$__rate_interval])))`;
/** Requests as callers see them. */
export const REQUESTS = `olms_http_request_seconds_count{${FRONT_DOOR}}`;
