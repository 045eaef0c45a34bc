// Written by `bin/olms docs` from the OpenAPI document of the API. Do not edit.

export type Action =
  | 'cancel'
  | 'hold'
  | 'release'
  | 'amend'
  | 'complete'
  | 'requestReturn'
  | 'receiveReturn'
  | 'requestRefund';

export type AddressInput = {
  readonly city?: string;
  readonly company?: string;
  readonly country?: string;
  readonly line1?: string;
  readonly line2?: string;
  readonly name?: string;
  readonly postalCode?: string;
  readonly region?: string;
};

export type AdjustStock = {
  readonly delta?: number;
  readonly location?: string;
  readonly onHand?: number;
  readonly reason: string;
  readonly sku: string;
};

export type ApiKey = {
  /** RFC 3339, UTC */
  readonly createdAt: string;
  readonly name: string;
  readonly revokedAt: string | null;
  readonly role: Role;
};

export type CloudEvent = {
  readonly causationid: string;
  readonly correlationid: string;
  readonly data: unknown;
  readonly datacontenttype: 'application/json';
  readonly dataschema: string;
  readonly id: string;
  readonly sequence: number;
  readonly source: string;
  readonly specversion: '1.0';
  /** The order id */
  readonly subject: string;
  readonly time: string;
  readonly traceparent?: string;
  readonly type: string;
};

export type ContactInput = {
  readonly email?: string;
  readonly phone?: string;
  readonly pushSubscription?: Readonly<Record<string, unknown>>;
};

export type Dashboard = {
  /** RFC 3339, UTC */
  readonly at: string;
  /** How many orders are in each status */
  readonly byStatus: {
    readonly BACKORDERED?: number;
    readonly CANCELLED?: number;
    readonly COMPLETED?: number;
    readonly CREATED?: number;
    readonly PAID?: number;
    readonly PARTIALLY_SHIPPED?: number;
    readonly PAYMENT_FAILED?: number;
    readonly PAYMENT_PENDING?: number;
    readonly READY_FOR_SHIPMENT?: number;
    readonly REJECTED?: number;
    readonly RESERVED?: number;
    readonly SHIPPED?: number;
  };
  readonly createdLastHour: number;
  readonly createdLastMinute: number;
  /** Age of the oldest order in each status */
  readonly oldestAgeSeconds: {
    readonly BACKORDERED?: number;
    readonly CANCELLED?: number;
    readonly COMPLETED?: number;
    readonly CREATED?: number;
    readonly PAID?: number;
    readonly PARTIALLY_SHIPPED?: number;
    readonly PAYMENT_FAILED?: number;
    readonly PAYMENT_PENDING?: number;
    readonly READY_FOR_SHIPMENT?: number;
    readonly REJECTED?: number;
    readonly RESERVED?: number;
    readonly SHIPPED?: number;
  };
  /** Orders in all */
  readonly total: number;
};

export type FulfillmentStatus =
  | 'UNFULFILLED'
  | 'SCHEDULED'
  | 'PARTIALLY_SHIPPED'
  | 'SHIPPED'
  | 'DELIVERED'
  | 'CANCELLED';

export type Health = {
  readonly checks: Readonly<
    Record<
      string,
      {
        readonly detail: string;
        readonly ok: boolean;
        /** Requests are served without it */
        readonly optional?: boolean;
      }
    >
  >;
  readonly status: 'ok' | 'degraded' | 'unavailable';
};

export type Invoice = {
  readonly billingAddress?: {
    readonly city?: string;
    readonly company?: string;
    readonly country?: string;
    readonly line1?: string;
    readonly line2?: string;
    readonly name?: string;
    readonly postalCode?: string;
    readonly region?: string;
  };
  readonly creditNotes: readonly {
    /** Decimal string in the scale of its currency */
    readonly amount: string;
    readonly creditNoteNumber: string;
    /** ISO 4217 code */
    readonly currency: string;
    /** RFC 3339, UTC */
    readonly issuedAt: string;
    readonly refundId: string;
  }[];
  /** ISO 4217 code */
  readonly currency: string;
  readonly customerId: string;
  readonly discountLines?: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly name?: string;
  }[];
  readonly invoiceNumber: string;
  /** RFC 3339, UTC */
  readonly issuedAt: string;
  readonly lines: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly line: number;
    readonly name?: string;
    readonly quantity: number;
    readonly sku: string;
    /** Decimal string in the currency of the order */
    readonly unitPrice: string;
  }[];
  readonly orderId: string;
  readonly reference?: string;
  readonly shippingLines?: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly name?: string;
  }[];
  readonly taxLines?: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly name?: string;
  }[];
  /** Decimal string in the scale of its currency */
  readonly totalAmount: string;
};

