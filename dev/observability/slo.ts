/**
 * What is promised to callers, and how fast the budget for breaking it burns. Everything that alerts and dashboards say
 * about it follows from this table.
 */

export interface Objective {
  readonly name: string;
  /** In words, for people. */
  readonly promise: string;
  /** Share that may break the promise. */
  readonly budget: number;
  /** Share of requests or orders that broke it within a window such as `5m`. */
  readonly errors: (window: string) => string;
}

/**
 * Requests as callers see them: those that the front door answers, which is the gateway or the process that runs
 * everything. Behind a gateway each would be counted once more. Without the label `component` all processes count.
 */
export const FRONT_DOOR = 'component=~"|gateway|olms",route!~"/metrics|/health/.*|/actuator/.*"';

const share = (bad: string, all: string): string => `(${bad}) / (${all})`;
const slowerThan = (metric: string, seconds: number, window: string): string =>
  `1 - ${share(`sum(rate(${metric}_bucket{le="${seconds}"}[${window}]))`, `sum(rate(${metric}_count[${window}]))`)}`;

export const OBJECTIVES: readonly Objective[] = [
  {
    name: 'availability',
    promise: '99.9 % of requests are not answered with 5xx',
    budget: 0.001,
    errors: (window) =>
      share(
        `sum(rate(olms_http_request_seconds_count{${FRONT_DOOR},status=~"5.."}[${window}])) or vector(0)`,
        `sum(rate(olms_http_request_seconds_count{${FRONT_DOOR}}[${window}]))`,
      ),
  },
  {
    name: 'placing',
    promise: '99 % of new orders are taken within half a second, without what a caller asks to wait for',
    budget: 0.01,
    errors: (window) => slowerThan('olms_order_taking_seconds', 0.5, window),
  },
  {
    name: 'decision',
    promise: '99 % of orders are decided on (reserved, in line or rejected) within five seconds',
    budget: 0.01,
    errors: (window) => slowerThan('olms_order_decision_seconds', 5, window),
  },
];

/** Windows over which errors are recorded; the longest is the month of the budget. */
export const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d', '30d'] as const;
export type Window = (typeof WINDOWS)[number];

export interface Burn {
  /** How many times faster than the budget allows. */
  readonly factor: number;
  /** The burn lasts: the long window. It still goes on: the short one. */
  readonly long: Window;
  readonly short: Window;
}

/** 2 % of a month's budget in an hour or 5 % in six wake somebody; 10 % in a day or in three can wait for the morning. */
export const FAST_BURNS: readonly Burn[] = [
  { factor: 14.4, long: '1h', short: '5m' },
  { factor: 6, long: '6h', short: '30m' },
];
export const SLOW_BURNS: readonly Burn[] = [
  { factor: 3, long: '1d', short: '2h' },
  { factor: 1, long: '3d', short: '6h' },
];

export const errorsOver = (window: Window): string => `olms:slo_errors:ratio_rate${window}`;
export const BUDGET = 'olms:slo_budget:ratio';

/** True for an objective (label `slo`) whose budget burns so fast in both windows. */
export function burns(all: readonly Burn[]): string {
  return all
    .map(({ factor, long, short }) =>
      [long, short].map((window) => `${errorsOver(window)} > ${factor} * ${BUDGET}`).join(' and '),
    )
    .map((each) => `(${each})`)
    .join(' or ');
}
