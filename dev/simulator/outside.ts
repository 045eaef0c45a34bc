import type { PaymentEffect, Payment, PaymentCommand } from '#payments/rules/model.ts';
import type { ProviderResult } from '#payments/rules/operation.ts';
import { type Charge, ProviderBooks, tellingOf } from './provider.ts';
import type { Replica } from './replica.ts';
import type { Story } from './story.ts';

/** The wire between payments and the provider: late, lost and repeated calls, replies and webhooks. */

const TIMEOUT_MS = 2_000;
const WEBHOOK_RETRY_MS = 5_000;
const WEBHOOK_ATTEMPTS_MAX = 20;
const REFUSALS_MAX = 2;
const FLAKY_FAILURES = 2;

type PaymentReplica = Replica<Payment, PaymentCommand, PaymentEffect, never>;

export class PaymentOutside {
  readonly books: ProviderBooks;
  /** Calls that left to act, by key, whether or not they have arrived. */
  readonly left = new Map<string, number>();
  readonly #story: Story;
  readonly #failures = new Map<string, number>();
  #refusals = 0;

  constructor(story: Story) {
    this.#story = story;
    this.books = new ProviderBooks({
      refuses: () => this.#refusals < REFUSALS_MAX && story.random.chance(0.05) && ++this.#refusals > 0,
    });
  }

  /** Makes a call that the rules asked for, once it finds its place in the queue. */
  call(effect: PaymentEffect, replica: PaymentReplica): void {
    const { random, scheduler } = this.#story;
    const { incarnation } = replica;
    const queuedMs = this.#story.strikes('network') ? random.duration(1, 6_000) : random.below(3);
    scheduler.after(queuedMs, () => {
      if (replica.incarnation !== incarnation) return;
      // Too late: the reconciliation may be asking about it already.
      if (effect.expiresAt <= scheduler.nowMs) return;
      const reply = (result: ProviderResult, afterMs: number): void => {
        scheduler.after(afterMs, () => {
          if (replica.incarnation !== incarnation)
            return this.#story.note(() => `${replica.name} is gone when the provider reports ${result.type}`);
          const { operation, orderId } = effect;
          replica.service.submit(
            orderId,
            { type: 'outcome', key: operation.key, call: operation.lastCall, result },
            { to: replica, cause: { causationid: operation.id, correlationid: operation.correlationid } },
          );
        });
      };
      // Not let through: the call never leaves.
      if (this.#story.strikes('breakerOpen'))
        return reply({ type: 'unknown', reason: 'provider unavailable', unsent: true }, 0);
      if (effect.call === 'find') this.#find(effect, reply);
      else this.#send(effect, reply);
    });
  }

  #find({ operation }: PaymentEffect, reply: (result: ProviderResult, afterMs: number) => void): void {
    const { random } = this.#story;
    if (this.#story.strikes('network')) return reply({ type: 'unknown', reason: 'timeout' }, TIMEOUT_MS);
    reply(this.books.find(operation.key), random.between(1, 50));
  }

  #send(effect: PaymentEffect, reply: (result: ProviderResult, afterMs: number) => void): void {
    const { random, scheduler } = this.#story;
    const { token, operation } = effect;
    const left = this.left.get(operation.key) ?? 0;
    this.left.set(operation.key, left + 1);
    const charging = operation.kind === 'charge' || operation.kind === 'authorize';
    const first = !this.books.knows(operation.key);
    if (token === 'tok_flaky' && charging) {
      const failures = this.#failures.get(operation.key) ?? 0;
      this.#failures.set(operation.key, failures + 1);
      if (failures < FLAKY_FAILURES) return reply({ type: 'unknown', reason: 'http_503' }, random.between(1, 20));
    }
    if (this.#story.strikes('network')) {
      switch (random.below(5)) {
        case 0:
          this.left.set(operation.key, left);
          return reply({ type: 'unknown', reason: 'provider unavailable', unsent: true }, 0);
        case 1:
          return reply({ type: 'unknown', reason: 'connection refused' }, random.between(1, 20));
        case 2:
          // On its way for a long time; we have given up by then, and may have asked about it meanwhile.
          scheduler.after(random.duration(1_000, 20_000), () => this.#act(effect));
          return reply({ type: 'unknown', reason: 'timeout' }, TIMEOUT_MS);
        case 3:
          // Longer than payments think possible. A charge given up meanwhile is found out by its webhook alone.
          scheduler.after(random.duration(20_000, 300_000), () => {
            this.#act(effect, true);
          });
          return reply({ type: 'unknown', reason: 'timeout' }, TIMEOUT_MS);
        default:
          this.#act(effect);
          return reply({ type: 'unknown', reason: 'connection reset' }, random.between(1, TIMEOUT_MS));
      }
    }
    const result = this.#act(effect);
    if (charging && first && token === 'tok_timeout') return reply({ type: 'unknown', reason: 'timeout' }, TIMEOUT_MS);
    if (charging && first && token === 'tok_lost_reply')
      return reply({ type: 'unknown', reason: 'connection reset' }, random.between(1, 20));
    reply(result, random.duration(1, 1_500));
  }

  #act(effect: PaymentEffect, surelyTold = false): ProviderResult {
    const { random, scheduler } = this.#story;
    const { key } = effect.operation;
    const known = this.books.knows(key);
    const result = this.books.act(effect);
    this.#story.note(
      () =>
        `provider: ${effect.operation.kind} ${effect.operation.amount} of ${this.#story.nameOf(effect.orderId)}: ${JSON.stringify(result)}`,
    );
    const charge = this.books.charges.get(key);
    if (known || !charge) return result;
    if (charge.status === 'pending') {
      const approves = effect.token !== 'tok_pending_declined';
      scheduler.after(random.duration(100, 1_800_000), () => {
        this.books.decide(charge, approves);
        if (surelyTold || !random.chance(0.25)) this.#webhook(charge, 1);
        if (random.chance(0.3)) this.#webhook(charge, 1);
      });
    } else if (surelyTold || random.chance(0.1)) this.#webhook(charge, 1);
    return result;
  }

  /** Reports a fact by webhook, and repeats it while nobody answers. */
  #webhook(charge: Charge, attempt: number): void {
    const { random, scheduler, services } = this.#story;
    scheduler.after(attempt === 1 ? random.duration(1, 60_000) : WEBHOOK_RETRY_MS, () => {
      const up = services.payments.replicas.filter((replica) => replica.alive);
      const replica = up.length === 0 ? undefined : random.pick(up);
      const operation = replica
        ?.read(charge.orderId)
        ?.state?.operations.find((candidate) => candidate.key === charge.key);
      if (!replica || !operation) {
        if (attempt < WEBHOOK_ATTEMPTS_MAX) this.#webhook(charge, attempt + 1);
        return;
      }
      const cause = { causationid: operation.id, correlationid: operation.correlationid };
      // Acknowledged once it is saved; a crash before that leaves the provider without an answer, and it reports it once more.
      let heard = false;
      replica.service.submit(
        charge.orderId,
        { type: 'outcome', key: charge.key, result: tellingOf(charge) },
        { to: replica, cause, reply: () => (heard = true) },
      );
      scheduler.after(
        WEBHOOK_RETRY_MS,
        () => !heard && attempt < WEBHOOK_ATTEMPTS_MAX && this.#webhook(charge, attempt + 1),
      );
    });
  }
}
