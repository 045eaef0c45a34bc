import type { Database } from '#platform/database/database.ts';
import type { Write } from '#platform/database/statement.ts';
import { isAfter, LOG_START, type LogPosition, moveOffsets } from '#platform/log/bus.ts';
import type { BehindPartitions } from './behind-partitions.ts';
import type { PublishedMarks } from './published-marks.ts';

/** A crash publishes again what was published in this time; saving costs a commit. */
const SAVE_EVERY_MS = 250;

export interface RelayCursorOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly marks: PublishedMarks;
  readonly behind: BehindPartitions;
  /** A save that nobody waits for has failed. */
  readonly onFailure: (error: unknown) => void;
}

/** How far a relay has read the log, and what of that is stored: position, marks and partitions that are behind, in one statement. */
export class RelayCursor {
  /** Everything up to here is published, but for the partitions that are behind. */
  read: LogPosition = LOG_START;
  readonly #options: RelayCursorOptions;
  #stored: LogPosition = LOG_START;
  #saving: Promise<void> | undefined;
  #savedMs = 0;

  constructor(options: RelayCursorOptions) {
    this.#options = options;
  }

  get stored(): LogPosition {
    return this.#stored;
  }

  /** Begins at what is stored. */
  begin(stored: LogPosition): void {
    this.#stored = stored;
    this.read = stored;
  }

  /** Stores how far the relay is, at most one write at a time and not for every small batch; at once where `now`. */
  async save(now: boolean): Promise<void> {
    if (this.#saving) {
      if (!now) return;
      await this.#saving;
    }
    if (!now && Date.now() - this.#savedMs < SAVE_EVERY_MS) return;
    if (!isAfter(this.read, this.#stored) && this.#options.behind.writes().writes.length === 0) return;
    this.#savedMs = Date.now();
    this.#saving = this.#write(this.read, [])
      .catch((error: unknown) => this.#options.onFailure(error))
      .finally(() => {
        this.#saving = undefined;
      });
    if (now) await this.#saving;
  }

  /** Stores that the log was published up to `to`, together with something else. */
  async saveWith(writes: readonly Write[], to: LogPosition): Promise<void> {
    await this.#saving;
    await this.#write(to, writes);
  }

  async #write(to: LogPosition, more: readonly Write[]): Promise<void> {
    const { consumer, database, marks, behind } = this.#options;
    const held = behind.writes();
    // A move from a position to itself changes nothing but still fences: a relay of the past writes nothing.
    await database.write([
      moveOffsets(consumer, [{ partition: 0, from: this.#stored, to }]),
      marks.write(to, (partition) => behind.positionOf(partition)),
      ...held.writes,
      ...more,
    ]);
    held.saved();
    this.#stored = to;
  }

  /** Resolves when no save is under way. */
  async settled(): Promise<void> {
    await this.#saving;
  }
}
