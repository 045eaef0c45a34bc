import { describe, expect, test } from 'vitest';
import type { EventData, LinePart } from '#contracts/order-events.ts';
import type { OrderStory } from '#tests/support/order-story.ts';
import {
  authorize,
  cancel,
  completeOrder,
  dispatch,
  newOrder,
  pay,
  receive,
  refund,
  refunded,
  reserve,
  sendBack,
} from '#tests/support/order-story.ts';
import type { OrderCommand } from './commands.ts';
import { evolve } from './evolve.ts';
import { accountOf } from './settle.ts';
import type { Order } from './state.ts';

/** What is owed to the customer, and who asks for it. Lines of the orders: 3 MUG over 29.85, 1 CUP over 0.04. */

const refuse = (refundId: string): OrderCommand => ({ type: 'recordRefundFailure', refundId, reason: 'disputed' });
const owed = (amount?: string): OrderCommand => ({ ...refund(amount), kind: 'owed' }) as OrderCommand;
const amounts = (parts: readonly LinePart[] | undefined): string[] => parts!.map(({ amount }) => amount);
const asked = (story: OrderStory): string[] =>
  story.events.flatMap((event) =>
    event.type === 'OrderRefundRequested' ? [(event.data as EventData<'OrderRefundRequested'>).amount] : [],
  );

