import { type TSchema, Type } from 'typebox';
import type { Refusal } from './errors.ts';
import { Location } from './catalog.ts';
import { type Given, type ManyOrders, ManyOrdersArgument } from './many-orders.ts';
import { type Address, SkuQuantity } from './order-events.ts';

/**
 * The few calls one service makes to another and waits for. Everything else goes through the log. In one
 * process they are function calls; with a process per service they travel over HTTP.
 */
export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly price?: string | undefined;
  readonly currency?: string | undefined;
}

/** A product that was renamed this long ago has its new name in every new order. */
export const PRODUCTS_FRESH_MS = 200;

/** Products that got a new name. */
export interface Renamed {
  readonly products: readonly Product[];
  /** Where to go on asking. */
  readonly since: string;
  /** There are more than an answer holds: whoever remembers products starts over. */
  readonly more: boolean;
}

/** Goods about to be taken in at a place. */
export interface Arrival {
  readonly location: string;
  readonly items: readonly SkuQuantity[];
}

/** A return as its slip shows it. */
export interface ReturnOnPaper {
  readonly returnId: string;
  /** What people call it: the number of the order, and which of its returns it is. */
  readonly number: string;
  /** What is still expected; empty: nothing. */
  readonly items: readonly (SkuQuantity & {
    readonly name?: string | undefined;
    readonly reasonCode?: string | undefined;
  })[];
}

/** An order as slips show it. */
export interface OrderOnPaper {
  readonly number: string;
  readonly reference?: string | undefined;
  readonly locale?: string | undefined;
  readonly shippingAddress?: Address | undefined;
  readonly items: readonly (SkuQuantity & { readonly name?: string | undefined })[];
  readonly returns: readonly ReturnOnPaper[];
}

/** Which documents of an order go with a mail: those of a parcel, that of a refund, or those over the order as a whole. */
export interface DocumentWish {
  readonly shipmentId?: string | undefined;
  readonly refundId?: string | undefined;
}

/** Documents as a mail carries them. */
export interface MailedDocuments {
  readonly documents: readonly {
    readonly filename: string;
    readonly contentType: string;
    /** Base64. */
    readonly content: string;
  }[];
  /** They are due, and not issued yet. */
  readonly awaited: boolean;
}

/** What a customer has to do before a payment goes on, as with 3-D Secure, and until when (RFC 3339). */
export type NextAction = { readonly expiresAt: string } & (
  | { readonly type: 'client_secret'; readonly clientSecret: string; readonly url?: undefined }
  | { readonly type: 'redirect'; readonly url: string; readonly clientSecret?: undefined }
);

export interface Peers {
  /** Products by SKU or product id, in one call; unknown ones are missing from the answer. */
  lookupProducts(keys: {
    readonly skus: readonly string[];
    readonly productIds: readonly string[];
  }): Promise<Product[]>;
  /** Products named since, or none and where to begin. */
  renamedProducts(after: { readonly since?: string | undefined }): Promise<Renamed>;
  /** Why goods cannot be taken in at a location, if so. */
  checkArrival(arrival: Arrival): Promise<{ readonly refusal?: Refusal | undefined }>;
  /** Where a place is, if anybody has said. */
  addressOfLocation(place: { readonly name: string }): Promise<{ readonly address?: Address | undefined }>;
  /** What slips print of an order; nothing where there is none. */
  orderOnPaper(asked: { readonly orderId: string }): Promise<{ readonly order?: OrderOnPaper | undefined }>;
  /** Invoices and credit notes of an order as PDF, for a mail. */
  documentsToMail(wish: DocumentWish & { readonly orderId: string }): Promise<MailedDocuments>;
  /** Ids of orders with a document of this number, or, where it begins with zeros and is short, of numbers that begin so. */
  ordersOfDocument(document: { readonly number: string }): Promise<readonly string[]>;
  /** The `customerId` of each of these orders by its id, null for that of a guest; what is no order is missing. */
  customersOfOrders(asked: {
    readonly ids: readonly string[];
  }): Promise<{ readonly customers: Readonly<Record<string, string | null>> }>;
  /** Approves or rejects the reviews of many orders. */
  decideReviews(given: ManyOrders): Promise<{ readonly outcomes: readonly Given[] }>;
  /** Hands the waiting parcels of many orders to a carrier. */
  dispatchOrders(given: ManyOrders): Promise<{ readonly outcomes: readonly Given[] }>;
  /** What the customers of these orders have to do to pay, by order; for them and for who placed the order, and for nobody else. */
  nextActions(asked: {
    readonly ids: readonly string[];
  }): Promise<{ readonly actions: Readonly<Record<string, NextAction>> }>;
  /** Names of the configured payment providers, the default first. */
  paymentProviders(nothing: Readonly<Record<string, never>>): Promise<readonly string[]>;
}

const Uuid = Type.String({ format: 'uuid' });
const KEYS_MAX = 4_000;
const Keys = Type.Array(Type.String({ maxLength: 100 }), { maxItems: KEYS_MAX });

/** How each call travels between processes: the path it is posted to, and the schema of its argument. */
export const PEER_CALLS: Readonly<Record<keyof Peers, { readonly path: string; readonly argument: TSchema }>> = {
  lookupProducts: {
    path: '/internal/products/lookup',
    argument: Type.Object({ skus: Keys, productIds: Keys }, { additionalProperties: false }),
  },
  renamedProducts: {
    path: '/internal/products/renamed',
    argument: Type.Object(
      { since: Type.Optional(Type.String({ pattern: '^\\d{1,20}$' })) },
      { additionalProperties: false },
    ),
  },
  checkArrival: {
    path: '/internal/arrivals/check',
    argument: Type.Object(
      { location: Location, items: Type.Array(SkuQuantity, { maxItems: KEYS_MAX }) },
      { additionalProperties: false },
    ),
  },
  addressOfLocation: {
    path: '/internal/locations/address',
    argument: Type.Object({ name: Location }, { additionalProperties: false }),
  },
  orderOnPaper: {
    path: '/internal/orders/on-paper',
    argument: Type.Object({ orderId: Uuid }, { additionalProperties: false }),
  },
  documentsToMail: {
    path: '/internal/documents/to-mail',
    argument: Type.Object(
      { orderId: Uuid, shipmentId: Type.Optional(Uuid), refundId: Type.Optional(Uuid) },
      { additionalProperties: false },
    ),
  },
  ordersOfDocument: {
    path: '/internal/documents/orders',
    argument: Type.Object({ number: Type.String({ maxLength: 100 }) }, { additionalProperties: false }),
  },
  customersOfOrders: {
    path: '/internal/orders/customers',
    argument: Type.Object({ ids: Type.Array(Uuid, { maxItems: KEYS_MAX }) }, { additionalProperties: false }),
  },
  nextActions: {
    path: '/internal/payments/next-actions',
    argument: Type.Object({ ids: Type.Array(Uuid, { maxItems: KEYS_MAX }) }, { additionalProperties: false }),
  },
  decideReviews: { path: '/internal/reviews/decide', argument: ManyOrdersArgument },
  dispatchOrders: { path: '/internal/shipments/dispatch', argument: ManyOrdersArgument },
  paymentProviders: { path: '/internal/payment-providers', argument: Type.Object({}, { additionalProperties: false }) },
};
