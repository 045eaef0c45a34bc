import { refuse, type Refusal } from '#contracts/errors.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import type { EventData, NewEvent, OrderEvent, PaymentStatus } from '#contracts/order-events.ts';
import { ignore, type Ignored, type Outcome, type Rules } from '#platform/processor/aggregate.ts';

/**
 * What happens to the money of an order. Decides which operations a provider is asked for, what their
 * outcome means, and how each is undone. An operation is saved before its first call; as long as nobody
 * knows its outcome it is asked for by its key, and repeated only under that same key.
 */

export type CaptureMode = 'automatic' | 'on_dispatch';
export type OperationKind = 'charge' | 'authorize' | 'capture' | 'void' | 'refund';
export type OperationState = 'pending' | 'in_doubt' | 'awaiting_provider' | 'succeeded' | 'failed';

/** What a call is for: to act under the key, or to ask what became of it. */
export type CallType = 'send' | 'find';

/** A call whose outcome nobody has told yet. */
export interface OpenCall {
  readonly number: number;
  readonly type: CallType;
  /** When it was decided. */
  readonly atMs: number;
}

/** One logical operation at the provider. */
export interface Operation {
  readonly id: string;
  readonly kind: OperationKind;
  readonly amount: string;
  /** Idempotency key sent to the provider: the same in every retry, a new one only after a definite failure. */
  readonly key: string;
  readonly state: OperationState;
  /** Calls under this key that may have left this process. While it is 0, the provider cannot know the key. */
  readonly calls: number;
  /** When the last of them may have left. */
  readonly sentAt?: number | undefined;
  /** Number of the last call, questions included; absent in rows saved before calls had numbers. */
  readonly lastCall?: number | undefined;
  /** That call, as long as its outcome is awaited. An earlier one has nothing to say any more, unless it is a fact. */
  readonly openCall?: OpenCall | undefined;
  /** Calls that told no outcome; they stretch the waiting. */
  readonly attempts: number;
  /** Definite failures of earlier keys. */
  readonly refusals: number;
  readonly nextAttemptAt?: number | undefined;
  readonly providerReference?: string | undefined;
  readonly reason?: string | undefined;
  /** The refund that the order asked for; undefined where the operation undoes a cancelled order. */
  readonly refundId?: string | undefined;
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
}

/** The money of one order. Amounts are minor units. */
export interface Payment {
  readonly orderId: string;
  readonly provider: string;
  readonly token: string;
  readonly currency: string;
  readonly status: PaymentStatus;
  readonly amount: bigint;
  readonly authorized: bigint;
  readonly captured: bigint;
  readonly voided: bigint;
  readonly refunded: bigint;
  readonly chargeReference?: string | undefined;
  readonly operations: readonly Operation[];
  /** The order ended: whatever is or becomes known to be held is given back. */
  readonly cancelRequested: boolean;
  /** PaymentPending was said for this payment. */
  readonly pendingTold: boolean;
}

/** What a provider tells of an operation, by its reply, by webhook, or when asked: three tellings of one fact. */
export type ProviderResult =
  | { readonly type: 'approved'; readonly reference: string }
  | { readonly type: 'declined'; readonly reason: string }
  | { readonly type: 'pending'; readonly reference: string }
  /** `unsent`: the call never left, so the provider can neither have acted on it nor have been asked. */
  | { readonly type: 'unknown'; readonly reason: string; readonly unsent?: boolean }
  /** The provider was asked and does not know the key. */
  | { readonly type: 'not_found' };

export type PaymentCommand =
  /** `call` is the number of the call that tells it; a webhook has none. */
  | {
      readonly type: 'outcome';
      readonly key: string;
      readonly call?: number | undefined;
      readonly result: ProviderResult;
    }
  /** The time of the payment's next attempts may have come. */
  | { readonly type: 'due' };

/** A call to make once the decision is saved. */
export interface PaymentEffect {
  readonly call: CallType;
  readonly orderId: string;
  readonly provider: string;
  readonly token: string;
  readonly currency: string;
  readonly chargeReference: string | undefined;
  readonly operation: Operation;
  /** A call that has not begun by then is left to the reconciliation. */
  readonly expiresAt: number;
}

export interface PaymentRulesOptions {
  readonly capture: CaptureMode;
  readonly providers: ReadonlySet<string>;
  /** Longest duration of a call. */
  readonly timeoutMs: number;
  readonly cancelSafetyMs: number;
  /** Authorizations made under `on_dispatch` still wait, whatever the mode is now. */
  readonly capturesOutstanding?: () => boolean;
}

