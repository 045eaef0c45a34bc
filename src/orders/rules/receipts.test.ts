import { expect, test } from 'vitest';
import {
  completeOrder,
  deadlines,
  expire,
  newOrder,
  type OrderStory,
  pay,
  receive,
  sendBack,
} from '#tests/support/order-story.ts';
import type { ArrivedPieces, OrderCommand } from './commands.ts';
import { nextDeadline } from './deadlines.ts';
import { evolve } from './evolve.ts';

/** What arrives of a return, piece by piece. 3 MUG over 29.85 from the west, 1 CUP over 0.04 from the east. */

const arrive = (returnId: string, pieces?: readonly ArrivedPieces[], more?: boolean): OrderCommand => ({
  type: 'receiveReturn',
  returnId,
  pieces,
  more,
  refund: true,
  by: 'operator',
});
const close = (returnId: string): OrderCommand => ({ type: 'closeReturn', returnId, reason: 'over', by: 'operator' });
const returning = (): OrderStory => completeOrder().given(sendBack([{ sku: 'MUG', quantity: 3 }]));

test('pieces go back to the places that they left from, those that left first to the first', () => {
  const items = [{ line: 1, sku: 'MUG', quantity: 3, unitPrice: '10.00', amount: '30.00' }];
  const homes = [
    { sku: 'MUG', location: 'north', quantity: 2 },
    { sku: 'MUG', location: 'west', quantity: 1 },
  ];
  const s = newOrder({ items, totalAmount: '30.00' }).given(
    { type: 'recordReservation', allocations: homes },
    { ...pay, amount: '30.00', captured: '30.00' } as OrderCommand,
    {
      type: 'recordDispatch',
      shipmentId: 'one',
      carrier: 'x',
      trackingNumber: '1',
      items: [{ sku: 'MUG', quantity: 3 }],
      last: true,
    },
    sendBack(),
  );
  s.when(arrive('id-1', [{ sku: 'MUG', quantity: 1 }]));
  expect(s.dataOf('OrderReturnReceived')).toMatchObject({ items: [{ sku: 'MUG', quantity: 1 }], location: 'north' });
  s.when(arrive('id-1'));
  expect(s.dataOf('OrderReturnReceived')).toMatchObject({
    items: [{ sku: 'MUG', quantity: 2 }],
    shelved: homes.map((home) => ({ ...home, quantity: 1 })),
  });
});

test('what is damaged or unchecked is credited and not shelved, and what is missing is neither', () => {
  const s = returning().when(
    arrive('id-1', [
      { line: 1, quantity: 1, condition: 'unchecked' },
      { sku: 'MUG', quantity: 1, condition: 'damaged', disposition: 'restock' },
      { sku: 'MUG', quantity: 1, condition: 'missing' },
    ]),
  );
  s.emits('OrderReturnReceived', 'OrderRefundRequested').is('COMPLETED', { returnStatus: 'RECEIVED' });
  expect(s.dataOf('OrderReturnReceived').items).toEqual([{ sku: 'MUG', quantity: 1 }]);
  expect(s.dataOf('OrderRefundRequested').amount).toBe('19.90');
  // The missing one is found after all, and then nothing more is to come.
  s.when(arrive('id-1'))
    .emits('OrderReturnReceived', 'OrderRefundRequested')
    .when(close('id-1'))
    .refuses('RETURN_CLOSED');
  expect(s.order.returns[0]!.credited!.map(({ amount }) => amount)).toEqual(['19.90', '9.95']);
});

test('what never came may be sent back again once the return is closed, with its last receipt or in time', () => {
  const s = returning().when(arrive('id-1', [{ sku: 'MUG', quantity: 1 }], false));
  s.emits('OrderReturnReceived', 'OrderReturnClosed', 'OrderRefundRequested');
  s.when(sendBack([{ sku: 'MUG', quantity: 3 }])).refuses('RETURN_EXCEEDS_SHIPPED');
  s.when(sendBack([{ sku: 'MUG', quantity: 2 }]))
    .emits('OrderReturnRequested')
    .when(expire)
    .ignores('the deadline was moved');
  expect(nextDeadline(s.order)).toBe(s.order.returns[1]!.deadlineAt);
  s.later(deadlines.returns).when(expire).emits('OrderReturnClosed').is('COMPLETED', { returnStatus: 'RECEIVED' });
  expect(nextDeadline(s.order)).toBeUndefined();
  const none = returning().when(close('id-1')).emits('OrderReturnClosed').is('COMPLETED', { returnStatus: 'NONE' });
  none.when(receive('id-1')).refuses('RETURN_CLOSED').when(close('id-9')).refuses('RETURN_NOT_FOUND');
});

test('a return from before lines were named is received in part like any other', () => {
  const s = completeOrder();
  const items = [{ sku: 'MUG', quantity: 3 }];
  const old = evolve(s.order, { type: 'OrderReturnRequested', data: { returnId: 'old', items, reason: 'r' } });
  s.store({ ...s.row, state: old });
  s.when(sendBack([{ sku: 'MUG', quantity: 1 }])).refuses('RETURN_EXCEEDS_SHIPPED');
  s.when(arrive('old', [{ sku: 'MUG', quantity: 1 }])).emits('OrderReturnReceived', 'OrderRefundRequested');
  s.when(arrive('old', [{ sku: 'MUG', quantity: 3 }]))
    .refuses('RECEIVED_EXCEEDS_RETURN')
    .when(close('old'));
  s.emits('OrderReturnClosed')
    .when(sendBack([{ sku: 'MUG', quantity: 2 }]))
    .emits('OrderReturnRequested');
});
