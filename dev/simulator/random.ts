/**
 * Everything a story leaves to chance comes from here, so that one number replays all of it. The generator
 * is sfc32, seeded by splitmix32: small, fast, and without a relation between neighbouring seeds.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    let state = seed >>> 0;
    const splitmix = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = splitmix();
    this.#b = splitmix();
    this.#c = splitmix();
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  /** A duration between two, every order of magnitude equally likely. */
  duration(lowMs: number, highMs: number): number {
    return Math.round(lowMs * (highMs / lowMs) ** (this.next() / 0x1_0000_0000));
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** Ids of the shape of UUIDv7: virtual time, a counter that keeps them in order, and chance. */
export class Ids {
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(nowMs: number): string {
    const time = hex(nowMs, 12);
    const count = ++this.#count;
    const high = hex(0x8000 | ((count >>> 12) & 0x3fff), 4);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(count & 0xfff, 3)}-${high}-${hex(this.#random.next(), 8)}${hex(count & 0xffff, 4)}`;
  }
}