export type NewApiKey = {
  /** Shown this once; send it as a bearer */
  readonly key: string;
  readonly name: string;
  readonly role: Role;
};

export type Notification = {
  readonly attempts: number;
  readonly body: string;
  readonly channel: 'email' | 'sms' | 'push' | 'none';
  /** RFC 3339, UTC */
  readonly createdAt: string;
  /** Why it was not sent */
  readonly detail: string | null;
  readonly eventId: string;
  readonly eventType: string;
  readonly id: string;
  readonly orderId: string;
  readonly recipient: string | null;
  readonly sentAt: string | null;
  readonly status: 'queued' | 'sent' | 'failed' | 'suppressed' | 'mailbox';
  readonly subject: string;
};

export type Order = {
  readonly allocations: readonly {
    readonly location: string;
    readonly quantity: number;
    readonly sku: string;
  }[];
  readonly allowBackorder: boolean;
  /** What may be asked of the order now */
  readonly allowedActions: readonly Action[];
  /** A cancellation the warehouse is deciding on */
  readonly cancellation?: {
    readonly by: string;
    readonly reason: string;
  };
  readonly channel: string;
  readonly contact?: {
    readonly email?: string;
    readonly phone?: string;
    readonly pushSubscription?: Readonly<Record<string, unknown>>;
  };
  /** RFC 3339, UTC */
  readonly createdAt: string;
  /** ISO 4217 code */
  readonly currency: string;
  readonly customerId: string;
  /** When the present waiting ends by itself */
  readonly deadlineAt?: string;
  readonly discountLines: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly name?: string;
  }[];
  /** Why the order ended or its payment failed */
  readonly endReason?: string;
  readonly fulfillmentStatus: FulfillmentStatus;
  readonly holds: readonly {
    readonly by: string;
    readonly reason: string;
    /** What it pauses */
    readonly steps: readonly ('payment' | 'shipment')[];
    readonly type: string;
  }[];
  readonly id: string;
  /** Lines */
  readonly itemCount: number;
  readonly items: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly line: number;
    readonly name?: string;
    readonly quantity: number;
    readonly sku: string;
    /** Decimal string in the currency of the order */
    readonly unitPrice: string;
  }[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The token is never shown */
  readonly payment: {
    readonly provider: string;
  };
  readonly paymentStatus:
    | 'NONE'
    | 'PENDING'
    | 'AUTHORIZED'
    | 'CAPTURED'
    | 'FAILED'
    | 'VOIDED'
    | 'PARTIALLY_REFUNDED'
    | 'REFUNDED';
  readonly reference?: string;
  /** Decimal string in the scale of its currency */
  readonly refundedAmount: string;
  readonly refunds: readonly {
    /** Decimal string in the scale of its currency */
    readonly amount: string;
    readonly reason: string;
    readonly refundId: string;
    readonly status: 'REQUESTED' | 'DONE' | 'FAILED';
  }[];
  /** Why not, for every other action */
  readonly refusedActions: {
    readonly amend?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly cancel?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly complete?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly hold?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly receiveReturn?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly release?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly requestRefund?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
    readonly requestReturn?: {
      readonly code:
        | 'MALFORMED_REQUEST'
        | 'MALFORMED_JSON'
        | 'VALIDATION_FAILED'
        | 'UNKNOWN_CURRENCY'
        | 'AMOUNT_INVALID'
        | 'UNIT_PRICE_INVALID'
        | 'TOTAL_MISMATCH'
        | 'UNKNOWN_SKU'
        | 'IDEMPOTENCY_KEY_REQUIRED'
        | 'IDEMPOTENCY_KEY_REUSED'
        | 'UNAUTHENTICATED'
        | 'FORBIDDEN'
        | 'NOT_FOUND'
        | 'ORDER_NOT_FOUND'
        | 'PRODUCT_NOT_FOUND'
        | 'SHIPMENT_NOT_FOUND'
        | 'REVIEW_NOT_FOUND'
        | 'RETURN_NOT_FOUND'
        | 'INVOICE_NOT_ISSUED'
        | 'METHOD_NOT_ALLOWED'
        | 'NOT_ACCEPTABLE'
        | 'ACTION_NOT_ALLOWED'
        | 'ORDER_FINAL'
        | 'ORDER_ALREADY_SHIPPED'
        | 'CANCELLATION_PENDING'
        | 'HOLD_EXISTS'
        | 'HOLD_NOT_FOUND'
        | 'REFUND_EXCEEDS_CAPTURED'
        | 'RETURN_EXCEEDS_SHIPPED'
        | 'REVIEW_DECIDED'
        | 'SHIPMENT_NOT_DISPATCHABLE'
        | 'SHIPMENT_NOT_DELIVERABLE'
        | 'SHIPMENT_ON_HOLD'
        | 'STOCK_INSUFFICIENT'
        | 'API_KEY_EXISTS'
        | 'VERSION_MISMATCH'
        | 'PAYLOAD_TOO_LARGE'
        | 'REQUEST_TIMEOUT'
        | 'HEADERS_TOO_LARGE'
        | 'UNSUPPORTED_MEDIA_TYPE'
        | 'RATE_LIMITED'
        | 'WEBHOOK_SIGNATURE_INVALID'
        | 'OVERLOADED'
        | 'UNAVAILABLE'
        | 'INTERNAL';
      readonly reason: string;
    };
  };
  readonly requiresReview: boolean;
  readonly returnStatus: 'NONE' | 'REQUESTED' | 'RECEIVED';
  readonly returns: readonly {
    readonly items: readonly {
      readonly quantity: number;
      readonly sku: string;
    }[];
    readonly reason: string;
    readonly received: boolean;
    readonly returnId: string;
  }[];
  readonly reviewReasons: readonly string[];
  readonly shipments: readonly {
    readonly carrier: string;
    readonly delivered: boolean;
    readonly items: readonly {
      readonly quantity: number;
      readonly sku: string;
    }[];
    readonly shipmentId: string;
    readonly trackingNumber: string;
  }[];
  readonly shippingAddress?: {
    readonly city?: string;
    readonly company?: string;
    readonly country?: string;
    readonly line1?: string;
    readonly line2?: string;
    readonly name?: string;
    readonly postalCode?: string;
    readonly region?: string;
  };
  readonly shippingLines: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly name?: string;
  }[];
  readonly shortages?: readonly {
    readonly available: number;
    readonly requested: number;
    readonly sku: string;
  }[];
  readonly status: OrderStatus;
  readonly taxLines: readonly {
    /** Decimal string in the currency of the order */
    readonly amount: string;
    readonly name?: string;
  }[];
  /** Decimal string in the scale of its currency */
  readonly totalAmount: string;
  /** RFC 3339, UTC */
  readonly updatedAt: string;
  /** The ETag */
  readonly version: number;
};

