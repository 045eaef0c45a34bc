import type { Server } from 'node:http';

/**
 * A process that was asked to stop serves on for a while: whoever hands requests to it has not heard of it yet. It is not
 * ready any more, and each answer closes its connection and says so to other processes, which take another replica.
 */

/** On the answers of a process that is about to stop. */
export const DRAINING_HEADER = 'olms-draining';

export class Drain {
  #active = false;

  /** True from the moment it was asked to stop. */
  get active(): boolean {
    return this.#active;
  }

  /** From now on every answer closes its connection. */
  begin(server: Server): void {
    if (this.#active) return;
    this.#active = true;
    // Before the routes see the request. Until then requests cost nothing for it.
    server.prependListener('request', (_request, response) => {
      response.shouldKeepAlive = false;
      response.setHeader(DRAINING_HEADER, 'true');
    });
  }
}
