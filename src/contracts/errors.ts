/**
 * Every error code a caller can meet: its HTTP status and what it means. The code is the promise; the
 * sentence may improve. `docs/api/errors.md` is generated from this table.
 */
export const ERRORS = {
  MALFORMED_REQUEST: { status: 400, title: 'What came is no HTTP request, or one that says two things at once' },
  MALFORMED_JSON: { status: 400, title: 'The body is not valid JSON' },
  VALIDATION_FAILED: { status: 400, title: 'The request does not match the schema' },
  GRAPHQL_INVALID: {
    status: 400,
    title: 'The GraphQL request or its document is not as it must be; nothing was executed',
  },
  GRAPHQL_TOO_COMPLEX: { status: 400, title: 'The GraphQL document asks for too much at once; nothing was executed' },
  PERSISTED_QUERY_NOT_FOUND: {
    status: 400,
    title: 'The GraphQL document of this hash is not known here; send it once with its hash',
  },
  PERSISTED_QUERY_REQUIRED: { status: 400, title: 'Only GraphQL documents of a fixed list are executed here' },
  EVENTS_MISSED: {
    status: 503,
    title: 'Events of a GraphQL subscription may be missing; subscribe again and read again what you show',
  },
  UNKNOWN_CURRENCY: { status: 422, title: 'The currency is not an ISO 4217 code' },
  PRICE_DIFFERS: { status: 422, title: 'A customer orders at the prices of the catalog, and an item has another' },
  AMOUNT_INVALID: { status: 422, title: 'An amount has more decimals than its currency, or is too large' },
  UNIT_PRICE_INVALID: { status: 422, title: 'A unit price has more than four decimals, is negative, or is too large' },
  TAX_INVALID: { status: 422, title: 'The tax of the order cannot be computed as it is given' },
  TOTAL_MISMATCH: { status: 422, title: 'The given total is not the sum of the lines' },
  UNKNOWN_SKU: { status: 422, title: 'An item names a product that does not exist' },
  UNKNOWN_PROVIDER: { status: 422, title: 'The payment provider is not configured' },
  PAYMENT_TOKEN_INVALID: { status: 422, title: 'The payment token is none of the payment provider' },
  LOCATION_UNKNOWN: { status: 422, title: 'There is no location of this name' },
  STOCK_TOO_LARGE: { status: 422, title: 'More pieces of a product would be at one location than can be counted' },
  IDEMPOTENCY_KEY_REQUIRED: { status: 400, title: 'The Idempotency-Key header is missing' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The Idempotency-Key was used before with another request' },
  UNAUTHENTICATED: { status: 401, title: 'No valid API key was given' },
  FORBIDDEN: { status: 403, title: 'The key does not allow this' },
  NOT_FOUND: { status: 404, title: 'There is no such resource' },
  TRACKING_OFF: { status: 409, title: 'This system has no tracking pages, for want of a secret to sign their links' },
  ORDER_NOT_FOUND: { status: 404, title: 'There is no order with this id' },
  PRODUCT_NOT_FOUND: { status: 404, title: 'There is no product with this SKU' },
  SHIPMENT_NOT_FOUND: { status: 404, title: 'There is no shipment with this id' },
  REVIEW_NOT_FOUND: { status: 404, title: 'There is no review with this id' },
  RETURN_NOT_FOUND: { status: 404, title: 'The order has no return with this id' },
  DOCUMENT_NOT_FOUND: { status: 404, title: 'There is no invoice or credit note of this number' },
  SELLER_INCOMPLETE: { status: 409, title: 'The document was issued without what its XML has to say about the seller' },
  INVOICE_NOT_ISSUED: { status: 404, title: 'The order has no invoice yet' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The resource does not support this method' },
  NOT_ACCEPTABLE: { status: 406, title: 'The representation asked for does not exist' },
  ACTION_NOT_ALLOWED: { status: 409, title: 'The order does not allow this in its present state' },
  ORDER_FINAL: { status: 409, title: 'The order has ended' },
  ORDER_ALREADY_SHIPPED: { status: 409, title: 'The order has left the warehouse' },
  CANCELLATION_PENDING: { status: 409, title: 'A cancellation of the order is being decided' },
  HOLD_EXISTS: { status: 409, title: 'The order already has a hold of this type' },
  HOLD_NOT_FOUND: { status: 409, title: 'The order has no hold of this type' },
  REFERENCE_TAKEN: { status: 409, title: 'Another order of the channel has this reference' },
  REFUND_EXCEEDS_CAPTURED: { status: 409, title: 'The refunds would exceed what was captured' },
  PAYMENT_DISPUTED: {
    status: 409,
    title: 'The customer disputes the payment with their bank; nothing is refunded until that is decided',
  },
  RETURN_EXCEEDS_SHIPPED: { status: 409, title: 'More would be returned than was shipped' },
  ORDER_NUMBER_INVALID: { status: 422, title: 'No order can have this number: it is mistyped' },
  UNKNOWN_LINE: { status: 422, title: 'The order has no such line' },
  QUANTITY_EXCEEDS_OPEN: { status: 409, title: 'More would be cancelled than can still be stopped' },
  CHANGE_PENDING: { status: 409, title: 'A change of the order is being decided' },
  STOCK_UNDECIDED: { status: 409, title: 'The stock decision on the order is still to come' },
  SHIPMENT_NOT_CLAIMABLE: { status: 409, title: 'Nothing can be claimed of the shipment in its present state' },
  CLAIM_EXISTS: { status: 409, title: 'What is claimed is claimed already' },
  RECEIVED_EXCEEDS_RETURN: { status: 409, title: 'More would be received than was to come back' },
  RETURN_CLOSED: { status: 409, title: 'Nothing more of the return is expected' },
  REVIEW_DECIDED: { status: 409, title: 'The review has been decided already' },
  ITEMS_NOT_IN_SHIPMENT: { status: 422, title: 'The shipment does not hold these pieces' },
  SHIPMENT_NOT_DISPATCHABLE: { status: 409, title: 'The shipment cannot be dispatched in its present state' },
  SHIPMENT_NOT_DISPATCHED: { status: 409, title: 'The shipment has not left, so it has no tracking number' },
  SHIPMENT_NOT_DELIVERABLE: { status: 409, title: 'The shipment cannot be delivered in its present state' },
  SHIPMENT_ON_HOLD: { status: 409, title: 'The shipment is paused by a hold or a cancellation of its order' },
  NOTIFICATION_QUEUED: { status: 409, title: 'The notification waits to be sent already' },
  NOTIFICATION_WITHOUT_RECIPIENT: {
    status: 409,
    title: 'The order has no contact for the channel of the notification',
  },
  PUSH_OFF: { status: 409, title: 'This system sends no pushes, for want of a key to sign them' },
  STOCK_INSUFFICIENT: { status: 409, title: 'The adjustment would leave less stock than is reserved' },
  API_KEY_SHOWN: { status: 409, title: 'The request made an API key before, which was shown then and is kept nowhere' },
  API_KEY_EXPIRED: { status: 409, title: 'The API key has ended, and no new end was given' },
  API_KEY_EXISTS: { status: 409, title: 'There is an API key of this name; names are never used twice' },
  LAST_ADMIN: { status: 409, title: 'Nobody would be left who can give others access' },
  VERSION_MISMATCH: {
    status: 412,
    title: 'What is to be changed is not, or no longer, as If-Match or If-None-Match says',
  },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request did not come in time' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be application/json, without a content coding' },
  RATE_LIMITED: {
    status: 429,
    title: 'The caller asks too often or for too much at once; try again when Retry-After says',
  },
  WEBHOOK_SIGNATURE_INVALID: { status: 401, title: 'The webhook signature does not verify' },
  OVERLOADED: { status: 503, title: 'More work is waiting than can be taken now; try again shortly' },
  UNAVAILABLE: { status: 503, title: 'A part this request needs is not reachable; try again shortly' },
  INTERNAL: { status: 500, title: 'Something failed on our side' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** A refusal by the rules: a value, never an exception. `detail` says what was met and what to do. */
export interface Refusal {
  readonly refused: ErrorCode;
  readonly detail: string;
}

export function refuse(code: ErrorCode, detail: string): Refusal {
  return { refused: code, detail };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}
