import type { Peers } from '#contracts/peers.ts';

/** What is known is asked for again after this long, while orders go on. */
const FRESH_MS = 30_000;
/** A name that is not known is asked for at most this often. */
const RETRY_MS = 1_000;

/** The payment providers that payments has configured, as far as this process has heard. */
export class PaymentProviders {
  readonly #peers: Pick<Peers, 'paymentProviders'>;
  #known: readonly string[] | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #failure: Error | undefined;
  #asking: Promise<void> | undefined;

  constructor(peers: Pick<Peers, 'paymentProviders'>) {
    this.#peers = peers;
  }

  /** The default first; undefined where payments never answered. */
  get known(): readonly string[] | undefined {
    return this.#known;
  }

  /**
   * Sees to it that `known` can be trusted about this name (or about the default, where there is none). Asks only where
   * the name is new, so that an order usually waits for nothing. Throws where a name cannot be judged because payments
   * is not reachable; an order that names none is taken even then.
   */
  async learn(name: string | undefined): Promise<void> {
    const ageMs = performance.now() - this.#askedMs;
    if (this.#known && (name === undefined || this.#known.includes(name))) {
      if (ageMs > FRESH_MS) void this.#ask();
      return;
    }
    if (ageMs > RETRY_MS || this.#asking) await this.#ask();
    if (this.#failure !== undefined && name !== undefined && !this.#known?.includes(name)) throw this.#failure;
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#peers
      .paymentProviders({})
      .then(
        (names) => {
          this.#known = names;
          this.#failure = undefined;
        },
        (error: Error) => {
          this.#failure = error;
        },
      )
      .finally(() => {
        this.#askedMs = performance.now();
        this.#asking = undefined;
      });
    return this.#asking;
  }
}
