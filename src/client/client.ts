// Written by `bin/olms docs` from the OpenAPI document of the API. Do not edit.

import { type CallOptions, type ChangeOptions, ClientCore, type Page, type Pages } from './core.ts';
import type {
  AddressInput,
  AdjustStock,
  ApiKey,
  CloudEvent,
  ContactInput,
  Dashboard,
  FulfillmentStatus,
  Health,
  Invoice,
  NewApiKey,
  Notification,
  Order,
  OrderStatus,
  OrderSummary,
  ParkedOrder,
  Payment,
  PlaceOrder,
  Product,
  PutProduct,
  Review,
  Role,
  Shipment,
  Stock,
  StockAdjustment,
} from './types.ts';

export * from './core.ts';
export type * from './types.ts';

export interface RevokeApiKeyParameters {
  readonly name: string;
}

export interface ListNotificationsParameters {
  readonly orderId: string;
}

export interface ReadNotificationParameters {
  readonly id: string;
  /** html: as the mail looks */
  readonly format?: 'json' | 'html' | undefined;
}

export interface ListOrdersParameters {
  readonly status?: OrderStatus | undefined;
  readonly paymentStatus?:
    | 'NONE'
    | 'PENDING'
    | 'AUTHORIZED'
    | 'CAPTURED'
    | 'FAILED'
    | 'VOIDED'
    | 'PARTIALLY_REFUNDED'
    | 'REFUNDED'
    | undefined;
  readonly fulfillmentStatus?: FulfillmentStatus | undefined;
  readonly customerId?: string | undefined;
  readonly channel?: string | undefined;
  readonly sku?: string | undefined;
  /** Words that all occur in reference, e-mail, phone or name; or an order id */
  readonly text?: string | undefined;
  /** RFC 3339 time or date */
  readonly createdFrom?: string | undefined;
  /** RFC 3339 time or date */
  readonly createdTo?: string | undefined;
  /** Newest first (default) or oldest first */
  readonly sort?: '-createdAt' | 'createdAt' | undefined;
  /** Entries per page, at most 200; 50 by default */
  readonly limit?: number | string | undefined;
}

export interface ReadOrderParameters {
  /** The order id */
  readonly id: string;
  /** A version number, or an RFC 3339 time or date */
  readonly asOf?: string | undefined;
}

export interface AmendOrderParameters {
  /** The order id */
  readonly id: string;
}

export interface CancelOrderParameters {
  /** The order id */
  readonly id: string;
}

export interface CompleteOrderParameters {
  /** The order id */
  readonly id: string;
}

export interface ListOrderEventsParameters {
  /** The order id */
  readonly id: string;
}

export interface HoldOrderParameters {
  /** The order id */
  readonly id: string;
}

export interface ReadInvoiceParameters {
  /** The order id */
  readonly id: string;
}

export interface RequestRefundParameters {
  /** The order id */
  readonly id: string;
}

export interface ReleaseOrderParameters {
  /** The order id */
  readonly id: string;
}

export interface RequestReturnParameters {
  /** The order id */
  readonly id: string;
}

export interface ReceiveReturnParameters {
  /** The order id */
  readonly id: string;
  readonly returnId: string;
}

export interface RetryParkedOrderParameters {
  readonly consumer: string;
  readonly orderId: string;
}

export interface SkipParkedOrderParameters {
  readonly consumer: string;
  readonly orderId: string;
}

export interface ListPaymentsParameters {
  readonly orderId: string;
}

export interface ReceiveWebhookParameters {
  readonly provider: string;
}

export interface ListProductsParameters {
  /** Entries per page, at most 200; 50 by default */
  readonly limit?: number | string | undefined;
}

export interface ReadProductParameters {
  readonly sku: string;
}

export interface PutProductParameters {
  readonly sku: string;
}

export interface ListReviewsParameters {
  readonly status?: 'pending' | 'approved' | 'rejected' | 'closed' | undefined;
  /** Entries per page, at most 200; 50 by default */
  readonly limit?: number | string | undefined;
}

export interface ReadReviewParameters {
  readonly id: string;
}

export interface ApproveReviewParameters {
  readonly id: string;
}

export interface RejectReviewParameters {
  readonly id: string;
}

export interface ReadEventSchemaParameters {
  readonly type: string;
}

