/** Lets so many in at once; who comes then waits in line, for a bounded time. */
export class Gate {
  readonly #max: number;
  readonly #waitMaxMs: number;
  readonly #waiting: { readonly go: () => void; readonly sinceMs: number }[] = [];
  #inside = 0;

  constructor(max: number, waitMaxMs: number) {
    this.#max = max;
    this.#waitMaxMs = waitMaxMs;
  }

  /** How many wait in line. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** How long the first in line has waited, in milliseconds. */
  get waitedMs(): number {
    const [first] = this.#waiting;
    return first ? performance.now() - first.sinceMs : 0;
  }

  /** Does it once there is room. Throws where that takes too long. */
  async through<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inside < this.#max) this.#inside++;
    else await this.#turn();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next.go();
      else this.#inside--;
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        // As the pool says it, because it means the same.
        reject(new Error('timeout exceeded when trying to connect'));
      }, this.#waitMaxMs);
      const waiting = { go, sinceMs: performance.now() };
      this.#waiting.push(waiting);
    });
  }
}
