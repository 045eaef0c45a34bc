import type { AuditContext } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';
import type { Progress } from '#cli/output.ts';

/** What was found for one check. */
export interface Tally {
  examined: number;
  violations: number;
  /** Not at rest: an event is unread or an operation at the provider open. */
  moving: number;
  readonly examples: { subject: string; detail: string }[];
  skipped?: string;
}

export const EXAMPLES_MAX = 5;

/** Counts what an audit looks at and what it finds, by check. A check that is skipped counts nothing more. */
export class Tallies implements AuditContext {
  readonly database: Database;
  readonly #progress: Progress;
  readonly #tallies = new Map<string, Tally>();

  constructor(database: Database, progress: Progress, checks: readonly string[]) {
    this.database = database;
    this.#progress = progress;
    for (const check of checks) this.#tallies.set(check, { examined: 0, violations: 0, moving: 0, examples: [] });
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

  moving(check: string): void {
    const tally = this.#of(check);
    if (tally) tally.moving++;
  }

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