describe('a return', () => {
  test('is credited with its part of discount and tax, and paid as owed', () => {
    const items = [
      { line: 1, sku: 'MUG', quantity: 1, unitPrice: '60.00', amount: '60.00' },
      { line: 2, sku: 'CUP', quantity: 1, unitPrice: '40.00', amount: '40.00' },
    ];
    const s = newOrder({ items, discountLines: [{ amount: '50.00' }], totalAmount: '50.00' }).given(
      reserve,
      { ...pay, amount: '50.00', captured: '50.00' } as OrderCommand,
      {
        ...dispatch('west', true),
        items: [
          { sku: 'MUG', quantity: 1 },
          { sku: 'CUP', quantity: 1 },
        ],
      } as OrderCommand,
      sendBack([{ sku: 'MUG', quantity: 1 }]),
    );
    s.when(receive('id-1')).emits('OrderReturnReceived', 'OrderRefundRequested');
    expect(s.dataOf('OrderReturnReceived').credited).toEqual([{ line: 1, quantity: 1, amount: '30.00' }]);
    expect(s.dataOf('OrderRefundRequested')).toMatchObject({
      amount: '30.00',
      cause: 'owed',
      reason: 'return: too small',
      by: 'operator',
    });
  });

  test('names lines, or a SKU that fills them in ascending order', () => {
    const items = [
      { line: 1, sku: 'MUG', quantity: 2, unitPrice: '10.00', amount: '20.00' },
      { line: 2, sku: 'MUG', quantity: 1, unitPrice: '1.00', amount: '1.00' },
    ];
    const shipped = (): OrderStory =>
      newOrder({ items, totalAmount: '21.00' }).given(
        reserve,
        { ...pay, amount: '21.00', captured: '21.00' } as OrderCommand,
        dispatch('west', true),
      );
    const s = shipped();
    const byLine = (line: number, quantity: number): OrderCommand => ({
      type: 'requestReturn',
      lines: [{ line, quantity, reasonCode: 'late' }],
      reason: 'r',
      reasonCode: 'other',
      by: 'ada',
    });
    s.when(byLine(3, 1)).refuses('RETURN_EXCEEDS_SHIPPED').when(byLine(2, 2)).refuses('RETURN_EXCEEDS_SHIPPED');
    s.when(byLine(2, 1));
    expect(s.dataOf('OrderReturnRequested')).toMatchObject({
      items: [{ sku: 'MUG', quantity: 1 }],
      lines: [{ line: 2, quantity: 1, reasonCode: 'late' }],
    });
    s.when(byLine(2, 1)).refuses('RETURN_EXCEEDS_SHIPPED').when(receive('id-1'));
    expect(asked(s)).toEqual(['1.00']);
    const filled = shipped().when({ ...sendBack([{ sku: 'MUG', quantity: 3 }]), reasonCode: 'other' } as OrderCommand);
    expect(filled.dataOf('OrderReturnRequested').lines).toEqual([
      { line: 1, quantity: 2, reasonCode: 'other' },
      { line: 2, quantity: 1, reasonCode: 'other' },
    ]);
  });

  test('of which the refund came back is owed as before, and is done once more under the same id', () => {
    const s = completeOrder().given(sendBack([{ sku: 'MUG', quantity: 1 }]), receive('id-1'));
    const { refundId, amount } = s.order.refunds[0]!;
    s.when(refunded(refundId, amount, amount));
    const { lines } = s.dataOf('OrderRefunded');
    const before = accountOf(s.order);
    const comesBack: OrderCommand = {
      type: 'recordRefundFailure',
      refundId,
      reason: 'lost_or_stolen_card',
      returned: { refunded: '0.00', status: 'CAPTURED' },
    };
    s.when(comesBack).emits('OrderRefundFailed').is('COMPLETED', { refundedAmount: '0.00', paymentStatus: 'CAPTURED' });
    expect(s.order.refunds).toMatchObject([{ status: 'REQUESTED', returned: 'lost_or_stolen_card', lines }]);
    // Its money is not there for another refund, which would have a credit note of its own.
    expect(accountOf(s.order)).toMatchObject({ owed: before.owed, refundable: before.refundable, leftToPerson: 0n });
    s.when(owed()).refuses('REFUND_EXCEEDS_CAPTURED');
    s.when(refunded(refundId, amount, amount)).emits('OrderRefunded');
    expect(s.dataOf('OrderRefunded').lines).toEqual(lines);
    expect(s.order.refunds).toMatchObject([{ status: 'DONE' }]);
    expect(s.order.refunds[0]!.returned).toBeUndefined();
  });

  test('without a refund is worth the same, and left to a person', () => {
    const s = completeOrder().given(sendBack([{ sku: 'MUG', quantity: 1 }]));
    s.when(receive('id-1', false)).emits('OrderReturnReceived');
    expect(s.dataOf('OrderReturnReceived').credited).toEqual([{ line: 1, quantity: 1, amount: '9.95', waived: true }]);
    expect(accountOf(s.order)).toMatchObject({ owed: 995n, leftToPerson: 995n });
    // The next ones are worth no more for it.
    s.given(sendBack([{ sku: 'MUG', quantity: 2 }])).when(receive('id-2'));
    expect(asked(s)).toEqual(['19.90']);
    s.when(owed('9.96')).refuses('REFUND_EXCEEDS_CAPTURED').when(owed()).emits('OrderRefundRequested');
    expect(s.dataOf('OrderRefundRequested')).toMatchObject({ amount: '9.95', credited: [] });
    expect(accountOf(s.order)).toMatchObject({ owed: 0n, leftToPerson: 0n, refundable: 4n });
  });
});

describe('a refund that the provider refused', () => {
  test('stays owed until a person acts, while others go on', () => {
    const s = completeOrder().given(sendBack([{ sku: 'MUG', quantity: 1 }]));
    s.given(receive('id-1')).when(refuse('id-2')).emits('OrderRefundFailed');
    expect(accountOf(s.order)).toMatchObject({ owed: 995n, leftToPerson: 995n });
    s.given(sendBack([{ sku: 'MUG', quantity: 1 }])).when(receive('id-3'));
    expect(asked(s)).toEqual(['9.95']);
    s.when(owed()).emits('OrderRefundRequested').when(refuse('id-5')).emits('OrderRefundFailed');
    s.given(owed('4.00'))
      .when(refunded('id-6', '4.00', '4.00'))
      .emits('OrderRefunded');
    expect(accountOf(s.order)).toMatchObject({ owed: 595n, leftToPerson: 595n });
  });

  test('stays owed where it was given of free will, and is paid by the next one', () => {
    const s = completeOrder().given(refund('5.00'), refuse('id-1'));
    expect(accountOf(s.order)).toMatchObject({ owed: 500n, leftToPerson: 500n, refundable: 2989n });
    s.when(refund('5.00'));
    expect(s.dataOf('OrderRefundRequested').credited).toEqual([]);
    expect(accountOf(s.order)).toMatchObject({ owed: 0n, leftToPerson: 0n });
  });

  test('keeps nothing of an order that came back meanwhile', () => {
    const s = completeOrder().given(refund('5.00'), sendBack(), receive('id-2')).given(refuse('id-1'));
    expect(accountOf(s.order)).toMatchObject({ owed: 500n, leftToPerson: 500n });
  });
});

