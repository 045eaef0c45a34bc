import type { AuditContext } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';
import type { Progress } from '#cli/output.ts';

/** What was found for one check. */
export interface Tally {
  examined: number;
  violations: number;
  /** Not at rest when the audit ended: an event is unread, or an operation at the provider open. */
  moving: number;
  readonly examples: { subject: string; detail: string }[];
  /** What was not at rest, such as an event that its service has not read. */
  readonly unsettled: { subject: string; detail: string }[];
  /** Why the check was not done, or not on everything. */
  skipped?: string;
}

export const EXAMPLES_MAX = 5;

/** Counts what an audit looks at and what it finds, by check. A check that is skipped counts nothing more. */
export class Tallies {
  readonly #progress: Progress;
  readonly #tallies = new Map<string, Tally>();

  constructor(progress: Progress, checks: readonly string[]) {
    this.#progress = progress;
    for (const check of checks)
      this.#tallies.set(check, { examined: 0, violations: 0, moving: 0, examples: [], unsettled: [] });
  }

  /** What a service's own audit counts with, in its database. */
  contextIn(database: Database): AuditContext {
    const { examined, violation, progress } = this;
    return { database, examined, violation, progress };
  }

  readonly examined = (check: string, count = 1): void => {
    const tally = this.#of(check);
    if (tally) tally.examined += count;
  };

  readonly violation = (check: string, subject: string, detail: string): void => {
    const tally = this.#of(check);
    if (!tally) return;
    tally.violations++;
    if (tally.examples.length < EXAMPLES_MAX) tally.examples.push({ subject, detail });
  };

  readonly progress = (what: string, done: number, total?: number): void => {
    this.#progress.update(what, done, total);
  };

  /** Violations beyond those that were named one by one. */
  more(check: string, count: number): void {
    const tally = this.#of(check);
    if (tally) tally.violations += count;
  }

  /** Something that may still come to agree by itself. */
  moving(check: string, subject: string, detail: string): void {
    const tally = this.#of(check);
    if (!tally) return;
    tally.moving++;
    if (tally.unsettled.length < EXAMPLES_MAX) tally.unsettled.push({ subject, detail });
  }

  /** A check that cannot be done; the first reason stays. */
  skip(check: string, reason: string): void {
    const tally = this.#of(check);
    if (tally) tally.skipped = reason;
  }

  isSkipped(check: string): boolean {
    return this.#of(check) === undefined;
  }

  entries(): [check: string, tally: Tally][] {
    return [...this.#tallies];
  }

  #of(check: string): Tally | undefined {
    const tally = this.#tallies.get(check);
    if (!tally) throw new Error(`No audit names the check ${check}.`);
    return tally.skipped === undefined ? tally : undefined;
  }
}