export type PaymentRules = Rules<Payment, PaymentCommand, PaymentEffect>;

export const UNKNOWN_PROVIDER = 'unknown_provider';
/** Reason of a charge given up because its order was cancelled and the provider never heard of it. */
export const ABANDONED = 'order_cancelled';
/** An operation without a recorded outcome is looked after this long after its call must have ended. */
export const SAFETY_NET_MS = 3_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 60_000;
/** What the circuit breaker held back is due again at once, as soon as the breaker lets calls through. */
const UNSENT_MS = 500;
/** A provider that said "pending" tells the outcome by webhook; asking is only the safety net. */
const POLL_FIRST_MS = 5_000;
const REFUSED_FIRST_MS = 60_000;
const REFUSED_MAX_MS = 3_600_000;

/** `first` doubled `times` times, but at most `max`. */
export function doubled(first: number, times: number, max: number): number {
  let delay = first;
  for (let i = 0; i < times && delay < max; i++) delay *= 2;
  return delay < max ? delay : max;
}

export function isOpen(operation: Operation): boolean {
  return operation.state !== 'succeeded' && operation.state !== 'failed';
}

/** When a payment is to be looked after next; undefined where every outcome is known. */
export function nextAttemptOf(payment: Payment): number | undefined {
  let next: number | undefined;
  for (const { nextAttemptAt } of payment.operations)
    if (nextAttemptAt !== undefined && (next === undefined || nextAttemptAt < next)) next = nextAttemptAt;
  return next;
}

/** Kinds whose success puts money of the customer aside. */
function holdsMoney(operation: Operation): boolean {
  return operation.kind === 'charge' || operation.kind === 'authorize';
}

interface Cause {
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
}

interface DecisionContext {
  readonly nowMs: number;
  newId(): string;
}

/** One decision in the making: the payment as it becomes, with the events and calls that follow. */
class Decision {
  payment: Payment;
  readonly events: NewEvent[] = [];
  readonly effects: PaymentEffect[] = [];
  readonly #context: DecisionContext;
  readonly #options: PaymentRulesOptions;

  constructor(payment: Payment, context: DecisionContext, options: PaymentRulesOptions) {
    this.payment = payment;
    this.#context = context;
    this.#options = options;
  }

  get outcome(): Outcome<Payment, PaymentEffect> {
    return { state: this.payment, events: this.events, effects: this.effects };
  }

  text(minor: bigint): string {
    return formatAmount(minor, this.payment.currency);
  }

  minor(operation: Operation): bigint {
    return amountMinor(operation.amount, this.payment.currency);
  }

  replace(operation: Operation): void {
    this.payment = {
      ...this.payment,
      operations: this.payment.operations.map((present) => (present.id === operation.id ? operation : present)),
    };
  }

  /** Adds a logical operation and its first call. */
  begin(kind: OperationKind, amount: bigint, cause: Cause, refundId?: string): void {
    const id = this.#context.newId();
    const { correlationid, traceparent } = cause;
    const operation: Operation = {
      id,
      kind,
      amount: this.text(amount),
      key: id,
      state: 'pending',
      calls: 0,
      attempts: 0,
      refusals: 0,
      refundId,
      correlationid,
      traceparent,
    };
    this.payment = { ...this.payment, operations: [...this.payment.operations, operation] };
    this.send(operation, 'pending');
  }

  /** Calls the provider, for the first time or again, under the operation's key. */
  send(operation: Operation, state: OperationState): void {
    const { nowMs } = this.#context;
    this.#call('send', { ...operation, state, calls: operation.calls + 1, sentAt: nowMs });
  }

  /** Asks the provider what became of the operation. */
  ask(operation: Operation): void {
    const inDoubt = operation.state === 'pending';
    this.#call('find', inDoubt ? { ...operation, state: 'in_doubt' } : operation);
    if (inDoubt) this.tellPending(operation, 'no_reply');
  }

