import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Api, type CallOptions } from '#tests/support/api.ts';

/**
 * What stands before several gateways, as an ordinary load balancer does: it asks each for its readiness now and then, hands
 * requests to those that are ready, and takes another one only where the connection was refused, so that nothing was sent.
 */

const ASK_EVERY_MS = 200;
const ASK_TIMEOUT_MS = 2_000;
const TRIES = 5;
const TRY_AGAIN_MS = 50;

export class Balancer {
  readonly counts: Record<string, number> = {};
  /** Why requests had no answer. */
  readonly failures: string[] = [];
  readonly #gateways: readonly Api[];
  readonly #ready = new Set<Api>();
  #turn = 0;
  #closed = false;
  readonly #asking: Promise<unknown>;

  constructor(urls: readonly string[], key: string) {
    this.#gateways = urls.map((url) => new Api(url, key));
    for (const gateway of this.#gateways) this.#ready.add(gateway);
    this.#asking = Promise.all(this.#gateways.map((gateway) => this.#ask(gateway)));
  }

  async #ask(gateway: Api): Promise<void> {
    while (!this.#closed) {
      const ready = await fetch(`${gateway.url}/health/readiness`, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })
        .then(async (response) => {
          await response.arrayBuffer();
          return response.status === 200;
        })
        .catch(() => false);
      if (ready !== this.#ready.has(gateway)) this.#count(ready ? 'gateways put back' : 'gateways taken out');
      if (ready) this.#ready.add(gateway);
      else this.#ready.delete(gateway);
      await sleep(ASK_EVERY_MS);
    }
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** As {@link Api.call}, on a gateway that is ready. */
  async call<Body = unknown>(method: string, path: string, options: CallOptions = {}): Promise<Answer<Body>> {
    for (let tries = 1; ; tries++) {
      const ready = this.#gateways.filter((gateway) => this.#ready.has(gateway));
      const among = ready.length > 0 ? ready : this.#gateways;
      const gateway = among[this.#turn++ % among.length]!;
      try {
        return await gateway.call<Body>(method, path, options);
      } catch (error) {
        if ((error as { code?: string }).code === 'ECONNREFUSED' && tries < TRIES) {
          this.#count('connections refused, taken elsewhere');
          await sleep(TRY_AGAIN_MS);
          continue;
        }
        this.failures.push(`${method} ${path} at ${gateway.url}: ${(error as Error).message}`);
        throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#asking;
    await Promise.all(this.#gateways.map((gateway) => gateway.close()));
  }
}