export interface ListShipmentsParameters {
  readonly orderId: string;
}

export interface ReadShipmentParameters {
  readonly id: string;
}

export interface DeliverShipmentParameters {
  readonly id: string;
}

export interface DispatchShipmentParameters {
  readonly id: string;
}

export interface ListStockParameters {
  /** Entries per page, at most 200; 50 by default */
  readonly limit?: number | string | undefined;
}

export interface ReadStockParameters {
  readonly sku: string;
}

/** Every operation of the API by its operationId. */
export class OlmsClient extends ClientCore {
  /** List API keys */
  listApiKeys(options?: CallOptions): Promise<Page<ApiKey>> {
    return this.read({ method: 'GET', path: '/api-keys' }, options);
  }

  /** Create an API key; it is shown this once */
  createApiKey(
    body: {
      readonly name: string;
      readonly role: Role;
    },
    options?: ChangeOptions,
  ): Promise<NewApiKey> {
    return this.read({ method: 'POST', path: '/api-keys', body, keyed: true }, options);
  }

  /** Revoke an API key */
  revokeApiKey(parameters: RevokeApiKeyParameters, options?: ChangeOptions): Promise<void> {
    return this.read({ method: 'DELETE', path: '/api-keys/{name}', parameters, keyed: true }, options);
  }

  /** The events as an AsyncAPI 3.0 document */
  readAsyncApi(options?: CallOptions): Promise<Readonly<Record<string, unknown>>> {
    return this.read({ method: 'GET', path: '/asyncapi.json' }, options);
  }

  /** Orders by status, throughput, ages */
  readDashboard(options?: CallOptions): Promise<Dashboard> {
    return this.read({ method: 'GET', path: '/dashboard' }, options);
  }

  /** This API as a page for people */
  readDocs(options?: CallOptions): Promise<string> {
    return this.read({ method: 'GET', path: '/docs' }, options);
  }

  /** Every error code as a page for people */
  readErrorDocs(options?: CallOptions): Promise<string> {
    return this.read({ method: 'GET', path: '/docs/errors' }, options);
  }

  /** The process runs */
  checkLiveness(options?: CallOptions): Promise<{
    readonly status: 'ok';
  }> {
    return this.read({ method: 'GET', path: '/health/liveness' }, options);
  }

  /** Everything a request needs is reachable */
  checkReadiness(options?: CallOptions): Promise<Health> {
    return this.read({ method: 'GET', path: '/health/readiness' }, options);
  }

  /** Prometheus metrics */
  readMetrics(options?: CallOptions): Promise<string> {
    return this.read({ method: 'GET', path: '/metrics' }, options);
  }

  /** What was told about an order, oldest first */
  listNotifications(parameters: ListNotificationsParameters, options?: CallOptions): Promise<Page<Notification>> {
    return this.read({ method: 'GET', path: '/notifications', parameters }, options);
  }

  /** One notification */
  readNotification(parameters: ReadNotificationParameters, options?: CallOptions): Promise<Notification | string> {
    return this.read({ method: 'GET', path: '/notifications/{id}', parameters }, options);
  }

  /** This API as an OpenAPI 3.1 document */
  readOpenApi(options?: CallOptions): Promise<Readonly<Record<string, unknown>>> {
    return this.read({ method: 'GET', path: '/openapi.json' }, options);
  }

  /** List orders */
  listOrders(parameters?: ListOrdersParameters, options?: CallOptions): Pages<OrderSummary> {
    return this.list({ method: 'GET', path: '/orders', parameters }, options);
  }

