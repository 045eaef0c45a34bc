import type { Database } from './database/database.ts';
import type { Environment } from './runtime/settings.ts';

/** What a service can say about how it is doing, to `olms doctor`: read from its tables, or asked of what it stands on. */

export interface Finding {
  /** `error`: something does not work, or will not after the next fault; `warning`: it works, and should not stay so. */
  readonly severity: 'error' | 'warning';
  /** What is wrong, in a few words. */
  readonly what: string;
  /** Where and how much, as it was seen. */
  readonly detail: string;
  /** What to do about it: a command, a statement or a setting. */
  readonly do: string;
}

export interface Examined {
  /** What was seen, in a few words. */
  readonly seen: string;
  readonly findings: readonly Finding[];
  /** Why a part of it could not be looked at. */
  readonly unchecked?: string | undefined;
}

export interface Diagnosing {
  readonly env: Environment;
  /** The database of the service. */
  readonly database: Database;
  readonly nowMs: number;
  /** How long something may wait before it counts as stuck, in milliseconds. */
  readonly patienceMs: number;
}

export interface ServiceCheck {
  readonly name: string;
  /** What holds where nothing is found, in one sentence. */
  readonly meaning: string;
  /** Looks at the tables of the service. What it throws is why it could not look. */
  readonly look?: (context: Diagnosing) => Promise<Examined>;
  /** Asks what is outside; `runs`: some process of the system is known. Undefined where these settings do not use it. */
  readonly ask?: (env: Environment, runs: boolean) => Promise<Examined | undefined>;
}

/** `1 order`, `2 orders`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A sentence with its full stop, whatever somebody else's message ends with. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A time span for people, from milliseconds: `40 s`, `12 min`, `3 h`. */
export function spanOf(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
