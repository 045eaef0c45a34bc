import type { Browser, BrowserContext } from 'playwright-core';
import type { SystemProcess } from '#dev/bench/system-process.ts';

/** What the measurements of the console have in common. */

export interface Line {
  readonly what: string;
  readonly figure: string;
  readonly target: string;
  readonly met: boolean;
}

export interface Measured {
  readonly system: SystemProcess;
  readonly browser: Browser;
  readonly orders: number;
  readonly log: (line: string) => void;
  /** A profile of its own with nothing in its cache, in which an admin is signed in. */
  readonly signedIn: () => Promise<BrowserContext>;
}

/** The value below which this share of the values is. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
}

export const ms = (value: number): string => `${value.toFixed(0)} ms`;
