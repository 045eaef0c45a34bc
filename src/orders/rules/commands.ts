import type {
  Allocation,
  ParcelFailure,
  PaymentStatus,
  ReceivedPieces,
  ReturnedLine,
  Shortage,
  SkuQuantity,
} from '#contracts/order-events.ts';
import type { OrderPatch } from './amend.ts';
import type { Because, LineWish } from './state.ts';

/** What may be asked of an order, and what a decision needs beside it. */

/** How long each waiting may last, in milliseconds, before the timer acts. */
export interface Deadlines {
  readonly CREATED: number;
  readonly BACKORDERED: number;
  readonly RESERVED: number;
  readonly PAYMENT_PENDING: number;
  /** How long an order may be paid again after its payment failed; 0: it ends at once. */
  readonly payAgain: number;
  /** Instead of PAYMENT_PENDING, where people receive the money. */
  readonly manualPayment: number;
  readonly PAID: number;
  readonly READY_FOR_SHIPMENT: number;
  readonly PARTIALLY_SHIPPED: number;
  readonly SHIPPED: number;
  /** Instead of the status' own, while a hold keeps the order from going on. */
  readonly held: number;
  /** A change of the items that the warehouse does not decide on. */
  readonly change: number;
  /** Goods that are to come back and do not. */
  readonly returns: number;
}

export interface DecideContext {
  readonly nowMs: number;
  newId(): string;
  readonly deadlines: Deadlines;
  /** Each parcel gets an invoice of its own. */
  readonly invoicesDispatches?: boolean;
}

/** Why goods come back. */
export const REASON_CODES = [
  'changed_mind',
  'defective',
  'wrong_item',
  'damaged',
  'not_as_described',
  'late',
  'other',
] as const;

export interface ReturnedItem extends SkuQuantity {
  readonly reasonCode?: string;
}

/** Pieces as somebody found them: of a SKU, or of a line. */
export type ArrivedPieces = { readonly quantity: number } & (
  | { readonly sku: string; readonly line?: undefined }
  | { readonly line: number; readonly sku?: undefined }
) &
  Partial<Pick<ReceivedPieces, 'condition' | 'disposition'>>;

export type RefundKind = 'goodwill' | 'owed';

/** Money for a line without goods coming back: an amount, or what so many of its pieces are worth. */
export type RefundedLine = { readonly line: number } & (
  | { readonly amount: string; readonly quantity?: undefined }
  | { readonly quantity: number; readonly amount?: undefined }
);

