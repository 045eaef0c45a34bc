import type { ProblemDetails } from '#client/client.ts';

/** What the API answers, as its client has it: generated from the document that every answer is held against. */
export type {
  CloudEvent,
  Dashboard,
  Invoice,
  Notification,
  Order,
  OrderSummary,
  Page,
  Payment,
  Product,
  Review,
  Shipment,
  Stock,
} from '#client/client.ts';

/** A refusal, so that an answer can be read as either that or what was asked for; its status is that of the answer. */
export type Problem = Omit<ProblemDetails, 'status'>;
