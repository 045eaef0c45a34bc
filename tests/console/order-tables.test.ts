import { expect, test } from 'vitest';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { TEMPLATES } from '#notifications/templates.ts';
import { TRANSITIONS, type Transition } from '#orders/rules/lifecycle.ts';
import { LEADS_TO, MAILED } from '../../console/src/order/tables.ts';
import { happened as german } from '../../console/src/text/de/events.ts';
import { happened as english } from '../../console/src/text/en/events.ts';

/** What the page of an order says of the system without asking is what the system does. */

test('the way that an order took is drawn as the lifecycle goes', () => {
  const leads = (TRANSITIONS as readonly Transition[]).filter(({ to }) => to !== 'same');
  expect(Object.fromEntries(leads.map(({ event, to }) => [event, to]))).toEqual(
    Object.fromEntries(Object.entries(LEADS_TO).filter(([event]) => event !== 'OrderCreated')),
  );
});

test('an event that customers are sent a message about is known as one', () => {
  const ofOrders = Object.keys(TEMPLATES).filter((type) => type.startsWith('Order') && type !== 'OrderPaymentRecorded');
  expect(ofOrders.toSorted()).toEqual([...MAILED].toSorted());
});

test('every event has a name in both languages', () => {
  const types = Object.keys(ORDER_EVENTS).toSorted();
  expect([Object.keys(english).toSorted(), Object.keys(german).toSorted()]).toEqual([types, types]);
});
