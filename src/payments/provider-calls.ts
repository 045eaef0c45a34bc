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
import type { PaymentsMetrics } from './metrics.ts';
import { type PaymentProvider, ProviderUnreachable } from './provider.ts';
import { PROBE_KEY } from './provider-checks.ts';
import type { PaymentEffect } from './rules/model.ts';
import type { ProviderResult } from './rules/operation.ts';

/**
 * Makes the calls that the rules decided, after their cause is saved. Bounded on every side: calls in
 * flight, calls waiting, and the patience with each. A call that finds no room is simply not made: its row
 * holds when the reconciliation makes it.
 */

export interface ProviderCallsOptions {
  readonly providers: ReadonlyMap<string, PaymentProvider>;
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
/** Outcomes that may wait to be saved before no further call is started. Less than a processor's queue takes. */
const TELLING_MAX = 2_000;
/** Where the queue does not empty in this time, the reconciliation adds to it all the same: nobody may starve. */
const ROOM_PATIENCE_MS = 1_000;
const UNAVAILABLE = 'provider unavailable';

interface Line {
  readonly provider: PaymentProvider;
  readonly breaker: CircuitBreakerPolicy;
  openedAt: number;
  /** Metric children by operation and outcome; looking them up by labels costs more than observing. */
  readonly seconds: Map<string, { observe(seconds: number): void }>;
}

export class ProviderCalls {
  readonly #options: ProviderCallsOptions;
  readonly #lines = new Map<string, Line>();
  #queue: PaymentEffect[] = [];
  #queueStart = 0;
  /** Calls in flight. */
  #running = 0;
  /** Those, and the outcomes being saved. The latter keep no call waiting: a busy processor takes longer to save than a provider to answer. */
  #open = 0;
  #stopping = false;
  #idle: (() => void)[] = [];
  /** Waits for the queue to be empty. */
  readonly #drained = new Set<() => void>();

  constructor(options: ProviderCallsOptions) {
    this.#options = options;
    for (const [name, provider] of options.providers) {
      const breaker = circuitBreaker(handleType(ProviderUnreachable), {
        halfOpenAfter: options.breakerOpenMs,
        breaker: new CountBreaker(BREAKER),
      });
      const line: Line = { provider, breaker, openedAt: 0, seconds: new Map() };
      const gauge = options.metrics.breakerOpen.labels(name);
      gauge.set(0);
      breaker.onStateChange((state) => {
        gauge.set(state === CircuitState.Closed ? 0 : 1);
        if (state === CircuitState.Open) line.openedAt = Date.now();
        options.logger.warn(
          { provider: name, breaker: CircuitState[state] },
          'circuit breaker of a payment provider changed',
        );
      });
      this.#lines.set(name, line);
    }
  }

  /** Starts calls; never throws, never waits. */
  perform(effects: readonly PaymentEffect[]): void {
    for (const effect of effects) {
      if (this.#stopping) return;
      if (this.#free) void this.#perform(effect);
      else if (this.waiting < this.#options.queueMax) this.#queue.push(effect);
    }
  }

  get #free(): boolean {
    return this.#running < this.#options.concurrency && this.#open - this.#running < TELLING_MAX;
  }

  get waiting(): number {
    return this.#queue.length - this.#queueStart;
  }

  /**
   * How many calls to a provider the reconciliation may add: none unless its breaker is closed, and then only what
   * can begin soon. It waits for calls under way to end, so that what piled up leaves in batches, as fast as the
   * provider takes it, and nothing expires in the queue.
   */
  async room(provider: string): Promise<number> {
    const { concurrency, queueMax } = this.#options;
    const isClosed = (): boolean => !this.#stopping && this.#lines.get(provider)?.breaker.state === CircuitState.Closed;
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

  /**
   * Tries a provider whose breaker has been open long enough, with one harmless question. Any answer closes
   * the breaker; an operation as the trial would let one unlucky order keep everybody waiting.
   */
  async probe(provider: string): Promise<void> {
    const line = this.#lines.get(provider);
    if (line?.breaker.state !== CircuitState.Open || Date.now() - line.openedAt < this.#options.breakerOpenMs) return;
    // Still unreachable: the breaker has opened by itself.
    await line.breaker.execute(() => line.provider.find(PROBE_KEY)).catch(() => {});
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
    if (!this.busy) for (const idle of this.#idle.splice(0)) idle();
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
    const line = this.#lines.get(effect.provider);
    // The provider was removed from the configuration while its operations are open.
    if (!line) return { type: 'unknown', reason: 'provider not configured', unsent: true };
    const startedMs = performance.now();
    const span = this.#trace(effect);
    let result: ProviderResult;
    try {
      // The policy would let others wait for the trial call; they are better refused at once.
      if (line.breaker.state === CircuitState.HalfOpen) throw new BrokenCircuitError();
      result = await line.breaker.execute(() => this.#send(line.provider, effect, span?.traceparent));
    } catch (error) {
      span?.end(error as Error);
      if (error instanceof BrokenCircuitError) return { type: 'unknown', reason: UNAVAILABLE, unsent: true };
      if (!(error instanceof ProviderUnreachable))
        this.#options.logger.error({ err: error, orderId: effect.orderId }, 'a provider call failed in our code');
      result = { type: 'unknown', reason: error instanceof ProviderUnreachable ? error.message : 'internal_error' };
    }
    span?.set({ 'olms.payment.result': result.type });
    span?.end();
    this.#observe(line, effect, result, (performance.now() - startedMs) / 1000);
    return result;
  }

  #send(
    provider: PaymentProvider,
    { call, operation, orderId, token, currency, chargeReference }: PaymentEffect,
    traceparent: string | undefined,
  ): Promise<ProviderResult> {
    if (call === 'find') return provider.find(operation.key, traceparent);
    return provider[operation.kind]({
      orderId,
      amount: operation.amount,
      currency,
      token,
      key: operation.key,
      chargeReference,
      traceparent,
    });
  }

  /** The call's span in the trace of what asked for it, however long ago that was. */
  #trace({ call, provider, operation, orderId }: PaymentEffect): TraceSpan | undefined {
    const { traceparent: parent, kind } = operation;
    if (parent === undefined) return undefined;
    const attributes = { 'olms.order.id': orderId, 'olms.payment.provider': provider };
    return this.#options.tracing?.begin(`payments ${call === 'find' ? 'find' : kind}`, {
      kind: 'client',
      parent,
      attributes,
    });
  }

  #observe(line: Line, effect: PaymentEffect, result: ProviderResult, seconds: number): void {
    const kind = effect.call === 'find' ? 'find' : effect.operation.kind;
    const name = `${kind} ${result.type}`;
    let child = line.seconds.get(name);
    if (!child) {
      child = this.#options.metrics.providerSeconds.labels(effect.provider, kind, result.type);
      line.seconds.set(name, child);
    }
    child.observe(seconds);
  }

  get busy(): boolean {
    return this.#open > 0 || this.waiting > 0;
  }

  /** Resolves when no call is in flight or waiting, and every outcome was saved. */
  async idle(): Promise<void> {
    if (!this.busy) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Starts no further calls and waits for the ones in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#queue = [];
    this.#queueStart = 0;
    await this.idle();
    for (const provider of this.#options.providers.values()) await provider.close();
  }
}
