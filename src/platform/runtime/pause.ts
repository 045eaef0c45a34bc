/** A wait that can be ended early; one at a time. */
export class Pause {
  #end: (() => void) | undefined;

  async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#end = undefined;
  }

  /** Ends the wait that is under way, if any. */
  end(): void {
    this.#end?.();
  }
}
