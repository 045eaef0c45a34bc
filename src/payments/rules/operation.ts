/**
 * One thing asked of a payment provider, as a state machine: each function is a step of it, and returns the operation
 * after that step. What a step means for the payment is decided in decision.ts. The operation is stored as JSON with
 * its payment, so the names of its fields stay.
 */

export type OperationKind = 'charge' | 'authorize' | 'capture' | 'void' | 'refund';
export type OperationState = 'pending' | 'in_doubt' | 'awaiting_provider' | 'succeeded' | 'failed';

/** What a call is for: to act under the key, to ask what became of it, or to ask for all that the provider has of the payment. */
export type CallType = 'send' | 'find' | 'look';

/** A call whose outcome is not known yet. */
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
  /** That call, as long as its outcome is awaited. The outcome of an earlier one counts only if it is definite. */
  readonly openCall?: OpenCall | undefined;
  /** Calls that brought no outcome; they lengthen the wait until the next. */
  readonly attempts: number;
  /** Definite failures of earlier keys. */
  readonly refusals: number;
  readonly nextAttemptAt?: number | undefined;
  /** Who was asked, where that is not who the order is paid by now. */
  readonly provider?: string | undefined;
  /** Nobody here asked for it: it was done at the provider. */
  readonly atProvider?: true | undefined;
  readonly providerReference?: string | undefined;
  /** Awaited of the customer; shown to nobody else. */
  readonly action?: CustomerAction | undefined;
  /** Until when it is awaited, in milliseconds since 1970: then the attempt is given up. Set by the first answer that asks for it. */
  readonly actionUntil?: number | undefined;
  /** How often the customer was reminded, where people wait for their money. */
  readonly reminders?: number | undefined;
  readonly reason?: string | undefined;
  /** A refund that was done, and whose money came back: it waits for a person, who has it sent once more or gives it back another way. */
  readonly returned?: true | undefined;
  /** The refund that the order asked for; undefined where the operation undoes a cancelled order. */
  readonly refundId?: string | undefined;
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
}

/** What the customer has to do before a payment goes on, such as 3-D Secure: with the provider's script in a browser, or on a page. */
export interface CustomerAction {
  readonly clientSecret?: string;
  readonly redirectUrl?: string;
}

/** What a provider has of a payment. Amounts are in the currency of the order. */
export interface ProviderBooks {
  /** In all. */
  readonly captured: string;
  /** Put aside, and neither captured nor given up. */
  readonly held: string;
  /** Those that succeeded, with our key where we asked for them. */
  readonly refunds: readonly {
    readonly reference: string;
    readonly key?: string | undefined;
    readonly amount: string;
  }[];
  /** Refunds that failed, which may have been reported as done before: the customer's bank took none of their money. */
  readonly failedRefunds?: readonly { readonly reference: string; readonly reason: string }[] | undefined;
  readonly disputes: readonly {
    readonly id: string;
    readonly amount: string;
    readonly reason: string;
    readonly status: 'open' | 'won' | 'lost';
    /** Until when the shop may answer (RFC 3339). */
    readonly dueAt?: string | undefined;
  }[];
}

/** What a provider reports about an operation, by its reply, by webhook, or when asked: three reports of one fact. */
export type ProviderResult =
  | { readonly type: 'approved'; readonly reference: string }
  | { readonly type: 'declined'; readonly reason: string }
  | { readonly type: 'pending'; readonly reference: string; readonly action?: CustomerAction }
  /** By webhook: something changed, and the provider is to be asked what. `seems`: how the payment stood when it was sent, as far as that is said. */
  | { readonly type: 'changed'; readonly seems?: { readonly captured?: string; readonly held?: string } }
  /** All that the provider has of the payment. */
  | { readonly type: 'books'; readonly books: ProviderBooks }
  /** `unsent`: the call never left, so the provider can neither have acted on it nor have been asked. */
  | { readonly type: 'unknown'; readonly reason: string; readonly unsent?: boolean }
  /** The provider was asked and does not know the key. */
  | { readonly type: 'not_found' };

/** An operation without a recorded outcome is due this long after its call must have ended. */
export const SAFETY_NET_MS = 3_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 60_000;
/** What the circuit breaker held back is due at once, as soon as the breaker lets calls through. */
const UNSENT_MS = 500;
/** A provider that answered "pending" reports the outcome by webhook; asking is only the safety net. */
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

/** Whether its money came back, and nobody has it sent again. */
export function isReturned(operation: Operation): boolean {
  return isOpen(operation) && operation.returned === true && operation.calls === 0;
}

/** Whether the customer has to act before it goes on. */
export function awaitsCustomer(operation: Operation): boolean {
  return isOpen(operation) && operation.action !== undefined;
}

/** Whether the customer did not act in time, so that nobody waits for it any more. */
export function isPastAction({ actionUntil }: Operation, nowMs: number): boolean {
  return actionUntil !== undefined && actionUntil <= nowMs;
}