export type OrderStatus =
  | 'CREATED'
  | 'BACKORDERED'
  | 'RESERVED'
  | 'PAYMENT_PENDING'
  | 'PAID'
  | 'READY_FOR_SHIPMENT'
  | 'PARTIALLY_SHIPPED'
  | 'SHIPPED'
  | 'COMPLETED'
  | 'REJECTED'
  | 'PAYMENT_FAILED'
  | 'CANCELLED';

/** An order as lists show it */
export type OrderSummary = {
  readonly channel: string;
  /** RFC 3339, UTC */
  readonly createdAt: string;
  /** ISO 4217 code */
  readonly currency: string;
  readonly customerId: string;
  readonly fulfillmentStatus: FulfillmentStatus;
  readonly holds: readonly {
    readonly by: string;
    readonly reason: string;
    /** What it pauses */
    readonly steps: readonly ('payment' | 'shipment')[];
    readonly type: string;
  }[];
  readonly id: string;
  /** Lines */
  readonly itemCount: number;
  readonly paymentStatus:
    | 'NONE'
    | 'PENDING'
    | 'AUTHORIZED'
    | 'CAPTURED'
    | 'FAILED'
    | 'VOIDED'
    | 'PARTIALLY_REFUNDED'
    | 'REFUNDED';
  readonly reference?: string;
  readonly returnStatus: 'NONE' | 'REQUESTED' | 'RECEIVED';
  readonly status: OrderStatus;
  /** Decimal string in the scale of its currency */
  readonly totalAmount: string;
  /** RFC 3339, UTC */
  readonly updatedAt: string;
  /** The ETag */
  readonly version: number;
};