export type OrderCommand =
  | { readonly type: 'recordReservation'; readonly allocations: readonly Allocation[] }
  | { readonly type: 'recordShortage'; readonly shortages: readonly Shortage[] }
  | { readonly type: 'recordStockLoss'; readonly missing: readonly Allocation[] }
  | { readonly type: 'recordStockRecovery' }
  | { readonly type: 'recordBackorder'; readonly shortages: readonly Shortage[] }
  | { readonly type: 'recordPayment'; readonly amount: string; readonly captured: string }
  | {
      readonly type: 'recordPaymentPending';
      readonly reason: string;
      readonly status?: PaymentStatus | undefined;
    }
  | { readonly type: 'recordPaymentFailure'; readonly reason: string }
  /** After the payment failed, with another token or another provider. */
  | { readonly type: 'payAgain'; readonly provider: string; readonly token: string }
  | {
      readonly type: 'recordCapture';
      readonly captured: string;
      readonly status?: PaymentStatus | undefined;
      /** How much of it was captured at the provider before anybody here asked for it. */
      readonly atProvider?: string | undefined;
    }
  | { readonly type: 'recordVoid'; readonly status?: PaymentStatus | undefined }
  | {
      readonly type: 'recordRefund';
      readonly refundId: string;
      readonly amount: string;
      readonly captured: string;
      readonly refunded: string;
      readonly status?: PaymentStatus | undefined;
      /** The dispute by which it went back. */
      readonly disputeId?: string | undefined;
    }
  | {
      readonly type: 'recordDispute';
      readonly disputeId: string;
      readonly amount: string;
      readonly reason: string;
      readonly dueAt?: string | undefined;
    }
  | { readonly type: 'recordDisputeEnd'; readonly disputeId: string; readonly outcome: 'won' | 'lost' }
  | {
      readonly type: 'recordRefundFailure';
      readonly refundId: string;
      readonly reason: string;
      /** It was done before, and its money came back: how the payment stands without it. */
      readonly returned?: { readonly refunded: string; readonly status: PaymentStatus } | undefined;
    }
  | {
      readonly type: 'recordDispatch';
      readonly shipmentId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      readonly trackingUrl?: string | undefined;
      readonly items: readonly SkuQuantity[];
      readonly last: boolean;
      readonly by?: string | undefined;
    }
  | {
      readonly type: 'recordDelivery';
      readonly shipmentId: string;
      readonly last: boolean;
      readonly by?: string | undefined;
    }
  /** A parcel that has left goes by another number, or with another carrier. */
  | {
      readonly type: 'recordTracking';
      readonly shipmentId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      readonly trackingUrl?: string | undefined;
    }
  | { readonly type: 'recordShipmentsStopped' }
  | { readonly type: 'recordFreeze'; readonly changeId: string; readonly here: readonly Allocation[] }
  | {
      readonly type: 'recordLoss';
      readonly shipmentId: string;
      readonly kind: ParcelFailure;
      readonly reason?: string | undefined;
    }
  | { readonly type: 'recordFollowUp'; readonly claimId: string; readonly status: string }
  | {
      readonly type: 'openClaim';
      readonly shipmentId: string;
      readonly kind: ParcelFailure;
      /** Pieces of the parcel; undefined: everything in it that is not claimed yet. */
      readonly items?: readonly SkuQuantity[] | undefined;
      readonly resolution: 'refund' | 'reship';
      readonly reason: string;
      readonly by: string;
      readonly customerMessage?: string | undefined;
    }
  | ({
      readonly type: 'cancelItems';
      /** Pieces by line; undefined: everything that can still be stopped. */
      readonly items?: readonly LineWish[] | undefined;
      /** As many of them as can still be stopped, instead of all or none. */
      readonly atMost?: boolean | undefined;
    } & Because)
  | ({ readonly type: 'cancel'; readonly fact?: boolean } & Because)
  | { readonly type: 'hold'; readonly hold: string; readonly reason: string; readonly by: string }
  | {
      readonly type: 'release';
      readonly hold: string;
      readonly reason: string;
      readonly by: string;
      readonly fact?: boolean;
    }
  | { readonly type: 'amend'; readonly changes: OrderPatch; readonly by: string }
  | { readonly type: 'complete'; readonly by: string }
  | { readonly type: 'expire' }
  | {
      readonly type: 'requestReturn';
      /** What comes back, by SKU or by line; neither: everything that can. */
      readonly items?: readonly ReturnedItem[] | undefined;
      readonly lines?: readonly ReturnedLine[] | undefined;
      readonly reason: string;
      /** Why, for pieces that say no code of their own. */
      readonly reasonCode?: string | undefined;
      readonly by: string;
    }
  | {
      readonly type: 'receiveReturn';
      readonly returnId: string;
      /** Where sellable goods go; undefined: where they left from. */
      readonly location?: string | undefined;
      /** What arrived, by SKU or by line; undefined: all that is still expected, sellable. */
      readonly pieces?: readonly ArrivedPieces[] | undefined;
      /** False: nothing more will come. */
      readonly more?: boolean | undefined;
      readonly refund: boolean;
      readonly by: string;
    }
  | {
      readonly type: 'closeReturn';
      readonly returnId: string;
      readonly reason: string;
      readonly by: string;
    }
  | ({
      readonly type: 'requestRefund';
      readonly amount?: string | undefined;
      /** Instead of an amount: what of it is for which line. */
      readonly lines?: readonly RefundedLine[] | undefined;
      /** `owed`: pays what is owed and left to a person, `goodwill`: gives more; neither: first the one, then the other. */
      readonly kind?: RefundKind | undefined;
      readonly reasonCode?: string | undefined;
    } & Because);

/** True where another service reports what happened; a person who asks for something is refused, not ignored. */
export function isFact(command: OrderCommand): boolean {
  return command.type === 'cancel' || command.type === 'release' ? command.fact === true : true;
}
