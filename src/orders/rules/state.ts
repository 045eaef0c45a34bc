import type {
  Address,
  Allocation,
  ChargeLine,
  Contact,
  LinePart,
  LineQuantity,
  OrderItem,
  Origin,
  ParcelFailure,
  PaymentStatus,
  ReceivedPieces,
  ReturnedLine,
  Shortage,
  SkuQuantity,
} from '#contracts/order-events.ts';
import type { Status } from './lifecycle.ts';

/** What the orders service knows of one order: the state that its events fold to. */

export type Step = 'payment' | 'shipment';

/** A hold pauses the named steps until it is released. */
export interface Hold {
  readonly type: string;
  readonly reason: string;
  readonly by: string;
  readonly steps: readonly Step[];
  /** The review it waits for. */
  readonly reviewId?: string | undefined;
  /** When it ends by itself (RFC 3339). */
  readonly endsAt?: string | undefined;
}

export const FULFILLMENT_STATUSES = [
  'UNFULFILLED',
  'SCHEDULED',
  'PARTIALLY_SHIPPED',
  'SHIPPED',
  'DELIVERED',
  'CANCELLED',
] as const;

/** Why somebody does something, and what the customer reads of it. */
export interface Because {
  readonly reason: string;
  readonly by: string;
  /** For the customer, who reads nothing else of why. */
  readonly customerMessage?: string | undefined;
}

/** The same as events say it. */
export function because({ reason, by, customerMessage }: Because) {
  return { reason, by, ...(customerMessage !== undefined && { customerMessage }) };
}

/** Pieces of a line of the order. */
export interface LineWish {
  readonly line: number;
  readonly quantity: number;
}

/** A change of the items that the warehouse is deciding on. */
export interface Change extends Because {
  readonly changeId: string;
  readonly removes: readonly LineQuantity[];
  /** As many of them as can still be stopped, instead of all or none. */
  readonly atMost?: boolean | undefined;
  /** When it lapses by itself (RFC 3339). */
  readonly deadlineAt: string;
}

/** What is done about pieces that did not reach the customer as they should. */
export interface Claim {
  readonly claimId: string;
  readonly shipmentId: string;
  readonly kind: ParcelFailure;
  readonly resolution: 'refund' | 'reship';
  readonly items: readonly LineQuantity[];
  readonly reason: string;
  readonly by: string;
  readonly customerMessage?: string | undefined;
  /** The order that sends them again, and how it ended. */
  readonly followUpId?: string | undefined;
  readonly status?: string | undefined;
  /** The parcel was delivered after all. */
  readonly found?: boolean | undefined;
}

