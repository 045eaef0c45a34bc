import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  CountBreaker,
  handleType,
} from 'cockatiel';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Tracing, TraceSpan } from '#platform/telemetry/tracing.ts';
import type { PaymentsMetrics } from '../metrics.ts';
import { type PaymentProvider, ProviderUnreachable } from './port.ts';
import type { PaymentEffect } from '../rules/model.ts';
import type { ProviderResult } from '../rules/operation.ts';

/**
 * Makes the calls that the rules decided, after their cause is saved. Bounded on every side: calls in
 * flight, calls waiting, and the patience with each. A call that finds no room is simply not made: its row
 * holds when the reconciliation makes it. Each provider has a line of its own, so that one which hangs takes
 * no place from another.
 */

export interface ProviderCallsOptions {
  readonly providers: ReadonlyMap<string, PaymentProvider>;
  /** Of each provider: calls in flight, and those that may wait for their turn. */
  readonly concurrency: number;
  readonly queueMax: number;
  readonly breakerOpenMs: number;
  readonly nowMs: () => number;
  readonly logger: Logger;
  readonly metrics: PaymentsMetrics;
  readonly tracing?: Tracing | undefined;
  /** Takes what became known. */
  readonly onOutcome: (effect: PaymentEffect, result: ProviderResult) => Promise<unknown>;
}

/** The breaker opens when half of the last calls failed, but never on fewer than ten: one slow card is no outage. */
const BREAKER = { threshold: 0.5, size: 20, minimumNumberOfCalls: 10 } as const;
/** Places at the front of the queue that may be used up before it is copied. */
const QUEUE_SPENT_MAX = 1_024;
/** Outcomes of a provider that may wait to be saved before no further call is started. Less than a processor's queue takes. */
const TELLING_MAX = 2_000;
/** Where the queue does not empty in this time, the reconciliation adds to it all the same: nobody may starve. */
const ROOM_PATIENCE_MS = 1_000;
const UNAVAILABLE = 'provider unavailable';

/** The calls to one provider: those in flight, and those that wait for their turn. */
class Line {
  readonly provider: PaymentProvider;
  readonly breaker: CircuitBreakerPolicy;
  readonly #options: ProviderCallsOptions;
  readonly #settled: () => void;
  #openedAt = 0;
  /** Metric children by operation and outcome; looking them up by labels costs more than observing. */
  readonly #seconds = new Map<string, { observe(seconds: number): void }>();
  #queue: PaymentEffect[] = [];
  #queueStart = 0;
  /** Calls in flight. */
  #running = 0;
  /** Those, and the outcomes being saved. The latter keep no call waiting: a busy processor takes longer to save than a provider to answer. */
  #open = 0;
  #stopping = false;
  /** Waits for the queue to be empty. */
  readonly #drained = new Set<() => void>();

  /** `settled` is called whenever a call has ended and its outcome was saved. */
  constructor(name: string, provider: PaymentProvider, options: ProviderCallsOptions, settled: () => void) {
    this.provider = provider;
    this.#options = options;
    this.#settled = settled;
    this.breaker = circuitBreaker(handleType(ProviderUnreachable), {
      halfOpenAfter: options.breakerOpenMs,
      breaker: new CountBreaker(BREAKER),
    });
    const gauge = options.metrics.breakerOpen.labels(name);
    gauge.set(0);
    this.breaker.onStateChange((state) => {
      gauge.set(state === CircuitState.Closed ? 0 : 1);
      if (state === CircuitState.Open) this.#openedAt = Date.now();
      options.logger.warn(
        { provider: name, breaker: CircuitState[state] },
        'circuit breaker of a payment provider changed',
      );
    });
  }

