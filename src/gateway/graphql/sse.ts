import type { ServerResponse } from 'node:http';

/** The events of one subscription, in the distinct connections mode of the GraphQL over SSE protocol. */

/** A client that takes nothing for so long is given up. */
const DRAIN_TIMEOUT_MS = 10_000;

export class SseWriter {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get open(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** Sends a result; resolves when there is room for the next one, and gives up a client that makes none. */
  async next(result: object): Promise<void> {
    if (!this.open) return;
    if (this.#response.write(`event: next\ndata: ${JSON.stringify(result)}\n\n`)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#response.destroy(), DRAIN_TIMEOUT_MS);
      const done = (): void => {
        clearTimeout(timer);
        this.#response.off('drain', done).off('close', done);
        resolve();
      };
      this.#response.on('drain', done).on('close', done);
    });
  }

  beat(): void {
    if (this.open && !this.#response.writableNeedDrain) this.#response.write(': heartbeat\n\n');
  }

  complete(): void {
    if (this.open) this.#response.end('event: complete\ndata:\n\n');
  }
}