export interface Order {
  readonly status: Status;
  readonly paymentStatus: PaymentStatus;
  readonly fulfillmentStatus: (typeof FULFILLMENT_STATUSES)[number];
  readonly returnStatus: 'NONE' | 'REQUESTED' | 'RECEIVED';
  readonly holds: readonly Hold[];
  readonly customerId?: string | undefined;
  readonly currency: string;
  readonly channel: string;
  readonly reference?: string | undefined;
  /** What people call it; undefined for orders from before there were numbers, and where none are given. */
  readonly number?: string | undefined;
  readonly items: readonly OrderItem[];
  readonly taxLines?: readonly ChargeLine[] | undefined;
  readonly discountLines?: readonly ChargeLine[] | undefined;
  readonly shippingLines?: readonly ChargeLine[] | undefined;
  /** Prices and charges have the tax in them; else it is on top. */
  readonly pricesIncludeTax?: boolean | undefined;
  readonly totalAmount: string;
  readonly refundedAmount: string;
  /** What was captured, where that is not the total that was asked for. */
  readonly capturedAmount?: string | undefined;
  /** What of it was captured at the provider before anybody here asked for it. */
  readonly capturedAtProvider?: string | undefined;
  readonly shippingAddress?: Address | undefined;
  /** Where the invoice goes, if not there. */
  readonly billingAddress?: Address | undefined;
  /** The language of the customer (BCP 47). */
  readonly locale?: string | undefined;
  readonly contact?: Contact | undefined;
  readonly payment: { readonly provider: string; readonly token: string };
  /** Its payment failed, and it may be paid again: until when (RFC 3339), how often it was refused, and why the last time. */
  readonly payAgain?: { readonly until: string; readonly refusals: number; readonly reason: string } | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
  /** Present where no customer placed the order here: an import brought it, or it replaces what did not arrive. */
  readonly origin?: Origin | { readonly kind: 'replacement'; readonly orderId: string } | undefined;
  readonly reviewReasons: readonly string[];
  readonly allowBackorder: boolean;
  readonly allocations: readonly Allocation[];
  readonly shortages?: readonly Shortage[] | undefined;
  readonly paymentRequested: boolean;
  /** Why the order ended or its payment failed. */
  readonly endReason?: string | undefined;
  /** A cancellation the warehouse is deciding on. */
  readonly cancellation?:
    | (Because & {
        /** Where not everything can be stopped, what still can. */
        readonly rest?: boolean | undefined;
      })
    | undefined;
  /** A cancellation that came too late for everything goes on with what can still be stopped. */
  readonly restWanted?: Because | undefined;
  /** A change of the items that the warehouse is deciding on. */
  readonly change?: Change | undefined;
  /** The total at placement, once what stands differs from it. */
  readonly placedAmount?: string | undefined;
  readonly claims?: readonly Claim[] | undefined;
  readonly shipments: readonly {
    readonly shipmentId: string;
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly trackingUrl?: string | undefined;
    readonly delivered: boolean;
    readonly items: readonly SkuQuantity[];
    /** What was to be captured when it left. */
    readonly amount?: string | undefined;
    /** It has an invoice of its own. */
    readonly invoiced?: boolean | undefined;
    /** What went wrong with it, unless it turned up. */
    readonly problem?: ParcelFailure | undefined;
  }[];
  readonly returns: readonly {
    readonly returnId: string;
    readonly items: readonly SkuQuantity[];
    readonly reason: string;
    readonly received: boolean;
    readonly lines?: readonly ReturnedLine[] | undefined;
    /** What arrived and what was found to be missing, receipt by receipt; absent before receipts named pieces. */
    readonly receipts?: readonly ReceivedPieces[] | undefined;
    /** Nothing more is expected, whatever has come. */
    readonly closed?: boolean | undefined;
    /** When it is closed by itself (RFC 3339). */
    readonly deadlineAt?: string | undefined;
    /** What came back, and what it is worth; absent where it came before lines had parts. */
    readonly credited?: readonly LinePart[] | undefined;
  }[];
  readonly refunds: readonly {
    readonly refundId: string;
    readonly amount: string;
    readonly reason: string;
    readonly status: 'REQUESTED' | 'DONE' | 'FAILED';
    /** `owed`: pays what was credited or cancelled before. */
    readonly cause?: 'owed' | undefined;
    /** What it credits itself; absent in a refund from before lines had parts, which credits all of its amount. */
    readonly credited?: readonly LinePart[] | undefined;
    /** It pays back what no invoice will be over. */
    readonly uninvoiced?: boolean | undefined;
    /** What it was for, once it was carried out. */
    readonly lines?: readonly LinePart[] | undefined;
    /** Why its money came back, until it is done once more. */
    readonly returned?: string | undefined;
    readonly reasonCode?: string | undefined;
    readonly customerMessage?: string | undefined;
    /** The money had gone back already, at the provider or by a dispute. */
    readonly atProvider?: boolean | undefined;
  }[];
  /** What the customer disputes with their bank; the money of an open one is not there to be refunded. */
  readonly disputes?:
    | readonly {
        readonly disputeId: string;
        readonly amount: string;
        readonly reason: string;
        readonly dueAt?: string | undefined;
        readonly status: 'open' | 'won' | 'lost';
      }[]
    | undefined;
  /** Pieces of lines that were cancelled, with what they took off the total. */
  readonly cancelled?: readonly LinePart[] | undefined;
  /** What claims have credited; its pieces are lost. */
  readonly credits?: readonly LinePart[] | undefined;
  /** When the present waiting ends by itself (RFC 3339); undefined where nothing is waited for. */
  readonly deadlineAt?: string | undefined;
  /** The trace of its first event; undefined where the order is older than this field, or nobody said. */
  readonly traceId?: string | undefined;
}

/** The warehouse has been asked something about the order and has not answered. */
export function isDeciding(order: Order): boolean {
  return order.cancellation !== undefined || order.restWanted !== undefined || order.change !== undefined;
}

/** Whether its customer disputes the payment, and that is not decided. */
export function isDisputed({ disputes }: Order): boolean {
  return disputes?.some(({ status }) => status === 'open') ?? false;
}

/** Whether its payment failed and another one is awaited. */
export function mayPayAgain({ payAgain, paymentStatus, status }: Order): boolean {
  return payAgain !== undefined && paymentStatus === 'FAILED' && status === 'RESERVED';
}

export function isPaused(order: Order, step: Step): boolean {
  return order.holds.some((hold) => hold.steps.includes(step));
}

export const HOLD_STEPS: readonly Step[] = ['payment', 'shipment'];
