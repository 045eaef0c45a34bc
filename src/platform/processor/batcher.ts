/**
 * Group commit: what arrives together is written together. Items wait only while every writer is busy, so a
 * quiet system answers at once and a busy one forms batches. Callers who were answered together come back together,
 * though not in the same instant: a batch that begins smaller than the one before waits {@link COMPANY_MS} for the
 * others, as `commit_delay` with `commit_siblings` does in PostgreSQL. Whoever is alone is never held.
 */
export interface BatcherOptions<Item, Result> {
  /** Handles a batch; results in the order of the items. A failure fails the whole batch. */
  readonly flush: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly batchMax: number;
  readonly writersMax: number;
  readonly queueMax: number;
}

/** A fraction of what a write takes: a group that is split meets itself again at every step of its way. */
const COMPANY_MS = 1;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  #queue: Waiting<Item, Result>[] = [];
  #writers = 0;
  #turn: NodeJS.Immediate | undefined;
  #hold: NodeJS.Timeout | undefined;
  /** Items of the last batch. */
  #before = 0;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#queue.length >= this.#options.queueMax;
  }

  /** The item's result once its batch is handled. Callers check {@link full} first. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#turn || this.#writers >= this.#options.writersMax || this.#queue.length === 0) return;
    // One turn of the event loop: requests parsed in the same turn share a batch.
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (this.#queue.length >= this.#before) this.#begin();
      else this.#hold ??= setTimeout(() => this.#begin(), COMPANY_MS);
    });
  }

  #begin(): void {
    clearTimeout(this.#hold);
    this.#hold = undefined;
    if (this.#writers < this.#options.writersMax && this.#queue.length > 0) void this.#write();
    this.#schedule();
  }

  async #write(): Promise<void> {
    const batch = this.#queue.splice(0, this.#options.batchMax);
    this.#before = batch.length;
    this.#writers++;
    try {
      const results = await this.#options.flush(batch.map((waiting) => waiting.item));
      batch.forEach((waiting, index) => waiting.resolve(results[index]!));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      this.#writers--;
      this.#schedule();
    }
  }
}