test('a refund by a person pays what is owed first, and gives the rest of free will', () => {
  const s = completeOrder()
    .given(sendBack([{ sku: 'MUG', quantity: 1 }]), receive('id-1', false))
    .when(refund('15.00'));
  expect(amounts(s.dataOf('OrderRefundRequested').credited)).toEqual(['5.04', '0.01']);
  expect(accountOf(s.order)).toMatchObject({ owed: 0n, leftToPerson: 0n, refundable: 1489n });
  const goodwill = { ...refund('19.95'), kind: 'goodwill' } as OrderCommand;
  const other = completeOrder().given(sendBack([{ sku: 'MUG', quantity: 1 }]), receive('id-1', false));
  other.when(goodwill).refuses('REFUND_EXCEEDS_CAPTURED');
});

describe('money that is taken as goods leave', () => {
  const captured = (sum: string, status?: 'AUTHORIZED'): OrderCommand => ({
    type: 'recordCapture',
    captured: sum,
    status,
  });
  const shipping = { shippingLines: [{ amount: '3.00' }], totalAmount: '32.89' };
  const ready = (): OrderStory => newOrder(shipping).given(reserve, { ...authorize, amount: '32.89' } as OrderCommand);

  test('is the worth of each parcel, the first with the shipping', () => {
    const s = ready().when(dispatch('east', false)).emits('OrderPartiallyShipped');
    expect(s.dataOf('OrderPartiallyShipped').amount).toBe('3.04');
    s.given(captured('3.04', 'AUTHORIZED')).when(dispatch('west', true)).emits('OrderShipped');
    expect(s.dataOf('OrderShipped').amount).toBe('29.85');
    s.when(captured('32.89')).emits('OrderPaymentRecorded');
    expect(accountOf(s.order)).toMatchObject({ captured: 3289n, owed: 0n });
  });

  test('stays where somebody took it at the provider before its parcel left', () => {
    const s = ready();
    const early: OrderCommand = { type: 'recordCapture', captured: '10.00', status: 'AUTHORIZED', atProvider: '10.00' };
    s.when(early).emits('OrderPaymentRecorded');
    expect(accountOf(s.order)).toMatchObject({ captured: 1000n, owed: 0n });
    s.given(dispatch('east', false)).when(captured('13.04', 'AUTHORIZED')).emits('OrderPaymentRecorded');
    // Of the rest, as much is left as was taken before.
    s.given(dispatch('west', true)).when(captured('32.89')).emits('OrderPaymentRecorded');
    expect(accountOf(s.order)).toMatchObject({ captured: 3289n, owed: 0n });
  });

  test('is given back as soon as it was taken, where the goods came back before', () => {
    const s = ready().given(dispatch('east', false), sendBack());
    s.when(receive('id-1')).emits('OrderReturnReceived');
    s.when(captured('3.04', 'AUTHORIZED')).emits('OrderPaymentRecorded', 'OrderRefundRequested');
    expect(asked(s)).toEqual(['0.04']);
    // The rest goes its way.
    s.when(dispatch('west', true));
    expect(s.dataOf('OrderShipped').amount).toBe('29.85');
    s.when(captured('32.89')).emits('OrderPaymentRecorded');
    s.given(sendBack()).when(receive('id-3'));
    expect(asked(s)).toEqual(['32.85']);
  });

  test('is all captured at the end, where the parcels before said no amount', () => {
    const s = ready().given(dispatch('east', false));
    const shipments = s.order.shipments.map((parcel) => ({ ...parcel, amount: undefined }));
    s.store({ ...s.row, state: { ...s.order, capturedAmount: undefined, shipments } });
    s.when(dispatch('west', true));
    expect(s.dataOf('OrderShipped').amount).toBe('32.89');
  });
});

