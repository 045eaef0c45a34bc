import type { Envelope } from '#contracts/envelope.ts';
import { Lru } from '#platform/runtime/lru.ts';
import { emptyRow, type Row } from './aggregate.ts';
import type { Batch, CommandRequest, Lookup, Plan, RowChange } from './batch.ts';

/**
 * What a process remembers of rows and shared values between batches, and with that, what has to be read for the next
 * one. The caller reads (from SQL, or from the simulator's maps) what is named as missing and adds it.
 */

const REMEMBERED_MAX = 20_000;

/** Keys of shared values that folding this event or command may touch, given the state of its order. */
export type SharedKeys<State, Command> = (
  item: { readonly event?: Envelope; readonly command?: Command },
  state: State | undefined,
) => readonly string[];

export interface Loaded<State, Value> {
  /** The row of each order of the batch; the empty one where none is stored. */
  readonly rows: Map<string, Row<State>>;
  readonly values: Map<string, Value>;
  /** Orders whose row is not remembered: it has to be read, and then is the stored one. */
  readonly missing: readonly string[];
  /** Of the remembered shared values when this was loaded. */
  readonly epoch: number;
}

export interface RememberedOptions {
  /** No other process writes: a remembered row is the stored one. */
  readonly soleWriter: boolean;
  /** Keep shared values between batches; only where no other process changes them. */
  readonly keepShared: boolean;
  /** Event types that open a row: it is taken to be absent without being read. */
  readonly opensWith?: readonly string[] | undefined;
}

export class Remembered<State, Value> {
  readonly #rows = new Lru<Row<State>>(REMEMBERED_MAX);
  readonly #values = new Lru<Value>(REMEMBERED_MAX);
  readonly #options: RememberedOptions;
  readonly #opensWith: ReadonlySet<string>;
  /** Counts changes from outside: a batch that was loaded before one must not keep what it read. */
  #epoch = 0;

  constructor(options: RememberedOptions) {
    this.#options = options;
    this.#opensWith = new Set(options.opensWith);
  }

  row(id: string): Row<State> | undefined {
    return this.#rows.get(id);
  }

  /** Rows saved by somebody else in this process; those known already stay as they are. */
  addRows(rows: readonly Row<State>[]): void {
    for (const row of rows) if (!this.#rows.get(row.id)) this.#rows.set(row.id, row);
  }

  forgetRows(ids: Iterable<string>): void {
    for (const id of ids) this.#rows.delete(id);
  }

  /** Shared values were changed outside the processor. */
  forgetShared(keys: readonly string[]): void {
    this.#epoch++;
    for (const key of keys) this.#values.delete(key);
  }

  /** Forgets all a batch was decided on: saving it has failed. */
  forgetBatch(batch: Batch<CommandRequest<unknown>>): void {
    for (const { subject } of batch.events) this.#rows.delete(subject);
    for (const { orderId } of batch.commands) this.#rows.delete(orderId);
    this.#values.clear();
  }

  clear(): void {
    this.#rows.clear();
    this.#values.clear();
  }

  /** The rows that are remembered for a batch. With `trustOpening`, an unknown row is absent where an event opens it. */
  load(batch: Batch<CommandRequest<unknown>>, trustOpening: boolean): Loaded<State, Value> {
    const rows = new Map<string, Row<State>>();
    const missing: string[] = [];
    const add = (id: string, opens: boolean): void => {
      if (rows.has(id)) return;
      const row = this.#rows.get(id);
      rows.set(id, row ?? emptyRow(id));
      if (!row && !opens) missing.push(id);
    };
    for (const { subject, type } of batch.events) add(subject, trustOpening && this.#opensWith.has(type));
    for (const { orderId } of batch.commands) add(orderId, false);
    return { rows, values: new Map(), missing, epoch: this.#epoch };
  }

  /** Adds the shared values that are remembered for a batch, and returns the keys of those that have to be read. */
  loadShared<Command>(
    batch: Batch<CommandRequest<Command>>,
    { rows, values }: Loaded<State, Value>,
    sharedKeys: SharedKeys<State, Command>,
  ): string[] {
    const absent: string[] = [];
    for (const key of keysOf(batch, rows, sharedKeys)) {
      const value = this.#values.get(key);
      if (value === undefined) absent.push(key);
      else values.set(key, value);
    }
    return absent;
  }

  /**
   * Orders that were decided without a write, on rows that were not read but remembered (another process may have moved
   * them on) or taken to be absent. They have to be decided once more, on the stored rows.
   */
  doubtful(
    { withoutWrite }: Pick<Plan<State, never, never, never>, 'withoutWrite'>,
    loaded: Loaded<State, Value>,
  ): string[] {
    if (withoutWrite.length === 0) return withoutWrite;
    const read = new Set(loaded.missing);
    return withoutWrite.filter(
      (id) => !read.has(id) && !(this.#options.soleWriter && loaded.rows.get(id)!.revision > 0),
    );
  }

  /** A batch was saved: its rows and, where they may be kept, its shared values are remembered. */
  keep(
    { rows, values, missing, epoch }: Loaded<State, Value>,
    { changes, shared }: Pick<Plan<State, never, Value, never>, 'changes' | 'shared'>,
  ): void {
    for (const id of missing) {
      const row = rows.get(id)!;
      if (row.revision > 0) this.#rows.set(id, row);
    }
    for (const { after } of changes) this.#rows.set(after.id, after);
    if (!this.#options.keepShared) return;
    // Overtaken by a change from outside, a batch keeps nothing; and what was kept before it is older still.
    if (epoch !== this.#epoch) {
      for (const key of values.keys()) this.#values.delete(key);
      for (const { key } of shared) this.#values.delete(key);
      return;
    }
    for (const [key, value] of values) this.#values.set(key, value);
    for (const { key, after } of shared) this.#values.set(key, after);
  }
}

/** Keys of the shared values that a batch may touch, each once. */
export function keysOf<State, Command>(
  { events, commands }: Batch<CommandRequest<Command>>,
  rows: Lookup<Row<State>>,
  sharedKeys: SharedKeys<State, Command>,
): Set<string> {
  const keys = new Set<string>();
  for (const event of events) for (const key of sharedKeys({ event }, rows.get(event.subject)?.state)) keys.add(key);
  for (const request of commands)
    for (const key of sharedKeys(request, rows.get(request.orderId)?.state)) keys.add(key);
  return keys;
}

/** What a store writes: the changed rows in its own form, those to insert apart from those to update. */
export function splitChanges<State, Written>(
  changes: readonly RowChange<State>[],
  written: (row: Row<State>) => Written,
): { readonly added: Written[]; readonly changed: Written[] } {
  const added: Written[] = [];
  const changed: Written[] = [];
  for (const { before, after } of changes) (before.revision === 0 ? added : changed).push(written(after));
  return { added, changed };
}
