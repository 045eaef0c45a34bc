/** Timers that end together. */
export class Timers {
  readonly #running = new Set<NodeJS.Timeout>();

  /** Calls back after a while, unless {@link stop} comes first. */
  after(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      then();
    }, ms);
    this.#running.add(timer);
  }

  stop(): void {
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }
}