test('more than the order is worth is given back, and on no document', () => {
  const s = newOrder().given(reserve);
  // A part was cancelled while the charge was on its way.
  const cancelled = [{ line: 1, quantity: 1, amount: '9.95' }];
  s.store({ ...s.row, state: { ...s.order, totalAmount: '19.94', cancelled } });
  s.when(pay).emits('OrderPaid', 'OrderReadyForShipment', 'OrderRefundRequested');
  expect(s.dataOf('OrderPaid').capturedAmount).toBe('29.89');
  expect(s.dataOf('OrderRefundRequested')).toMatchObject({ amount: '9.95', cause: 'owed', uninvoiced: true });
  s.when(refunded(s.dataOf('OrderRefundRequested').refundId, '9.95', '9.95')).emits('OrderRefunded');
  expect(s.dataOf('OrderRefunded').uninvoiced).toBe(true);
});

test('what payments give back of an order that ended is in its list', () => {
  const s = newOrder()
    .given(
      reserve,
      { type: 'hold', hold: 'h', reason: 'r', by: 'b' },
      pay,
      refund('5.00'),
      refunded('id-1', '5.00', '5.00'),
    )
    .given(cancel)
    .when(refunded('of-payments', '24.89', '29.89'))
    .emits('OrderPaymentRecorded')
    .is('CANCELLED', { paymentStatus: 'REFUNDED', refundedAmount: '29.89' });
  expect(s.order.refunds).toMatchObject([
    { amount: '5.00', status: 'DONE' },
    { refundId: 'of-payments', amount: '24.89', status: 'DONE', cause: 'owed', reason: 'changed my mind' },
  ]);
});

test('what the former version refunded and took back is not paid once more', () => {
  const s = completeOrder();
  const refundRequested = { amount: '9.95', reason: 'return: x', by: 'operator' };
  const before = [
    { type: 'OrderReturnRequested', data: { returnId: 'r-1', items: [{ sku: 'MUG', quantity: 1 }], reason: 'x' } },
    { type: 'OrderReturnReceived', data: { returnId: 'r-1', items: [{ sku: 'MUG', quantity: 1 }], location: 'main' } },
    { type: 'OrderRefundRequested', data: { refundId: 'f-1', ...refundRequested } },
    {
      type: 'OrderRefunded',
      data: { refundId: 'f-1', amount: '9.95', refundedAmount: '9.95', paymentStatus: 'PARTIALLY_REFUNDED' },
    },
    { type: 'OrderReturnRequested', data: { returnId: 'r-2', items: [{ sku: 'MUG', quantity: 1 }], reason: 'x' } },
    { type: 'OrderRefundRequested', data: { refundId: 'f-2', ...refundRequested } },
    { type: 'OrderRefundFailed', data: { refundId: 'f-2', reason: 'disputed' } },
  ];
  s.store({ ...s.row, state: before.reduce<Order>(evolve, s.order) });
  expect(accountOf(s.order)).toMatchObject({ owed: 0n, leftToPerson: 0n, refundable: 1994n });
  s.when(sendBack([{ sku: 'MUG', quantity: 2 }])).refuses('RETURN_EXCEEDS_SHIPPED');
  s.when(receive('r-2')).emits('OrderReturnReceived', 'OrderRefundRequested');
  expect(asked(s)).toEqual(['9.95']);
  s.given(sendBack()).when(receive('id-2')).emits('OrderReturnReceived', 'OrderRefundRequested');
  expect(asked(s)).toEqual(['9.99']);
});
