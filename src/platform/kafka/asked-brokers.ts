import type { Logger } from '#platform/telemetry/logger.ts';

/** A broker that has not answered so long after it should have is named. */
const SILENCE_MS = 5_000;

/** Which brokers are asked, rest, or do not answer; by their numbers. One request is open to each at a time. */
export class AskedBrokers {
  /** Since when they owe an answer; those that rest owe none. */
  readonly #busy = new Map<number, number>();
  readonly #failed = new Map<number, { readonly attempts: number; readonly reason: string }>();
  #reported: string | undefined;

  isBusy(node: number): boolean {
    return this.#busy.has(node);
  }

  /** A request is sent that the broker answers within `waitMs` where all is well. */
  ask(node: number, waitMs: number): void {
    this.#busy.set(node, performance.now() + waitMs);
  }

  /** It answered; until it is {@link released} nobody asks it again. */
  answered(node: number): void {
    this.#failed.delete(node);
    if (this.#failed.size === 0) this.#reported = undefined;
    this.#busy.set(node, Number.POSITIVE_INFINITY);
  }

  /** Logs why nothing can be read, once until something can; returns the reason. */
  report(reason: string, logger: Logger): string {
    if (this.#reported !== reason) logger.warn({ reason }, 'Kafka gives no events; trying again');
    this.#reported = reason;
    return reason;
  }

  /** It did not answer; returns how often in a row. Until it is {@link released} nobody asks it again. */
  failed(node: number, reason: string, logger: Logger): number {
    const attempts = (this.#failed.get(node)?.attempts ?? 0) + 1;
    this.#failed.set(node, { attempts, reason: this.report(reason, logger) });
    this.#busy.set(node, Number.POSITIVE_INFINITY);
    return attempts;
  }

  /** It may be asked again. */
  released(node: number): void {
    this.#busy.delete(node);
  }

  /** Of others nobody wants anything any more. */
  keep(nodes: ReadonlySet<number>): void {
    for (const node of this.#failed.keys()) if (!nodes.has(node)) this.#failed.delete(node);
  }

  /** What is wrong with one of them: it refuses, or owes an answer for too long, as one does at the end of a dead connection. */
  get failure(): string | undefined {
    const [failed] = this.#failed.values();
    if (failed) return failed.reason;
    const nowMs = performance.now();
    for (const [node, sinceMs] of this.#busy)
      if (nowMs - sinceMs > SILENCE_MS)
        return `NO_ANSWER: broker ${node} has not answered for ${Math.round((nowMs - sinceMs) / 1_000)} s; look at the network between.`;
    return undefined;
  }
}