  #call(call: CallType, operation: Operation): void {
    const { nowMs } = this.#context;
    const number = (operation.lastCall ?? 0) + 1;
    const called: Operation = {
      ...operation,
      lastCall: number,
      openCall: { number, type: call, atMs: nowMs },
      nextAttemptAt: nowMs + this.#options.timeoutMs + SAFETY_NET_MS,
    };
    this.replace(called);
    const { orderId, provider, token, currency, chargeReference } = this.payment;
    this.effects.push({
      call,
      orderId,
      provider,
      token,
      currency,
      chargeReference,
      operation: called,
      expiresAt: nowMs + SAFETY_NET_MS,
    });
  }

  tellPending(operation: Operation, reason: string): void {
    if (!holdsMoney(operation) || this.payment.pendingTold || this.payment.cancelRequested) return;
    this.events.push({ type: 'PaymentPending', data: { reason, provider: this.payment.provider } });
    this.payment = { ...this.payment, pendingTold: true };
  }

  succeed(operation: Operation, reference: string): void {
    this.replace({
      ...operation,
      state: 'succeeded',
      openCall: undefined,
      nextAttemptAt: undefined,
      providerReference: reference,
      reason: undefined,
    });
    const { payment } = this;
    const amount = this.minor(operation);
    switch (operation.kind) {
      case 'charge':
      case 'authorize': {
        const captured = operation.kind === 'charge' ? amount : 0n;
        this.payment = {
          ...payment,
          authorized: amount,
          captured,
          chargeReference: reference,
          status: captured > 0n ? 'CAPTURED' : 'AUTHORIZED',
        };
        this.#succeeded(reference);
        break;
      }
      case 'capture': {
        const captured = payment.captured + amount;
        this.payment = { ...payment, captured, status: 'CAPTURED' };
        this.events.push({
          type: 'PaymentCaptured',
          data: { amount: operation.amount, captured: this.text(captured) },
        });
        break;
      }
      case 'void':
        this.payment = { ...payment, voided: payment.voided + amount, status: 'VOIDED' };
        this.events.push({ type: 'PaymentVoided', data: { amount: operation.amount } });
        break;
      case 'refund': {
        const refunded = payment.refunded + amount;
        this.payment = {
          ...payment,
          refunded,
          status: refunded >= payment.captured ? 'REFUNDED' : 'PARTIALLY_REFUNDED',
        };
        const data = {
          refundId: operation.refundId ?? operation.id,
          amount: operation.amount,
          captured: this.text(payment.captured),
          refunded: this.text(refunded),
          currency: payment.currency,
        };
        this.events.push({ type: 'PaymentRefunded', data });
        break;
      }
    }
    this.undo(operation);
  }

  #succeeded(providerReference: string): void {
    const { amount, captured, currency, provider } = this.payment;
    this.events.push({
      type: 'PaymentSucceeded',
      data: { amount: this.text(amount), captured: this.text(captured), currency, provider, providerReference },
    });
  }

  /** Nothing is to be paid, so no provider is asked. */
  succeedWithoutProvider(): void {
    this.payment = { ...this.payment, status: 'CAPTURED' };
    this.#succeeded('none');
  }

  failPayment(reason: string): void {
    this.payment = { ...this.payment, status: 'FAILED' };
    this.events.push({ type: 'PaymentFailed', data: { reason, provider: this.payment.provider } });
  }

  /** The provider definitely refused. */
  fail(operation: Operation, reason: string): void {
    const failed: Operation = { ...operation, state: 'failed', openCall: undefined, nextAttemptAt: undefined, reason };
    if (holdsMoney(operation)) {
      this.replace(failed);
      return this.failPayment(reason);
    }
    if (operation.kind === 'refund' && (operation.refundId !== undefined || operation.refusals === 0)) {
      this.events.push({ type: 'PaymentRefundFailed', data: { refundId: operation.refundId ?? operation.id, reason } });
    }
    if (operation.refundId !== undefined) {
      this.replace(failed);
      return this.undo(operation);
    }
    // A capture is owed to the seller, an undo to the customer: neither is ever given up. The refused key
    // is used up, so nothing can come of it any more.
    const refusals = operation.refusals + 1;
    const nextAttemptAt = this.#context.nowMs + doubled(REFUSED_FIRST_MS, operation.refusals, REFUSED_MAX_MS);
    this.replace({
      ...failed,
      state: 'pending',
      key: `${operation.id}-${refusals + 1}`,
      calls: 0,
      sentAt: undefined,
      attempts: 0,
      refusals,
      nextAttemptAt,
    });
  }

  /** Gives up a charge of a cancelled order that cannot have reached the provider. */
  abandon(operation: Operation): void {
    this.replace({ ...operation, state: 'failed', openCall: undefined, nextAttemptAt: undefined, reason: ABANDONED });
    this.failPayment(ABANDONED);
  }

  /** Gives back what a cancelled order holds: exactly what was done, once it is known. */
  undo(cause: Cause): void {
    const { payment } = this;
    if (!payment.cancelRequested) return;
    let refunding = 0n;
    for (const operation of payment.operations) {
      if (!isOpen(operation)) continue;
      if (operation.kind !== 'refund') return;
      refunding += this.minor(operation);
    }
    const held = payment.authorized - payment.captured - payment.voided;
    if (held > 0n) this.begin('void', held, cause);
    const rest = payment.captured - payment.refunded - refunding;
    if (rest > 0n) this.begin('refund', rest, cause);
  }

  /**
   * Takes an outcome. What a provider definitely said is a fact about the key, whichever call tells it, and as often
   * as it is told. That nothing is known says something about one call alone: it counts once, and only as long as no
   * later call was made.
   */
  told(operation: Operation, result: ProviderResult, call: number | undefined): void {
    const { openCall } = operation;
    const answered = openCall !== undefined && openCall.number === call ? openCall : undefined;
    const present: Operation = answered ? { ...operation, openCall: undefined } : operation;
    switch (result.type) {
      case 'approved':
        return this.succeed(present, result.reference);
      case 'declined':
        return this.fail(present, result.reason);
      case 'pending':
        return answered || present.state !== 'awaiting_provider' ? this.#wait(present, result.reference) : undefined;
      case 'unknown':
        return answered && this.#doubt(present, answered, result);
      case 'not_found':
        return answered && this.#repeat(present, answered);
    }
  }

  /** The provider decides later. */
  #wait(operation: Operation, providerReference: string): void {
    const waiting: Operation = {
      ...operation,
      state: 'awaiting_provider',
      providerReference,
      attempts: operation.attempts + 1,
      nextAttemptAt: this.#context.nowMs + doubled(POLL_FIRST_MS, operation.attempts, BACKOFF_MAX_MS),
    };
    this.replace(waiting);
    this.tellPending(waiting, 'provider_pending');
  }

  /** Nobody knows what the call did. */
  #doubt(operation: Operation, call: OpenCall, { reason, unsent }: Extract<ProviderResult, { type: 'unknown' }>): void {
    const doubtful: Operation = {
      ...operation,
      state: operation.state === 'awaiting_provider' ? operation.state : 'in_doubt',
      calls: unsent && call.type === 'send' ? operation.calls - 1 : operation.calls,
      // A call that never left says nothing about the operation: it must not wait longer for an outage of others.
      attempts: unsent ? operation.attempts : operation.attempts + 1,
      nextAttemptAt:
        this.#context.nowMs + (unsent ? UNSENT_MS : doubled(BACKOFF_FIRST_MS, operation.attempts, BACKOFF_MAX_MS)),
      reason,
    };
    if (doubtful.calls === 0 && holdsMoney(operation) && this.payment.cancelRequested) return this.abandon(doubtful);
    this.replace(doubtful);
    this.tellPending(doubtful, reason);
  }

  /** The provider did not know the key when it was asked. */
  #repeat(operation: Operation, question: OpenCall): void {
    if (!this.payment.cancelRequested || !holdsMoney(operation)) return this.send(operation, 'in_doubt');
    // The order is cancelled, so the charge is not repeated; but when it was asked, a call may still have been on its way.
    const safeAt = (operation.sentAt ?? 0) + this.#options.cancelSafetyMs;
    if (question.atMs >= safeAt) return this.abandon(operation);
    this.replace({ ...operation, state: 'in_doubt', nextAttemptAt: safeAt });
  }

  due(operation: Operation): void {
    if (operation.calls > 0) return this.ask(operation);
    if (holdsMoney(operation) && this.payment.cancelRequested) return this.abandon(operation);
    this.send(operation, operation.state);
  }
}

