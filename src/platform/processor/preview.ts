import { isDeepStrictEqual } from 'node:util';
import type { Envelope } from '#contracts/envelope.ts';
import type { Row } from './aggregate.ts';
import { decideBatch, type Lookup } from './batch.ts';
import { keysOf } from './rows.ts';
import { contextAt, systemClock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import type { ProcessorOptions } from './commit.ts';
import type { Projection } from './projection.ts';

/**
 * What a replay must know of a consumer: what reading an event again would do, without doing it, and whether its
 * tables can be built from the log alone. The consumer itself knows nothing of replays: it reads from its offset, and
 * recognizes what it has taken before.
 */

/** What reading an event again would do. */
export type Verdict =
  /** Recognized as taken before. */
  | { readonly kind: 'taken' }
  /** Not taken before, and the rules would ignore it. */
  | { readonly kind: 'ignored' }
  /** Not taken before: it would change something here, emit something or do something. */
  | { readonly kind: 'acts' }
  /** The rules would fail on it, and its order would be parked. */
  | { readonly kind: 'fails'; readonly reason: string };

/** Judges events in the order of the log; what earlier ones would change counts for later ones. Nothing is saved. */
export interface Preview {
  judge(database: Database, events: readonly Envelope[]): Promise<readonly Verdict[]>;
}

export interface Replayable {
  readonly consumer: string;
  readonly types: readonly string[];
  preview(): Preview;
  /** How its tables are built from the log, or why they cannot be. */
  readonly rebuild: Projection | string;
}

export type ProcessorParts<State, Command, Effect, Value> = Pick<
  ProcessorOptions<State, Command, Effect, Value>,
  'name' | 'rules' | 'store' | 'sharedKeys'
>;

/** Which of these events had their effect, where no row remembers it. */
export type HadEffect = (database: Database, events: readonly Envelope[]) => Promise<ReadonlySet<string>>;

/** The replay of a consumer that is a processor. */
export function replayable<State, Command, Effect, Value>(
  parts: ProcessorParts<State, Command, Effect, Value>,
  rebuild: Projection | string,
  hadEffect: HadEffect = async () => new Set(),
): Replayable {
  return {
    consumer: parts.name,
    types: parts.rules.consumes,
    preview: () => new ProcessorPreview(parts, hadEffect),
    rebuild,
  };
}

/** Rows that the preview has changed and remembers; with more, what comes later is judged on the stored ones. */
const CHANGED_MAX = 200_000;

class ProcessorPreview<State, Command, Effect, Value> implements Preview {
  readonly #parts: ProcessorParts<State, Command, Effect, Value>;
  readonly #hadEffect: HadEffect;
  readonly #changed = new Map<string, Row<State>>();
  readonly #values = new Map<string, Value>();

  constructor(parts: ProcessorParts<State, Command, Effect, Value>, hadEffect: HadEffect) {
    this.#parts = parts;
    this.#hadEffect = hadEffect;
  }

  async judge(database: Database, events: readonly Envelope[]): Promise<Verdict[]> {
    const ids = [...new Set(events.map((event) => event.subject))].filter((id) => !this.#changed.has(id));
    const stored = await this.#parts.store.load(database, ids);
    const rows: Lookup<Row<State>> = { get: (id) => this.#changed.get(id) ?? stored.get(id) };
    await this.#loadShared(database, events, rows);
    const had = await this.#hadEffect(database, events);
    return events.map((event) => this.#judge(event, rows, had.has(event.id)));
  }

  #judge(event: Envelope, rows: Lookup<Row<State>>, hadEffect: boolean): Verdict {
    const batch = { events: [event], commands: [] };
    const plan = decideBatch(this.#parts.rules, batch, rows, this.#values, contextAt(systemClock));
    const { changes, shared, events, effects, ignored, parked } = plan;
    for (const { key, after } of shared) this.#values.set(key, after);
    for (const { after } of changes) if (this.#changed.size < CHANGED_MAX) this.#changed.set(after.id, after);
    if (parked[0]) return { kind: 'fails', reason: parked[0].reason! };
    if (ignored[0]) return { kind: ignored[0].because === 'duplicate' ? 'taken' : 'ignored' };
    const moves = changes.some(({ before, after }) => !isDeepStrictEqual(after.state, before.state));
    const acts = events.length > 0 || moves || (!hadEffect && (shared.length > 0 || effects.length > 0));
    return { kind: acts ? 'acts' : 'taken' };
  }

  async #loadShared(database: Database, events: readonly Envelope[], rows: Lookup<Row<State>>): Promise<void> {
    const { sharedKeys, store } = this.#parts;
    if (!sharedKeys || !store.loadShared) return;
    const absent = [...keysOf({ events, commands: [] }, rows, sharedKeys)].filter((key) => !this.#values.has(key));
    if (absent.length === 0) return;
    for (const [key, value] of await store.loadShared(database, absent)) this.#values.set(key, value);
  }
}