export type ParkedOrder = {
  /** Who could not digest the event */
  readonly consumer: string;
  readonly eventId: string;
  readonly eventType: string;
  /** How many events wait, the one at fault included */
  readonly events: number;
  readonly orderId: string;
  /** RFC 3339, UTC */
  readonly parkedAt: string;
  readonly reason: string | null;
};

export type Payment = {
  /** Decimal string in the scale of its currency */
  readonly amount: string;
  /** Decimal string in the scale of its currency */
  readonly authorized: string;
  /** Decimal string in the scale of its currency */
  readonly captured: string;
  /** ISO 4217 code */
  readonly currency: string;
  readonly operations: readonly {
    /** Decimal string in the scale of its currency */
    readonly amount: string;
    /** Calls so far that told no outcome */
    readonly attempts: number;
    readonly id: string;
    /** Idempotency key the provider knows the operation by */
    readonly key: string;
    readonly kind: 'charge' | 'authorize' | 'capture' | 'void' | 'refund';
    /** RFC 3339, UTC */
    readonly nextAttemptAt?: string;
    readonly providerReference?: string;
    readonly reason?: string;
    readonly refundId?: string;
    readonly state: 'pending' | 'in_doubt' | 'awaiting_provider' | 'succeeded' | 'failed';
  }[];
  readonly orderId: string;
  readonly provider: string;
  /** Decimal string in the scale of its currency */
  readonly refunded: string;
  readonly status:
    | 'NONE'
    | 'PENDING'
    | 'AUTHORIZED'
    | 'CAPTURED'
    | 'FAILED'
    | 'VOIDED'
    | 'PARTIALLY_REFUNDED'
    | 'REFUNDED';
  /** Decimal string in the scale of its currency */
  readonly voided: string;
};