function requested(
  event: OrderEvent<'OrderPaymentRequested'>,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> {
  const { provider, token, currency } = event.data;
  const amount = amountMinor(event.data.amount, currency);
  const payment: Payment = {
    orderId: event.subject,
    provider,
    token,
    currency,
    status: 'PENDING',
    amount,
    authorized: 0n,
    captured: 0n,
    voided: 0n,
    refunded: 0n,
    operations: [],
    cancelRequested: false,
    pendingTold: false,
  };
  const decision = new Decision(payment, context, options);
  if (amount === 0n) decision.succeedWithoutProvider();
  else if (!options.providers.has(provider)) decision.failPayment(UNKNOWN_PROVIDER);
  else decision.begin(options.capture === 'automatic' ? 'charge' : 'authorize', amount, event);
  return decision.outcome;
}

function cancelled(
  event: OrderEvent<'OrderCancelled'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> {
  const decision = new Decision({ ...payment, cancelRequested: true }, context, options);
  for (const operation of payment.operations) {
    if (isOpen(operation) && holdsMoney(operation) && operation.calls === 0) decision.abandon(operation);
  }
  decision.undo(event);
  return decision.outcome;
}

function refundRequested(
  event: OrderEvent<'OrderRefundRequested'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> | Ignored {
  const { refundId, amount } = event.data;
  if (payment.operations.some((operation) => operation.refundId === refundId))
    return ignore('the refund was requested before');
  const decision = new Decision(payment, context, options);
  const wanted = amountMinor(amount, payment.currency);
  let refundable = payment.captured - payment.refunded;
  for (const operation of payment.operations)
    if (operation.kind === 'refund' && isOpen(operation)) refundable -= decision.minor(operation);
  if (wanted > 0n && wanted <= refundable) decision.begin('refund', wanted, event, refundId);
  else
    decision.events.push({
      type: 'PaymentRefundFailed',
      data: {
        refundId,
        reason: wanted > 0n ? 'exceeds_captured' : 'amount_invalid',
      } satisfies EventData<'PaymentRefundFailed'>,
    });
  return decision.outcome;
}

function shipped(
  event: OrderEvent<'OrderShipped'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> | Ignored {
  const rest = payment.authorized - payment.captured - payment.voided;
  if (rest <= 0n) return ignore('nothing authorized waits for its capture');
  if (payment.operations.some((operation) => isOpen(operation) && operation.kind !== 'refund'))
    return ignore('the authorization is being captured or voided');
  const decision = new Decision(payment, context, options);
  decision.begin('capture', rest, event);
  return decision.outcome;
}

/** The rules of payments under given settings. */
export function paymentRules(options: PaymentRulesOptions): PaymentRules {
  return {
    source: '/olms/payments',
    // Where nothing is ever captured late, reading OrderShipped would cost a write per order for nothing.
    get consumes(): OrderEvent['type'][] {
      const shipments = options.capture === 'on_dispatch' || options.capturesOutstanding?.() === true;
      return [
        'OrderPaymentRequested',
        'OrderCancelled',
        'OrderRefundRequested',
        ...(shipments ? (['OrderShipped'] as const) : []),
      ];
    },
    react(event, payment, context) {
      if (event.type === 'OrderPaymentRequested')
        return payment ? ignore('the payment was requested before') : requested(event, context, options);
      if (!payment) {
        if (event.type === 'OrderCancelled') return ignore('no payment was ever requested');
        throw new Error(`${event.type} for an order without a payment`);
      }
      switch (event.type) {
        case 'OrderCancelled':
          return payment.cancelRequested
            ? ignore('the order was cancelled before')
            : cancelled(event, payment, context, options);
        case 'OrderRefundRequested':
          return refundRequested(event, payment, context, options);
        case 'OrderShipped':
          return shipped(event, payment, context, options);
        default:
          return ignore('no concern of payments');
      }
    },
    decide(command, payment, context): Outcome<Payment, PaymentEffect> | Refusal {
      if (!payment) return refuse('NOT_FOUND', 'The order has no payment.');
      const decision = new Decision(payment, context, options);
      if (command.type === 'due') {
        for (const operation of payment.operations) {
          if (isOpen(operation) && (operation.nextAttemptAt ?? context.nowMs) <= context.nowMs) decision.due(operation);
        }
        // The table said something is due. Where nothing is, this may be an old copy of the row that another
        // process went beyond: saving it makes the version check tell, and the decision is taken again.
        if (decision.payment === payment) decision.payment = { ...payment };
        return decision.outcome;
      }
      const operation = payment.operations.find((candidate) => candidate.key === command.key);
      if (!operation) return refuse('NOT_FOUND', 'The payment has no such operation.');
      const { result } = command;
      // The first telling decides. Only money that turns up after all, for a charge that was given up, is
      // news: it has to be given back.
      const turnedUp = operation.reason === ABANDONED && (result.type === 'approved' || result.type === 'pending');
      if (isOpen(operation) || (operation.state === 'failed' && turnedUp))
        decision.told(operation, result, command.call);
      return decision.outcome;
    },
  };
}
