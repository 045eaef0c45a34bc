import type { Static } from 'typebox';
import type { Envelope, EventDefinition } from './envelope.ts';
import { IMPORT_EVENTS } from './events/imports.ts';
import { ORDERS_EVENTS } from './events/orders.ts';
import { ORDER_CHANGE_EVENTS } from './events/order-changes.ts';
import { INVENTORY_EVENTS } from './events/inventory.ts';
import { PAYMENTS_EVENTS } from './events/payments.ts';
import { SHIPPING_EVENTS } from './events/shipping.ts';
import { REVIEWS_EVENTS } from './events/reviews.ts';
import { BILLING_EVENTS } from './events/billing.ts';

export * from './events/vocabulary.ts';

/**
 * Every event on the topic `order-events`, defined once: type name, source, one-sentence meaning, payload
 * schema and an example, in a file for each service that emits them. TypeScript types, JSON Schemas, AsyncAPI and the
 * contract tests derive from it. Events are additive: a new optional field is fine, a changed meaning is a new type.
 */
export const ORDER_EVENTS = {
  ...ORDERS_EVENTS,
  ...IMPORT_EVENTS,
  ...ORDER_CHANGE_EVENTS,
  ...INVENTORY_EVENTS,
  ...PAYMENTS_EVENTS,
  ...SHIPPING_EVENTS,
  ...REVIEWS_EVENTS,
  ...BILLING_EVENTS,
} as const satisfies Record<string, EventDefinition>;

export type EventType = keyof typeof ORDER_EVENTS;
export type EventData<T extends EventType> = Static<(typeof ORDER_EVENTS)[T]['data']>;

/** A new event as the rules return it; the platform adds id, sequence, time and causation. */
export type NewEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly data: EventData<K> };
}[T];

/** A recorded event, discriminated by type. */
export type OrderEvent<T extends EventType = EventType> = {
  [K in T]: Envelope<EventData<K>> & { readonly type: K };
}[T];