export type PlaceOrder = {
  readonly allowBackorder?: boolean;
  readonly channel?: string;
  readonly contact?: ContactInput;
  /** ISO 4217 code */
  readonly currency: string;
  readonly customerId: string;
  readonly discountLines?: readonly {
    /** Decimal string, e.g. "19.90" */
    readonly amount: string;
    readonly name?: string;
  }[];
  readonly items: readonly {
    readonly name?: string;
    readonly productId?: string;
    readonly quantity: number;
    readonly sku?: string;
    /** Decimal string, e.g. "19.90" */
    readonly unitPrice: string;
  }[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly payment: {
    readonly provider?: string;
    readonly token: string;
  };
  readonly reference?: string;
  readonly requiresReview?: boolean;
  readonly shippingAddress?: AddressInput;
  readonly shippingLines?: readonly {
    /** Decimal string, e.g. "19.90" */
    readonly amount: string;
    readonly name?: string;
  }[];
  readonly taxLines?: readonly {
    /** Decimal string, e.g. "19.90" */
    readonly amount: string;
    readonly name?: string;
  }[];
  /** Decimal string, e.g. "19.90" */
  readonly totalAmount?: string;
};

/** A refusal (RFC 9457) */
export type ProblemDetails = {
  /** What the order allows instead */
  readonly allowedActions?: readonly string[];
  /** Stable; programs decide by it */
  readonly code:
    | 'MALFORMED_REQUEST'
    | 'MALFORMED_JSON'
    | 'VALIDATION_FAILED'
    | 'UNKNOWN_CURRENCY'
    | 'AMOUNT_INVALID'
    | 'UNIT_PRICE_INVALID'
    | 'TOTAL_MISMATCH'
    | 'UNKNOWN_SKU'
    | 'IDEMPOTENCY_KEY_REQUIRED'
    | 'IDEMPOTENCY_KEY_REUSED'
    | 'UNAUTHENTICATED'
    | 'FORBIDDEN'
    | 'NOT_FOUND'
    | 'ORDER_NOT_FOUND'
    | 'PRODUCT_NOT_FOUND'
    | 'SHIPMENT_NOT_FOUND'
    | 'REVIEW_NOT_FOUND'
    | 'RETURN_NOT_FOUND'
    | 'INVOICE_NOT_ISSUED'
    | 'METHOD_NOT_ALLOWED'
    | 'NOT_ACCEPTABLE'
    | 'ACTION_NOT_ALLOWED'
    | 'ORDER_FINAL'
    | 'ORDER_ALREADY_SHIPPED'
    | 'CANCELLATION_PENDING'
    | 'HOLD_EXISTS'
    | 'HOLD_NOT_FOUND'
    | 'REFUND_EXCEEDS_CAPTURED'
    | 'RETURN_EXCEEDS_SHIPPED'
    | 'REVIEW_DECIDED'
    | 'SHIPMENT_NOT_DISPATCHABLE'
    | 'SHIPMENT_NOT_DELIVERABLE'
    | 'SHIPMENT_ON_HOLD'
    | 'STOCK_INSUFFICIENT'
    | 'API_KEY_EXISTS'
    | 'VERSION_MISMATCH'
    | 'PAYLOAD_TOO_LARGE'
    | 'REQUEST_TIMEOUT'
    | 'HEADERS_TOO_LARGE'
    | 'UNSUPPORTED_MEDIA_TYPE'
    | 'RATE_LIMITED'
    | 'WEBHOOK_SIGNATURE_INVALID'
    | 'OVERLOADED'
    | 'UNAVAILABLE'
    | 'INTERNAL';
  readonly correlationId: string;
  /** What was wrong, and what to do */
  readonly detail: string;
  /** Every field that is wrong */
  readonly errors?: readonly {
    readonly detail: string;
    /** JSON pointer (RFC 6901) */
    readonly pointer: string;
  }[];
  /** The status in which the order refused the command */
  readonly orderStatus?: string;
  /** The service that is not reachable */
  readonly service?: string;
  readonly status: number;
  readonly title: string;
  /** Leads to the meaning of the code */
  readonly type: string;
};

export type Product = {
  /** ISO 4217 code */
  readonly currency?: string;
  readonly id: string;
  readonly name: string;
  /** Decimal string in the scale of its currency */
  readonly price?: string;
  readonly sku: string;
};

export type PutProduct = {
  /** ISO 4217 code */
  readonly currency?: string;
  readonly name: string;
  readonly price?: string;
};

export type Review = {
  /** RFC 3339, UTC */
  readonly deadlineAt: string;
  /** RFC 3339, UTC */
  readonly decidedAt?: string;
  readonly decidedBy?: string;
  readonly id: string;
  /** RFC 3339, UTC */
  readonly openedAt: string;
  readonly orderId: string;
  /** Why it was decided so */
  readonly reason?: string;
  readonly reasons: readonly string[];
  readonly status: 'pending' | 'approved' | 'rejected' | 'closed';
};

export type Role = 'admin' | 'operator' | 'client' | 'reader';

export type Shipment = {
  readonly carrier?: string;
  readonly id: string;
  readonly items: readonly {
    readonly quantity: number;
    readonly sku: string;
  }[];
  readonly location: string;
  readonly orderId: string;
  /** A hold or a cancellation of the order keeps it here */
  readonly paused: boolean;
  readonly status: 'SCHEDULED' | 'DISPATCHED' | 'DELIVERED' | 'CANCELLED';
  readonly trackingNumber?: string;
};

export type Stock = {
  /** On hand and not reserved */
  readonly available: number;
  readonly locations: readonly {
    /** On hand and not reserved */
    readonly available: number;
    readonly location: string;
    /** On the shelf */
    readonly onHand: number;
    /** Set aside for orders */
    readonly reserved: number;
  }[];
  /** On the shelf */
  readonly onHand: number;
  /** Set aside for orders */
  readonly reserved: number;
  readonly sku: string;
};

export type StockAdjustment = {
  /** RFC 3339, UTC */
  readonly at: string;
  readonly delta?: number;
  readonly location: string;
  readonly onHand?: number;
  readonly reason: string;
  readonly sku: string;
};
