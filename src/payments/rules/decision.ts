import { amountMinor, formatAmount } from '#contracts/money.ts';
import { EXTERNAL, type NewEvent, type PaymentStatus } from '#contracts/order-events.ts';
import { AWAITING_PAYMENT, isByHand, PAYMENT_PROVIDERS } from '#contracts/payment-providers.ts';
import type { Outcome } from '#platform/processor/aggregate.ts';
import {
  ABANDONED,
  disputedOf,
  ACTION_EXPIRED,
  type Payment,
  type PaymentEffect,
  type PaymentRulesOptions,
  remindAt,
  statusOf,
} from './model.ts';
import {
  awaitingProvider,
  awaitsCustomer,
  type CallType,
  type Cause,
  failed,
  holdsMoney,
  inDoubt,
  isOpen,
  isPastAction,
  isReturned,
  firstKey,
  newOperation,
  type OpenCall,
  type Operation,
  type OperationKind,
  type OperationState,
  type ProviderResult,
  refusedForNow,
  returned,
  SAFETY_NET_MS,
  succeeded,
  withCall,
} from './operation.ts';

export interface DecisionContext {
  readonly nowMs: number;
  newId(): string;
}

/** One decision in the making: the payment as it becomes, with the events and calls that follow. */
export class Decision {
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
    const operation = this.#newOperation(kind, amount, cause, refundId);
    const { payment } = this;
    // Nobody can be asked: it waits until a person has done it where the order was paid, and says so.
    const byHand = isByHand(payment.provider);
    const { reminders } = this.#options;
    const nextAttemptAt = reminders && remindAt(payment, operation, reminders, this.#context.nowMs);
    const begun: Operation = byHand ? { ...operation, state: 'awaiting_provider', nextAttemptAt } : operation;
    this.payment = { ...payment, operations: [...payment.operations, begun] };
    if (!byHand) return this.send(operation, 'pending');
    // A promise is made and given up without anybody; money is not.
    if (kind === 'authorize' || kind === 'void') this.succeed(begun, payment.provider);
    else this.reportPending(begun, AWAITING_PAYMENT);
  }

  #newOperation(kind: OperationKind, amount: bigint, cause: Cause, refundId?: string): Operation {
    const { orderId, operations } = this.payment;
    const wanted = { kind, amount: this.text(amount), refundId };
    return newOperation(this.#context.newId(), firstKey(orderId, operations.length, wanted), wanted, cause);
  }

  /** Calls the provider under the operation's key, which is the same for every repetition. */
  send(operation: Operation, state: OperationState): void {
    this.#call('send', { ...operation, state });
  }

  /** Asks the provider what became of the operation. */
  ask(operation: Operation): void {
    const doubtful = operation.state === 'pending';
    this.#call('find', doubtful ? { ...operation, state: 'in_doubt' } : operation);
    if (doubtful) this.reportPending(operation, 'no_reply');
  }

