/** What the API answers, as its callers see it: written down here by hand, so that a change of the contract is noticed. */

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly correlationId: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly orderStatus?: string;
  readonly allowedActions?: readonly string[];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export interface Quantity {
  readonly sku: string;
  readonly quantity: number;
}

export interface OrderSummary {
  readonly id: string;
  readonly status: string;
  readonly paymentStatus: string;
  readonly fulfillmentStatus: string;
  readonly returnStatus: string;
  readonly holds: readonly {
    readonly type: string;
    readonly reason: string;
    readonly by: string;
    readonly steps: readonly string[];
  }[];
  readonly totalAmount: string;
  readonly currency: string;
  readonly customerId: string;
  readonly channel: string;
  readonly reference?: string;
  readonly itemCount: number;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Order extends OrderSummary {
  readonly items: readonly {
    readonly line: number;
    readonly sku: string;
    readonly name?: string;
    readonly quantity: number;
    readonly unitPrice: string;
    readonly amount: string;
  }[];
  readonly refundedAmount: string;
  readonly shippingAddress?: Readonly<Record<string, string>>;
  readonly contact?: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requiresReview: boolean;
  readonly reviewReasons: readonly string[];
  readonly allocations: readonly (Quantity & { readonly location: string })[];
  readonly shortages?: readonly { readonly sku: string; readonly requested: number; readonly available: number }[];
  readonly endReason?: string;
  readonly cancellation?: { readonly reason: string; readonly by: string };
  readonly shipments: readonly {
    readonly shipmentId: string;
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly delivered: boolean;
    readonly items: readonly Quantity[];
  }[];
  readonly returns: readonly {
    readonly returnId: string;
    readonly items: readonly Quantity[];
    readonly reason: string;
    readonly received: boolean;
  }[];
  readonly refunds: readonly {
    readonly refundId: string;
    readonly amount: string;
    readonly reason: string;
    readonly status: string;
  }[];
  readonly deadlineAt?: string;
  readonly allowedActions: readonly string[];
  readonly refusedActions: Readonly<Record<string, { readonly code: string; readonly reason: string }>>;
}

export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly price?: string;
  readonly currency?: string;
}

export interface Level {
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
}

export interface Stock extends Level {
  readonly sku: string;
  readonly locations: readonly (Level & { readonly location: string })[];
}

export interface Payment {
  readonly orderId: string;
  readonly provider: string;
  readonly status: string;
  readonly currency: string;
  readonly amount: string;
  readonly authorized: string;
  readonly captured: string;
  readonly refunded: string;
  readonly voided: string;
  readonly operations: readonly {
    readonly id: string;
    readonly kind: string;
    readonly amount: string;
    readonly state: string;
    readonly key: string;
    readonly attempts: number;
    readonly reason?: string;
    readonly refundId?: string;
  }[];
}

export interface Shipment {
  readonly id: string;
  readonly orderId: string;
  readonly status: string;
  readonly location: string;
  readonly items: readonly Quantity[];
  readonly carrier?: string;
  readonly trackingNumber?: string;
  readonly paused: boolean;
}

export interface Review {
  readonly id: string;
  readonly orderId: string;
  readonly status: string;
  readonly reasons: readonly string[];
  readonly openedAt: string;
  readonly deadlineAt: string;
  readonly reason?: string;
  readonly decidedBy?: string;
}

export interface Notification {
  readonly id: string;
  readonly orderId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly channel: string;
  readonly recipient?: string;
  readonly subject: string;
  readonly body: string;
  readonly status: string;
}

export interface Invoice {
  readonly invoiceNumber: string;
  readonly orderId: string;
  readonly currency: string;
  readonly totalAmount: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly amount: string }[];
  readonly creditNotes: readonly {
    readonly creditNoteNumber: string;
    readonly refundId: string;
    readonly amount: string;
    readonly currency: string;
  }[];
}

export interface CloudEvent {
  readonly specversion: string;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: string;
  readonly dataschema: string;
  readonly sequence: number;
  readonly correlationid: string;
  readonly causationid: string;
  readonly traceparent?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Dashboard {
  readonly total: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly oldestAgeSeconds: Readonly<Record<string, number>>;
  readonly createdLastMinute: number;
  readonly createdLastHour: number;
}