  /** Place an order */
  placeOrder(body: PlaceOrder, options?: ChangeOptions<'Prefer'>): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders', body, keyed: true }, options);
  }

  /** One order, now or as of a version or time */
  readOrder(parameters: ReadOrderParameters, options?: CallOptions): Promise<Order> {
    return this.read({ method: 'GET', path: '/orders/{id}', parameters }, options);
  }

  /** Change address, contact, reference or metadata */
  amendOrder(
    parameters: AmendOrderParameters,
    body: {
      readonly contact?: ContactInput;
      readonly metadata?: Readonly<Record<string, unknown>>;
      readonly reference?: string;
      readonly shippingAddress?: AddressInput;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'PATCH', path: '/orders/{id}', parameters, body, keyed: true }, options);
  }

  /** Cancel an order before it ships */
  cancelOrder(
    parameters: CancelOrderParameters,
    body?: {
      readonly reason?: string;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders/{id}/cancel', parameters, body, keyed: true }, options);
  }

  /** Declare a shipped order complete */
  completeOrder(
    parameters: CompleteOrderParameters,
    body?: Readonly<Record<string, never>>,
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders/{id}/complete', parameters, body, keyed: true }, options);
  }

  /** The order's log, oldest first */
  listOrderEvents(parameters: ListOrderEventsParameters, options?: CallOptions): Promise<Page<CloudEvent>> {
    return this.read({ method: 'GET', path: '/orders/{id}/events', parameters }, options);
  }

  /** Pause payment and shipment */
  holdOrder(
    parameters: HoldOrderParameters,
    body: {
      readonly reason: string;
      readonly type?: string;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders/{id}/hold', parameters, body, keyed: true }, options);
  }

  /** The invoice of an order with its credit notes */
  readInvoice(parameters: ReadInvoiceParameters, options?: CallOptions<'Accept'>): Promise<Invoice> {
    return this.read({ method: 'GET', path: '/orders/{id}/invoice', parameters }, options);
  }

  /** Give money back */
  requestRefund(
    parameters: RequestRefundParameters,
    body: {
      /** Decimal string, e.g. "19.90" */
      readonly amount?: string;
      readonly reason: string;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders/{id}/refunds', parameters, body, keyed: true }, options);
  }

  /** Release a hold */
  releaseOrder(
    parameters: ReleaseOrderParameters,
    body?: {
      readonly reason?: string;
      readonly type?: string;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders/{id}/release', parameters, body, keyed: true }, options);
  }

  /** Ask for a return */
  requestReturn(
    parameters: RequestReturnParameters,
    body: {
      readonly items?: readonly {
        readonly quantity: number;
        readonly sku: string;
      }[];
      readonly reason: string;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read({ method: 'POST', path: '/orders/{id}/returns', parameters, body, keyed: true }, options);
  }

  /** Record that returned goods arrived */
  receiveReturn(
    parameters: ReceiveReturnParameters,
    body?: {
      readonly location?: string;
      readonly refund?: boolean;
    },
    options?: ChangeOptions<'If-Match'>,
  ): Promise<Order> {
    return this.read(
      { method: 'POST', path: '/orders/{id}/returns/{returnId}/receive', parameters, body, keyed: true },
      options,
    );
  }

  /** Parked orders, with the reason */
  listParkedOrders(options?: CallOptions): Promise<Page<ParkedOrder>> {
    return this.read({ method: 'GET', path: '/parked' }, options);
  }

  /** Try the parked event again, optionally with edited data */
  retryParkedOrder(
    parameters: RetryParkedOrderParameters,
    body?: {
      readonly data?: unknown;
    },
    options?: ChangeOptions,
  ): Promise<{
    /** Events of the order that still wait */
    readonly left: number;
    /** Events that wait no longer */
    readonly released: number;
  }> {
    return this.read(
      { method: 'POST', path: '/parked/{consumer}/{orderId}/retry', parameters, body, keyed: true },
      options,
    );
  }

  /** Leave the parked event out */
  skipParkedOrder(
    parameters: SkipParkedOrderParameters,
    body?: {
      readonly data?: unknown;
    },
    options?: ChangeOptions,
  ): Promise<{
    /** Events of the order that still wait */
    readonly left: number;
    /** Events that wait no longer */
    readonly released: number;
  }> {
    return this.read(
      { method: 'POST', path: '/parked/{consumer}/{orderId}/skip', parameters, body, keyed: true },
      options,
    );
  }

  /** The payment of an order: what is authorized, captured, voided and refunded, and every operation behind it */
  listPayments(parameters: ListPaymentsParameters, options?: CallOptions): Promise<Page<Payment>> {
    return this.read({ method: 'GET', path: '/payments', parameters }, options);
  }

  /** Takes a notice of a payment provider, signed by Standard Webhooks; what is repeated or about nothing known is accepted and ignored */
  receiveWebhook(
    parameters: ReceiveWebhookParameters,
    body: Readonly<Record<string, unknown>>,
    options?: CallOptions<'webhook-id' | 'webhook-timestamp' | 'webhook-signature'>,
  ): Promise<{
    readonly accepted: boolean;
  }> {
    return this.read({ method: 'POST', path: '/payments/webhooks/{provider}', parameters, body }, options);
  }

  /** List products by SKU */
  listProducts(parameters?: ListProductsParameters, options?: CallOptions): Pages<Product> {
    return this.list({ method: 'GET', path: '/products', parameters }, options);
  }

  /** One product */
  readProduct(parameters: ReadProductParameters, options?: CallOptions): Promise<Product> {
    return this.read({ method: 'GET', path: '/products/{sku}', parameters }, options);
  }

  /** Create or change a product */
  putProduct(parameters: PutProductParameters, body: PutProduct, options?: ChangeOptions): Promise<Product> {
    return this.read({ method: 'PUT', path: '/products/{sku}', parameters, body, keyed: true }, options);
  }

  /** Reviews, newest first */
  listReviews(parameters?: ListReviewsParameters, options?: CallOptions): Pages<Review> {
    return this.list({ method: 'GET', path: '/reviews', parameters }, options);
  }

  /** One review */
  readReview(parameters: ReadReviewParameters, options?: CallOptions): Promise<Review> {
    return this.read({ method: 'GET', path: '/reviews/{id}', parameters }, options);
  }

  /** Let the order go on */
  approveReview(
    parameters: ApproveReviewParameters,
    body: {
      readonly reason: string;
    },
    options?: ChangeOptions,
  ): Promise<Review> {
    return this.read({ method: 'POST', path: '/reviews/{id}/approve', parameters, body, keyed: true }, options);
  }

  /** End the order */
  rejectReview(
    parameters: RejectReviewParameters,
    body: {
      readonly reason: string;
    },
    options?: ChangeOptions,
  ): Promise<Review> {
    return this.read({ method: 'POST', path: '/reviews/{id}/reject', parameters, body, keyed: true }, options);
  }

  /** The JSON Schema of an event, where its `dataschema` says */
  readEventSchema(
    parameters: ReadEventSchemaParameters,
    options?: CallOptions,
  ): Promise<Readonly<Record<string, unknown>>> {
    return this.read({ method: 'GET', path: '/schemas/events/{type}/1', parameters }, options);
  }

  /** The shipments of an order */
  listShipments(parameters: ListShipmentsParameters, options?: CallOptions): Promise<Page<Shipment>> {
    return this.read({ method: 'GET', path: '/shipments', parameters }, options);
  }

  /** One shipment */
  readShipment(parameters: ReadShipmentParameters, options?: CallOptions): Promise<Shipment> {
    return this.read({ method: 'GET', path: '/shipments/{id}', parameters }, options);
  }

  /** A shipment reached the customer */
  deliverShipment(
    parameters: DeliverShipmentParameters,
    body?: Readonly<Record<string, never>>,
    options?: ChangeOptions,
  ): Promise<Shipment> {
    return this.read({ method: 'POST', path: '/shipments/{id}/deliver', parameters, body, keyed: true }, options);
  }

  /** A shipment was handed to the carrier */
  dispatchShipment(
    parameters: DispatchShipmentParameters,
    body: {
      /** Who carries it */
      readonly carrier: string;
      /** The carrier’s number of the parcel */
      readonly trackingNumber: string;
    },
    options?: ChangeOptions,
  ): Promise<Shipment> {
    return this.read({ method: 'POST', path: '/shipments/{id}/dispatch', parameters, body, keyed: true }, options);
  }

  /** List stock by SKU */
  listStock(parameters?: ListStockParameters, options?: CallOptions): Pages<Stock> {
    return this.list({ method: 'GET', path: '/stock', parameters }, options);
  }

  /** Change stock by a difference or to a counted quantity */
  adjustStock(body: AdjustStock, options?: ChangeOptions): Promise<StockAdjustment> {
    return this.read({ method: 'POST', path: '/stock/adjustments', body, keyed: true }, options);
  }

  /** Stock of a product, in all and per location */
  readStock(parameters: ReadStockParameters, options?: CallOptions): Promise<Stock> {
    return this.read({ method: 'GET', path: '/stock/{sku}', parameters }, options);
  }
}