  #call(call: CallType, operation: Operation): void {
    const called = withCall(operation, call, this.#context.nowMs, this.#options.timeoutMs);
    this.replace(called);
    this.call(call, called);
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  newId(): string {
    return this.#context.newId();
  }

  /** Has a call made once the decision is saved; `look`: the number of a question for the books. */
  call(call: CallType, operation: Operation, look?: number): void {
    const { nowMs } = this.#context;
    const { orderId, provider, token, currency, chargeReference, cancelRequested } = this.payment;
    this.effects.push({
      call,
      orderId,
      provider,
      token,
      currency,
      chargeReference,
      unwanted: cancelRequested || isPastAction(operation, nowMs),
      operation,
      ...(look !== undefined && { look }),
      expiresAt: nowMs + SAFETY_NET_MS,
    });
  }

  /** Says once that it takes longer, and each time that the customer has to act, or has. */
  reportPending(operation: Operation, reason: string, before = operation): void {
    if (!holdsMoney(operation) || this.payment.cancelRequested) return;
    const acts = awaitsCustomer(operation);
    if (this.payment.pendingReported && acts === awaitsCustomer(before)) return;
    const status: { status?: PaymentStatus } = acts ? { status: 'REQUIRES_ACTION' } : {};
    this.events.push({ type: 'PaymentPending', data: { reason, provider: this.payment.provider, ...status } });
    this.payment = { ...this.payment, pendingReported: true };
  }

  succeed(operation: Operation, reference: string): void {
    const done = succeeded(operation, reference);
    this.replace(done);
    this.book(done);
    this.undo(operation);
  }

  /** What a succeeded operation is to the sums; `disputeId`: the dispute by which the money went back. */
  book(operation: Operation, disputeId?: string): void {
    const { payment } = this;
    const reference = operation.providerReference!;
    const at = operation.atProvider && { atProvider: true };
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
        const status = this.#settled({ ...payment, captured }, 'CAPTURED');
        const data = { amount: operation.amount, captured: this.text(captured), ...status, ...at };
        this.events.push({ type: 'PaymentCaptured', data });
        break;
      }
      case 'void': {
        const status = this.#settled({ ...payment, voided: payment.voided + amount }, 'VOIDED');
        this.events.push({ type: 'PaymentVoided', data: { amount: operation.amount, ...status, ...at } });
        break;
      }
      case 'refund': {
        const refunded = payment.refunded + amount;
        const status = this.#settled(
          { ...payment, refunded },
          refunded >= payment.captured ? 'REFUNDED' : 'PARTIALLY_REFUNDED',
        );
        const data = {
          refundId: operation.refundId ?? operation.id,
          amount: operation.amount,
          captured: this.text(payment.captured),
          refunded: this.text(refunded),
          currency: payment.currency,
          ...status,
          ...at,
          ...(disputeId !== undefined && { disputeId }),
        };
        this.events.push({ type: 'PaymentRefunded', data });
        break;
      }
    }
  }

  /** The payment with other sums. Its status is in the event only where readers would not expect it. */
  #settled(payment: Payment, expected: PaymentStatus): { status?: PaymentStatus } {
    const status = statusOf(payment);
    this.payment = { ...payment, status };
    return status === expected ? {} : { status };
  }

  /** What is held, and neither being captured nor being given up. */
  get uncommitted(): bigint {
    const { authorized, captured, voided, operations } = this.payment;
    let held = authorized - captured - voided;
    for (const operation of operations)
      if (isOpen(operation) && (operation.kind === 'capture' || operation.kind === 'void'))
        held -= this.minor(operation);
    return held;
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

  /** The money was taken where the order comes from. */
  settleElsewhere(amount: bigint, cause: Cause): void {
    const operation = this.#newOperation('charge', amount, cause);
    this.payment = { ...this.payment, operations: [...this.payment.operations, operation] };
    this.succeed(operation, EXTERNAL);
  }

  failPayment(reason: string): void {
    this.payment = { ...this.payment, status: 'FAILED' };
    this.events.push({ type: 'PaymentFailed', data: { reason, provider: this.payment.provider } });
  }

  /** The provider definitely refused. */
  fail(operation: Operation, reason: string): void {
    if (holdsMoney(operation)) {
      const late = !this.payment.cancelRequested && isPastAction(operation, this.#context.nowMs);
      const why = late ? ACTION_EXPIRED : reason;
      this.replace(failed(operation, why));
      return this.failPayment(why);
    }
    // What a dispute took back is not there to be given back by us.
    const { captured, refunded } = this.payment;
    const isGone = operation.kind === 'refund' && this.minor(operation) > captured - refunded;
    // A person decides again.
    if (operation.returned && !isGone) return this.replace(returned(operation, reason));
    if (operation.kind === 'refund' && (operation.refundId !== undefined || operation.refusals === 0)) {
      this.events.push({ type: 'PaymentRefundFailed', data: { refundId: operation.refundId ?? operation.id, reason } });
    }
    if (operation.refundId !== undefined || isGone) {
      this.replace(failed(operation, reason));
      return this.undo(operation);
    }
    // A capture is owed to the seller, an undo to the customer: neither is ever given up.
    this.replace(refusedForNow(operation, reason, this.#context.nowMs));
  }

  /** Gives up a charge of a cancelled order that cannot have reached the provider. */
  abandon(operation: Operation): void {
    this.replace(failed(operation, ABANDONED));
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
    if (held > 0n) {
      this.begin('void', held, cause);
      // Given up already, and that has seen to the rest.
      if (isByHand(payment.provider)) return;
    }
    const owed = payment.captured - payment.refunded - refunding - disputedOf(payment);
    if (owed > 0n) this.begin('refund', owed, cause);
  }

  /**
   * Takes an outcome. What a provider definitely answered is a fact about the key, whichever call reports it, and
   * however often. That nothing is known says something about one call alone: it counts once, and only as long as no
   * later call was made.
   */
  record(operation: Operation, result: ProviderResult, call: number | undefined): void {
    const { openCall } = operation;
    const answered = openCall !== undefined && openCall.number === call ? openCall : undefined;
    const present: Operation = answered ? { ...operation, openCall: undefined } : operation;
    switch (result.type) {
      case 'approved':
        return this.succeed(present, result.reference);
      case 'declined':
        return this.fail(present, result.reason);
      case 'pending':
        return answered || present.state !== 'awaiting_provider' ? this.#wait(present, result) : undefined;
      // The reply of a call under way says the same, and the reconciliation asks where it is lost.
      case 'changed':
        return openCall?.type === 'send' ? undefined : this.ask(operation);
      case 'books':
        return;
      case 'unknown':
        return answered && this.#doubt(present, answered, result);
      case 'not_found':
        return answered && this.#repeat(present, answered);
    }
  }

  /** The provider decides later. */
  #wait(operation: Operation, pending: Extract<ProviderResult, { type: 'pending' }>): void {
    const waiting = awaitingProvider(operation, pending, this.#context.nowMs, this.#options.actionMs);
    this.replace(waiting);
    this.reportPending(waiting, pending.action ? 'requires_action' : 'provider_pending', operation);
  }

  /** Nobody knows what the call did. */
  #doubt(operation: Operation, call: OpenCall, unknown: Extract<ProviderResult, { type: 'unknown' }>): void {
    const doubtful = inDoubt(operation, call, unknown, this.#context.nowMs);
    if (doubtful.calls === 0 && holdsMoney(operation) && this.payment.cancelRequested) return this.abandon(doubtful);
    this.replace(doubtful);
    this.reportPending(doubtful, unknown.reason);
  }

  /** The provider did not know the key when it was asked. */
  #repeat(operation: Operation, question: OpenCall): void {
    const { cancelRequested } = this.payment;
    const isUnwanted = cancelRequested || isPastAction(operation, question.atMs);
    if (!isUnwanted || !holdsMoney(operation)) return this.send(operation, 'in_doubt');
    // Nobody wants the charge, so it is not repeated; but when it was asked, a call may still have been on its way.
    const { findsAfterMs = 0 } = PAYMENT_PROVIDERS[this.payment.provider] ?? {};
    const { cancelSafetyMs } = this.#options;
    const safeAt = (operation.sentAt ?? 0) + (findsAfterMs > cancelSafetyMs ? findsAfterMs : cancelSafetyMs);
    if (question.atMs >= safeAt)
      return cancelRequested ? this.abandon(operation) : this.fail(operation, ACTION_EXPIRED);
    this.replace({ ...operation, state: 'in_doubt', nextAttemptAt: safeAt });
  }

  /** Asks for what may have changed, unless it is being asked for. */
  refresh(operation: Operation): void {
    if (operation.calls > 0 && operation.openCall === undefined) this.ask(operation);
  }

  /** A person has a refund whose money came back sent once more. */
  retry(operation: Operation): void {
    if (isReturned(operation)) this.send(operation, 'pending');
  }

  due(operation: Operation): void {
    if (operation.calls > 0) return this.ask(operation);
    if (holdsMoney(operation) && this.payment.cancelRequested) return this.abandon(operation);
    this.send(operation, operation.state);
  }
}
