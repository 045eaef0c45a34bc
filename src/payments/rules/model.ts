import type { PaymentStatus } from '#contracts/order-events.ts';
import { amountMinor } from '#contracts/money.ts';
import { BANK_TRANSFER, MANUAL } from '#contracts/payment-providers.ts';
import { awaitsCustomer, type CallType, type Operation, type ProviderBooks, type ProviderResult } from './operation.ts';

/** The money of one order, what changes it, and the calls that follow from a change. */

export type CaptureMode = 'automatic' | 'on_dispatch';

/** Money that a person received for an order, or gave back of it: then the amount is negative. Stored as JSON with its payment, so the names of its fields stay. */
export interface Receipt {
  readonly id: string;
  readonly amount: string;
  /** Day on which it was received, such as 2026-11-28. */
  readonly date: string;
  readonly reference?: string;
  /** Who recorded it, and when (RFC 3339). */
  readonly by: string;
  readonly at: string;
}

/** A question for all that a provider has of a payment. Stored as JSON with its payment, so the names of its fields stay. */
export interface Look {
  /** Number of the last question. */
  readonly number: number;
  /** Questions without an answer. */
  readonly attempts: number;
  /** When the next is asked, in milliseconds since 1970. */
  readonly atMs: number;
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
  /** What people received, where they are who receives it; in the order in which it was recorded. */
  readonly receipts?: readonly Receipt[] | undefined;
  /** What customers dispute with their banks. */
  readonly disputes?: readonly Dispute[] | undefined;
  /** The provider is asked for all that it has of the payment. */
  readonly look?: Look | undefined;
  /** The order ended: whatever is or becomes known to be held is given back. */
  readonly cancelRequested: boolean;
  /** PaymentPending was emitted for this payment. */
  readonly pendingReported: boolean;
}

/** Money that a customer has their bank take back. Stored as JSON with its payment, so the names of its fields stay. */
export type Dispute = ProviderBooks['disputes'][number];

export type PaymentCommand =
  /** A notice about the payment as a whole. */
  | { readonly type: 'news' }
  /** What the provider answered to the question for its books of this number. */
  | { readonly type: 'books'; readonly look: number; readonly result: ProviderResult }
  /** `call` is the number of the call that reports it; a webhook has none. */
  | {
      readonly type: 'outcome';
      readonly key: string;
      readonly call?: number | undefined;
      readonly result: ProviderResult;
    }
  /** A person received money. */
  | { readonly type: 'receive'; readonly receipt: Receipt }
  /** Somebody expects that something has changed, such as a customer who comes back from their bank. */
  | { readonly type: 'refresh' }
  /** A person has a refund whose money came back sent once more. */
  | { readonly type: 'retry'; readonly operationId: string }
  /** A person gave back what was too much. */
  | { readonly type: 'giveBack'; readonly receipt: Receipt }
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
  /** The order was cancelled, or its customer did not act in time. */
  readonly unwanted: boolean;
  readonly operation: Operation;
  /** Of a question for the books: its number. */
  readonly look?: number | undefined;
  /** A call that has not begun by then is left to the reconciliation. */
  readonly expiresAt: number;
}

export interface PaymentRulesOptions {
  readonly capture: CaptureMode;
  readonly providers: ReadonlySet<string>;
  /** Longest duration of a call. */
  readonly timeoutMs: number;
  readonly cancelSafetyMs: number;
  /** How long a payment waits for its customer to act. */
  readonly actionMs: number;
  /** By default nobody is reminded. */
  readonly reminders?: Reminders | undefined;
}

export const UNKNOWN_PROVIDER = 'unknown_provider';
/** Reason of a charge given up because its order was cancelled and the provider never received it. */
export const ABANDONED = 'order_cancelled';
/** Reason of a charge for which the customer did not act in time. */
export const ACTION_EXPIRED = 'action_expired';

/** How a payment stands as others see it: one that waits for its customer says so. */
export function shownStatus({ status, operations }: Pick<Payment, 'status' | 'operations'>): PaymentStatus {
  return status === 'PENDING' && operations.some(awaitsCustomer) ? 'REQUIRES_ACTION' : status;
}

/** How customers who are to transfer money are reminded of it. */
export interface Reminders {
  /** Milliseconds before the first, and between two. */
  readonly everyMs: number;
  readonly max: number;
}

/** When the customer is to be reminded next; undefined: not any more, or not at all. */
export function remindAt(
  { provider, token }: Pick<Payment, 'provider' | 'token'>,
  { kind, reminders: sent = 0 }: Pick<Operation, 'kind' | 'reminders'>,
  { everyMs, max }: Reminders,
  nowMs: number,
): number | undefined {
  // About what is paid elsewhere or on delivery, the customer cannot do anything.
  const asks = provider === MANUAL && token === BANK_TRANSFER && kind === 'charge';
  return asks && sent < max ? nowMs + everyMs : undefined;
}

/** Disputed money that may be taken back, in minor units. */
export function disputedOf({ disputes, currency }: Pick<Payment, 'disputes' | 'currency'>): bigint {
  let sum = 0n;
  for (const { status, amount } of disputes ?? []) if (status === 'open') sum += amountMinor(amount, currency);
  return sum;
}

/** When a payment is due next; undefined where every outcome is known. */
export function nextAttemptOf(payment: Payment): number | undefined {
  let next = payment.look?.atMs;
  for (const { nextAttemptAt } of payment.operations)
    if (nextAttemptAt !== undefined && (next === undefined || nextAttemptAt < next)) next = nextAttemptAt;
  return next;
}

/** Where a payment stands that was charged or authorized: as long as money is held for parcels to come, AUTHORIZED. */
export function statusOf({ authorized, captured, voided, refunded }: Payment): PaymentStatus {
  if (authorized > captured + voided) return 'AUTHORIZED';
  if (refunded > 0n) return refunded >= captured ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
  return captured > 0n ? 'CAPTURED' : 'VOIDED';
}