  /** Starts a call, or lets it wait; never throws. */
  perform(effect: PaymentEffect): void {
    if (this.#stopping) return;
    if (this.#free) void this.#perform(effect);
    else if (this.waiting < this.#options.queueMax) this.#queue.push(effect);
  }

  get #free(): boolean {
    return this.#running < this.#options.concurrency && this.#open - this.#running < TELLING_MAX;
  }

  get waiting(): number {
    return this.#queue.length - this.#queueStart;
  }

  get busy(): boolean {
    return this.#open > 0 || this.waiting > 0;
  }

  async room(): Promise<number> {
    const { concurrency, queueMax } = this.#options;
    const isClosed = (): boolean => !this.#stopping && this.breaker.state === CircuitState.Closed;
    if (isClosed() && this.waiting > 0) {
      await new Promise<void>((resolve) => {
        const patience = setTimeout(() => done(), ROOM_PATIENCE_MS);
        const done = (): void => {
          clearTimeout(patience);
          this.#drained.delete(done);
          resolve();
        };
        this.#drained.add(done);
      });
    }
    return isClosed() ? Math.min(2 * concurrency, concurrency + queueMax - this.#running - this.waiting) : 0;
  }

  async probe(): Promise<void> {
    const { breaker, provider } = this;
    if (breaker.state !== CircuitState.Open || Date.now() - this.#openedAt < this.#options.breakerOpenMs) return;
    // Still unreachable: the breaker has opened by itself.
    await breaker.execute(() => provider.probe()).catch(() => {});
  }

  /** Starts no further calls. */
  stop(): void {
    this.#stopping = true;
    this.#queue = [];
    this.#queueStart = 0;
  }

  #next(): void {
    const now = this.#options.nowMs();
    while (this.#free && this.waiting > 0) {
      const effect = this.#queue[this.#queueStart++]!;
      if (this.#queueStart === this.#queue.length || this.#queueStart > QUEUE_SPENT_MAX) {
        this.#queue = this.#queue.slice(this.#queueStart);
        this.#queueStart = 0;
      }
      // Too late: the reconciliation may be asking about it already.
      if (effect.expiresAt > now && !this.#stopping) void this.#perform(effect);
    }
    if (this.waiting === 0) for (const drained of this.#drained) drained();
    if (!this.busy) this.#settled();
  }

  async #perform(effect: PaymentEffect): Promise<void> {
    this.#open++;
    this.#running++;
    try {
      const result = await this.#call(effect).finally(() => this.#running--);
      this.#next();
      await this.#options.onOutcome(effect, result);
    } catch (error) {
      // The outcome of the call is lost with it; the operation's row holds when the provider is asked.
      this.#options.logger.warn(
        { err: error, orderId: effect.orderId, operation: effect.operation.kind },
        'the outcome of a provider call was not saved',
      );
    } finally {
      this.#open--;
      this.#next();
    }
  }

  async #call(effect: PaymentEffect): Promise<ProviderResult> {
    const startedMs = performance.now();
    const span = this.#trace(effect);
    let result: ProviderResult;
    try {
      // The policy would let others wait for the trial call; they are better refused at once.
      if (this.breaker.state === CircuitState.HalfOpen) throw new BrokenCircuitError();
      result = await this.breaker.execute(() => this.#send(effect, span?.traceparent));
    } catch (error) {
      span?.end(error as Error);
      if (error instanceof BrokenCircuitError) return { type: 'unknown', reason: UNAVAILABLE, unsent: true };
      if (!(error instanceof ProviderUnreachable))
        this.#options.logger.error({ err: error, orderId: effect.orderId }, 'a provider call failed in our code');
      result = { type: 'unknown', reason: error instanceof ProviderUnreachable ? error.message : 'internal_error' };
    }
    span?.set({ 'olms.payment.result': result.type });
    span?.end();
    this.#observe(effect, result, (performance.now() - startedMs) / 1000);
    return result;
  }

  #send(
    { call, operation, orderId, token, currency, chargeReference, unwanted }: PaymentEffect,
    traceparent: string | undefined,
  ): Promise<ProviderResult> {
    const { kind, amount, key, providerReference: reference } = operation;
    const what = { orderId, amount, currency, token, key, chargeReference, traceparent };
    if (call === 'look')
      return this.provider.books?.(what) ?? Promise.resolve({ type: 'unknown', reason: 'no books', unsent: true });
    return call === 'find' ? this.provider.find({ ...what, kind, reference, unwanted }) : this.provider[kind](what);
  }

  /** The call's span in the trace of what asked for it, however long ago that was. */
  #trace({ call, provider, operation, orderId }: PaymentEffect): TraceSpan | undefined {
    const { traceparent: parent, kind } = operation;
    if (parent === undefined) return undefined;
    const attributes = { 'olms.order.id': orderId, 'olms.payment.provider': provider };
    return this.#options.tracing?.begin(`payments ${call === 'send' ? kind : call}`, {
      kind: 'client',
      parent,
      attributes,
    });
  }

  #observe(effect: PaymentEffect, result: ProviderResult, seconds: number): void {
    const kind = effect.call === 'send' ? effect.operation.kind : effect.call;
    const name = `${kind} ${result.type}`;
    let child = this.#seconds.get(name);
    if (!child) {
      child = this.#options.metrics.providerSeconds.labels(effect.provider, kind, result.type);
      this.#seconds.set(name, child);
    }
    child.observe(seconds);
  }
}

export class ProviderCalls {
  readonly #options: ProviderCallsOptions;
  readonly #lines = new Map<string, Line>();
  /** Outcomes being saved of calls that had no line. */
  #unsent = 0;
  #stopping = false;
  #idle: (() => void)[] = [];

  constructor(options: ProviderCallsOptions) {
    this.#options = options;
    for (const [name, provider] of options.providers)
      this.#lines.set(name, new Line(name, provider, options, () => this.#settled()));
  }

  /** Starts calls; never throws, never waits. */
  perform(effects: readonly PaymentEffect[]): void {
    for (const effect of effects) {
      const line = this.#lines.get(effect.provider);
      if (line) line.perform(effect);
      else if (!this.#stopping) void this.#refuse(effect);
    }
  }

  /** The provider was removed from the configuration while its operations are open. */
  async #refuse(effect: PaymentEffect): Promise<void> {
    this.#unsent++;
    await this.#options
      .onOutcome(effect, { type: 'unknown', reason: 'provider not configured', unsent: true })
      .catch((error: unknown) =>
        this.#options.logger.warn({ err: error, orderId: effect.orderId }, 'that a call was not made was not saved'),
      );
    this.#unsent--;
    this.#settled();
  }

  /**
   * How many calls to a provider the reconciliation may add: none unless its breaker is closed, and then only what
   * can begin soon. It waits for calls under way to end, so that what piled up leaves in batches, as fast as the
   * provider takes it, and nothing expires in the queue.
   */
  async room(provider: string): Promise<number> {
    return (await this.#lines.get(provider)?.room()) ?? 0;
  }

  /**
   * Tries a provider whose breaker has been open long enough, with one harmless question. Any answer closes
   * the breaker; an operation as the trial would let one unlucky order keep everybody waiting.
   */
  async probe(provider: string): Promise<void> {
    await this.#lines.get(provider)?.probe();
  }

  #settled(): void {
    if (!this.busy) for (const idle of this.#idle.splice(0)) idle();
  }

  get busy(): boolean {
    if (this.#unsent > 0) return true;
    for (const line of this.#lines.values()) if (line.busy) return true;
    return false;
  }

  /** Resolves when no call is in flight or waiting, and every outcome was saved. */
  async idle(): Promise<void> {
    if (!this.busy) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Starts no further calls and waits for the ones in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const line of this.#lines.values()) line.stop();
    await this.idle();
    for (const provider of this.#options.providers.values()) await provider.close();
  }
}