/** Kinds whose success puts money of the customer aside. */
export function holdsMoney(operation: Operation): boolean {
  return operation.kind === 'charge' || operation.kind === 'authorize';
}

/** What caused a step: its ids go on with the operation's events. */
export interface Cause {
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
}

/** What an operation is to do. */
export interface Wanted {
  readonly kind: OperationKind;
  readonly amount: string;
  readonly refundId?: string | undefined;
}

/**
 * The key of an operation that a payment begins as its `number`th. It follows from what the operation is: where a database
 * was restored to an earlier time, what was asked of the provider since is decided again under the same key, and so not
 * done twice.
 */
export function firstKey(orderId: string, number: number, { kind, amount, refundId }: Wanted): string {
  return [orderId, number, kind, refundId, amount].filter((part) => part !== undefined).join('-');
}

/** An operation that was never sent. */
export function newOperation(
  id: string,
  key: string,
  { kind, amount, refundId }: Wanted,
  { correlationid, traceparent }: Cause,
): Operation {
  return {
    id,
    kind,
    amount,
    key,
    state: 'pending',
    calls: 0,
    attempts: 0,
    refusals: 0,
    refundId,
    correlationid,
    traceparent,
  };
}

/** A call is about to be made; one that acts (`send`) counts, since the provider may know the key from now on. */
export function withCall(operation: Operation, type: CallType, nowMs: number, timeoutMs: number): Operation {
  const number = (operation.lastCall ?? 0) + 1;
  return {
    ...operation,
    ...(type === 'send' && { calls: operation.calls + 1, sentAt: nowMs }),
    lastCall: number,
    openCall: { number, type, atMs: nowMs },
    nextAttemptAt: nowMs + timeoutMs + SAFETY_NET_MS,
  };
}

export function succeeded(operation: Operation, providerReference: string): Operation {
  return {
    ...operation,
    state: 'succeeded',
    openCall: undefined,
    nextAttemptAt: undefined,
    providerReference,
    action: undefined,
    actionUntil: undefined,
    returned: undefined,
    reason: undefined,
  };
}

export function failed(operation: Operation, reason: string): Operation {
  return {
    ...operation,
    state: 'failed',
    openCall: undefined,
    nextAttemptAt: undefined,
    action: undefined,
    actionUntil: undefined,
    reason,
  };
}

/** Refused under its key, which is thereby used up: it is sent once more under the next key, after a growing pause. */
export function refusedForNow(operation: Operation, reason: string, nowMs: number): Operation {
  const nextAttemptAt = nowMs + doubled(REFUSED_FIRST_MS, operation.refusals, REFUSED_MAX_MS);
  return { ...underNextKey(operation, reason), nextAttemptAt };
}

/** A refund whose money came back. Nobody sends it again by itself: the customer's bank would refuse it as it did. */
export function returned(operation: Operation, reason: string): Operation {
  return { ...underNextKey(operation, reason), providerReference: undefined, returned: true };
}

function underNextKey(operation: Operation, reason: string): Operation {
  const refusals = operation.refusals + 1;
  // From the second refusal on the key ends in their number.
  const { key } = operation;
  const first = operation.refusals === 0 ? key : key.slice(0, key.lastIndexOf('-'));
  return {
    ...failed(operation, reason),
    state: 'pending',
    key: `${first}-${refusals + 1}`,
    calls: 0,
    sentAt: undefined,
    attempts: 0,
    refusals,
  };
}

/** The provider decides later, or once the customer has acted, for which there is so much time. */
export function awaitingProvider(
  operation: Operation,
  { reference, action }: Extract<ProviderResult, { type: 'pending' }>,
  nowMs: number,
  actionMs: number,
): Operation {
  const actionUntil = action && (operation.actionUntil ?? nowMs + actionMs);
  const pollAt = nowMs + doubled(POLL_FIRST_MS, operation.attempts, BACKOFF_MAX_MS);
  return {
    ...operation,
    state: 'awaiting_provider',
    providerReference: reference,
    action,
    actionUntil: actionUntil ?? operation.actionUntil,
    attempts: operation.attempts + 1,
    nextAttemptAt: actionUntil !== undefined && actionUntil > nowMs && actionUntil < pollAt ? actionUntil : pollAt,
  };
}

/** Nobody knows what the call did. */
export function inDoubt(
  operation: Operation,
  call: OpenCall,
  { reason, unsent }: Extract<ProviderResult, { type: 'unknown' }>,
  nowMs: number,
): Operation {
  return {
    ...operation,
    state: operation.state === 'awaiting_provider' ? operation.state : 'in_doubt',
    calls: unsent && call.type === 'send' ? operation.calls - 1 : operation.calls,
    // A call that never left says nothing about the operation: it must not wait longer for an outage of others.
    attempts: unsent ? operation.attempts : operation.attempts + 1,
    nextAttemptAt: nowMs + (unsent ? UNSENT_MS : doubled(BACKOFF_FIRST_MS, operation.attempts, BACKOFF_MAX_MS)),
    reason,
  };
}
