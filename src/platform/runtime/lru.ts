/**
 * A bounded map that forgets what was not used lately. Two generations instead of a list: a value found in
 * the old one moves to the young one, and when the young one is full the old one is dropped whole.
 */
export class Lru<Value> {
  readonly #generationMax: number;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** Holds the last `max / 2` to `max` values used. */
  constructor(max: number) {
    this.#generationMax = Math.max(1, max >>> 1);
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    this.#young.set(key, value);
    if (this.#young.size <= this.#generationMax) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
