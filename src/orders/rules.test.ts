import { describe, expect, test } from 'vitest';
import { isRefusal } from '#contracts/errors.ts';
import { isoTime } from '#contracts/time.ts';
import type { OrderStory } from '#tests/support/order-story.ts';
import {
  NOW_MS,
  inHours,
  deadlines,
  reserve,
  pay,
  authorize,
  pending,
  decline,
  dispatch,
  deliver,
  cancel,
  expire,
  hold,
  release,
  refund,
  refunded,
  sendBack,
  receive,
  newOrder,
  readyOrder,
  shippedOrder,
  completeOrder,
} from '#tests/support/order-story.ts';
import { actionsOf } from './rules/policies.ts';
import type { OrderCommand } from './rules/commands.ts';
import { decide } from './rules/decide.ts';
import { refundable, returnable } from './rules/returns.ts';

describe('the plain life of an order', () => {
  test('asks for payment once reserved, for shipment once paid', () => {
    newOrder()
      .when(reserve)
      .emits('OrderReserved', 'OrderPaymentRequested')
      .is('RESERVED', { paymentStatus: 'PENDING', deadlineAt: inHours(3) })
      .when(pay)
      .emits('OrderPaid', 'OrderReadyForShipment')
      .is('READY_FOR_SHIPMENT', { paymentStatus: 'CAPTURED', deadlineAt: inHours(6) })
      .when(dispatch('east', false))
      .emits('OrderPartiallyShipped')
      .is('PARTIALLY_SHIPPED', { deadlineAt: inHours(7) })
      .when(deliver('east', false))
      .emits('OrderDeliveryRecorded')
      .when(dispatch('west', true))
      .emits('OrderShipped')
      .is('SHIPPED', { fulfillmentStatus: 'SHIPPED', deadlineAt: inHours(8) })
      .when(deliver('west', true))
      .emits('OrderCompleted')
      .is('COMPLETED', { fulfillmentStatus: 'DELIVERED', deadlineAt: undefined });
  });

  test('ends without stock, or waits for it where the buyer agreed', () => {
    const shortages = [{ sku: 'MUG', requested: 3, available: 1 }];
    newOrder()
      .when({ type: 'recordShortage', shortages })
      .emits('OrderRejected')
      .is('REJECTED', { paymentRequested: false });
    newOrder()
      .when({ type: 'recordBackorder', shortages })
      .emits('OrderBackordered')
      .is('BACKORDERED', { deadlineAt: inHours(2), shortages })
      .when(reserve)
      .emits('OrderReserved', 'OrderPaymentRequested')
      .is('RESERVED', { shortages: undefined });
  });

  test('ends where the card is declined, also after waiting for the provider', () => {
    newOrder()
      .given(reserve)
      .when(decline)
      .emits('OrderPaymentFailed')
      .is('PAYMENT_FAILED', { endReason: 'card_declined' });
    newOrder()
      .given(reserve, pending)
      .is('PAYMENT_PENDING', { deadlineAt: inHours(4) })
      .when(pending)
      .ignores('the order waits for the outcome already')
      .when(decline)
      .emits('OrderPaymentFailed');
  });

  test('knows an authorization from a capture', () => {
    newOrder()
      .given(reserve)
      .when(authorize)
      .emits('OrderPaid', 'OrderReadyForShipment')
      .is('READY_FOR_SHIPMENT', { paymentStatus: 'AUTHORIZED' })
      .given(dispatch('east', false), dispatch('west', true))
      .when({ type: 'recordCapture', captured: '29.89' })
      .emits('OrderPaymentRecorded')
      .is('SHIPPED', { paymentStatus: 'CAPTURED' });
    newOrder({ totalAmount: '0.00' })
      .given(reserve, { type: 'recordPayment', amount: '0.00', captured: '0.00' })
      .is('READY_FOR_SHIPMENT', { paymentStatus: 'CAPTURED' });
  });

  test('may be declared complete by an operator before the carrier reports', () => {
    shippedOrder()
      .when({ type: 'complete', by: 'ada' })
      .emits('OrderCompleted')
      .is('COMPLETED')
      .when(deliver('west', true))
      .ignores('an operator completed the order before the carrier reported');
  });
});

describe('a cancellation', () => {
  test('before the warehouse ends the order at once', () => {
    for (const before of [[], [reserve], [reserve, pending], [reserve, hold('manual'), pay]]) {
      newOrder()
        .given(...before)
        .when(cancel)
        .emits('OrderCancelled')
        .is('CANCELLED', { endReason: 'changed my mind', holds: [], deadlineAt: undefined });
    }
  });

  test('with the warehouse waits for its answer', () => {
    const s = readyOrder()
      .when(cancel)
      .emits('OrderCancellationRequested')
      .is('READY_FOR_SHIPMENT', { cancellation: { reason: 'changed my mind', by: 'customer' } });
    expect(s.order.holds).toMatchObject([{ type: 'cancellation', steps: ['shipment'] }]);
    s.when(cancel).refuses('CANCELLATION_PENDING').when(release('cancellation')).refuses('ACTION_NOT_ALLOWED');
    expect(actionsOf(s.order).cancel).toMatchObject({ refused: 'CANCELLATION_PENDING' });
    s.when({ type: 'recordShipmentsStopped' })
      .emits('OrderCancelled')
      .is('CANCELLED', { endReason: 'changed my mind', cancellation: undefined });
    expect(s.dataOf('OrderCancelled')).toEqual({ reason: 'changed my mind', by: 'customer' });
  });

  test('lapses where a parcel had left', () => {
    for (const [last, status] of [
      [false, 'PARTIALLY_SHIPPED'],
      [true, 'SHIPPED'],
    ] as const) {
      const s = readyOrder()
        .given(cancel)
        .when(dispatch('west', last))
        .emits('OrderCancellationLapsed', last ? 'OrderShipped' : 'OrderPartiallyShipped');
      s.is(status, { cancellation: undefined, holds: [] }).when(cancel).refuses('ORDER_ALREADY_SHIPPED');
    }
  });

  test('is refused once shipped and once ended', () => {
    shippedOrder().when(cancel).refuses('ORDER_ALREADY_SHIPPED');
    completeOrder().when(cancel).refuses('ORDER_FINAL');
    newOrder().given(cancel).when(cancel).refuses('ORDER_FINAL');
  });

  test('leaves the money to payments, and notes what becomes of it', () => {
    const ended = (): OrderStory => newOrder().given(reserve, cancel).is('CANCELLED');
    ended()
      .when(pay)
      .emits('OrderPaymentRecorded')
      .is('CANCELLED', { paymentStatus: 'CAPTURED' })
      .when(refunded('of-payments', '29.89', '29.89'))
      .emits('OrderPaymentRecorded')
      .is('CANCELLED', { paymentStatus: 'REFUNDED', refundedAmount: '29.89' });
    ended()
      .given(authorize)
      .when({ type: 'recordVoid' })
      .emits('OrderPaymentRecorded')
      .is('CANCELLED', { paymentStatus: 'VOIDED' });
    ended()
      .when(pending)
      .emits('OrderPaymentRecorded')
      .when(decline)
      .emits('OrderPaymentRecorded')
      .is('CANCELLED', { paymentStatus: 'FAILED' });
    newOrder().given(cancel).when(reserve).ignores('inventory releases the reservation when it reads OrderCancelled');
  });
});

describe('a hold', () => {
  test('keeps a reserved order from being charged until it is released', () => {
    newOrder()
      .given(hold('manual'))
      .when(reserve)
      .emits('OrderReserved')
      .is('RESERVED', { paymentRequested: false, deadlineAt: inHours(99) })
      .when(release('manual'))
      .emits('OrderReleased', 'OrderPaymentRequested')
      .is('RESERVED', { deadlineAt: inHours(3) });
  });

  test('keeps a paid order from the warehouse until the last one is released', () => {
    newOrder()
      .given(reserve, hold('manual'), hold('fraud'))
      .when(pay)
      .emits('OrderPaid')
      .is('PAID', { deadlineAt: inHours(99) })
      .when(release('fraud'))
      .emits('OrderReleased')
      .is('PAID', { deadlineAt: inHours(99) })
      .when(release('manual'))
      .emits('OrderReleased', 'OrderReadyForShipment')
      .is('READY_FOR_SHIPMENT');
  });

  test('exists once, and is released by its name', () => {
    const s = newOrder().given(hold('manual'));
    s.when(hold('manual')).refuses('HOLD_EXISTS').when(release('fraud')).refuses('HOLD_NOT_FOUND');
    shippedOrder().when(hold('manual')).refuses('ACTION_NOT_ALLOWED');
  });

  test('for a review shows its deadline, and ends the order a moment after the review should have', () => {
    const review = { reviewId: 'v-1', deadlineAt: inHours(2) };
    const s = newOrder({ reviewReasons: ['requested'], review }).given(reserve);
    s.is('RESERVED', { holds: [{ type: 'review', reviewId: 'v-1', endsAt: inHours(2) }] as never });
    s.when(release('review')).refuses('ACTION_NOT_ALLOWED');
    expect(actionsOf(s.order).release?.detail).toContain('review v-1');
    s.laterHours(2).when(expire).ignores('the deadline was moved');
    s.later(60_000).when(expire).emits('OrderCancelled');
    expect(s.dataOf('OrderCancelled')).toEqual({ reason: 'not reviewed in time', by: 'timer' });
  });

  test('beside a review keeps the order as long as the later of the two', () => {
    const review = { reviewId: 'v-1', deadlineAt: inHours(2) };
    const s = newOrder({ reviewReasons: ['requested'], review }).given(reserve, hold('manual'));
    s.is('RESERVED', { deadlineAt: inHours(99) });
    s.given(release('manual')).is('RESERVED', { deadlineAt: isoTime(NOW_MS + 2 * 3_600_000 + 60_000) });
  });

  test('for a review is released by the review alone, and a review charges nothing before it is approved', () => {
    const s = newOrder({ reviewReasons: ['requested'] })
      .when(reserve)
      .emits('OrderReserved')
      .is('RESERVED', { paymentRequested: false });
    s.when(release('review')).refuses('ACTION_NOT_ALLOWED');
    expect(actionsOf(s.order).release).toMatchObject({ refused: 'HOLD_NOT_FOUND' });
    s.when({ type: 'release', hold: 'review', reason: 'known', by: 'operator', fact: true }).emits(
      'OrderReleased',
      'OrderPaymentRequested',
    );
    s.when({ type: 'release', hold: 'review', reason: 'known', by: 'operator', fact: true }).ignores(
      'the hold was released before',
    );
    newOrder({ reviewReasons: ['requested'] })
      .given(reserve)
      .when({ ...cancel, fact: true } as OrderCommand)
      .emits('OrderCancelled')
      .is('CANCELLED', { paymentRequested: false });
  });
});

describe('a deadline', () => {
  test('ends an order that is not paid, with the reason', () => {
    const cases: [OrderCommand[], number, string][] = [
      [[], 1, 'no stock decision in time'],
      [[{ type: 'recordBackorder', shortages: [] }], 2, 'no stock arrived in time'],
      [[reserve], 3, 'not paid in time'],
      [[reserve, pending], 4, 'the payment did not come through in time'],
    ];
    for (const [before, hours, reason] of cases) {
      newOrder()
        .given(...before)
        .laterHours(hours - 0.1)
        .when(expire)
        .ignores('the deadline was moved')
        .laterHours(0.1)
        .when(expire)
        .emits('OrderCancelled')
        .is('CANCELLED', { endReason: reason });
    }
  });

  test('of an order that is paid calls an operator, once', () => {
    for (const [s, hours] of [
      [newOrder().given(hold('manual'), reserve, release('manual'), hold('manual'), pay), 99],
      [readyOrder(), 6],
      [shippedOrder(), 8],
    ] as const) {
      const { status } = s.order;
      s.laterHours(hours).when(expire).emits('OrderOverdue').is(status, { deadlineAt: undefined });
      expect(s.order.holds.map(({ type }) => type)).toContain('overdue');
      s.when(expire).ignores('the deadline was moved');
    }
  });

  test('an overdue order still goes on, and waits for its deadline once more when its mark is released', () => {
    readyOrder()
      .laterHours(6)
      .given(expire)
      .when(dispatch('west', true))
      .emits('OrderShipped')
      .is('SHIPPED', { holds: [] });
    readyOrder()
      .laterHours(6)
      .given(expire)
      .when(release('overdue'))
      .emits('OrderReleased')
      .is('READY_FOR_SHIPMENT', { deadlineAt: inHours(12) });
  });
});

describe('a refund', () => {
  test('is at most what was captured, counting those under way', () => {
    const s = completeOrder()
      .when(refund('29.90'))
      .refuses('REFUND_EXCEEDS_CAPTURED')
      .when(refund('0.00'))
      .refuses('REFUND_EXCEEDS_CAPTURED');
    s.when(refund('20.00')).emits('OrderRefundRequested').when(refund('9.90')).refuses('REFUND_EXCEEDS_CAPTURED');
    expect(refundable(s.order)).toBe(989n);
    s.when(refund()).emits('OrderRefundRequested');
    expect(s.dataOf('OrderRefundRequested')).toMatchObject({ refundId: 'id-2', amount: '9.89' });
    s.when(refund()).refuses('REFUND_EXCEEDS_CAPTURED');
  });

  test('is done once payments says so, and frees its amount where it failed', () => {
    const s = completeOrder()
      .given(refund('20.00'))
      .when(refunded('id-1', '20.00', '20.00'))
      .emits('OrderRefunded')
      .is('COMPLETED', { paymentStatus: 'PARTIALLY_REFUNDED', refundedAmount: '20.00' });
    s.given(refund())
      .when({ type: 'recordRefundFailure', refundId: 'id-2', reason: 'disputed' })
      .emits('OrderRefundFailed');
    expect([refundable(s.order), s.order.refunds.map(({ status }) => status)]).toEqual([989n, ['DONE', 'FAILED']]);
    s.given(refund())
      .when(refunded('id-3', '9.89', '29.89'))
      .emits('OrderRefunded')
      .is('COMPLETED', { paymentStatus: 'REFUNDED' })
      .when(refund())
      .refuses('REFUND_EXCEEDS_CAPTURED');
  });

  test('needs money that was taken', () => {
    newOrder().given(reserve).when(refund()).refuses('ACTION_NOT_ALLOWED');
    newOrder().given(reserve, authorize).when(refund()).refuses('REFUND_EXCEEDS_CAPTURED');
  });
});

describe('a return', () => {
  test('is at most what was shipped and is not coming back already', () => {
    const s = shippedOrder()
      .when(sendBack([{ sku: 'MUG', quantity: 4 }]))
      .refuses('RETURN_EXCEEDS_SHIPPED')
      .when(sendBack([{ sku: 'HAT', quantity: 1 }]))
      .refuses('RETURN_EXCEEDS_SHIPPED');
    s.when(
      sendBack([
        { sku: 'MUG', quantity: 2 },
        { sku: 'MUG', quantity: 2 },
      ]),
    ).refuses('RETURN_EXCEEDS_SHIPPED');
    s.when(sendBack([{ sku: 'MUG', quantity: 2 }]))
      .emits('OrderReturnRequested')
      .is('SHIPPED', { returnStatus: 'REQUESTED' });
    expect(returnable(s.order)).toEqual([
      { sku: 'CUP', quantity: 1 },
      { sku: 'MUG', quantity: 1 },
    ]);
    s.when(sendBack()).emits('OrderReturnRequested').when(sendBack()).refuses('RETURN_EXCEEDS_SHIPPED');
    readyOrder().when(sendBack()).refuses('ACTION_NOT_ALLOWED');
  });

  test('gives back the price paid for what arrived, once', () => {
    const s = completeOrder()
      .given(sendBack([{ sku: 'MUG', quantity: 2 }]))
      .when(receive('id-1'))
      .emits('OrderReturnReceived', 'OrderRefundRequested')
      .is('COMPLETED', { returnStatus: 'RECEIVED' });
    expect(s.dataOf('OrderRefundRequested').amount).toBe('19.90');
    s.when(receive('id-1')).refuses('RETURN_CLOSED').when(receive('id-9')).refuses('RETURN_NOT_FOUND');
  });

  test('gives back no more than is left, and nothing where nobody asks for it', () => {
    const s = completeOrder()
      .given(refund('25.00'), sendBack())
      .when(receive('id-2'))
      .emits('OrderReturnReceived', 'OrderRefundRequested');
    expect(s.dataOf('OrderRefundRequested').amount).toBe('4.89');
    completeOrder().given(refund(), sendBack()).when(receive('id-2')).emits('OrderReturnReceived');
    completeOrder().given(sendBack()).when(receive('id-1', false)).emits('OrderReturnReceived');
  });
});

describe('an amendment', () => {
  test('changes what it names before shipment, and nothing else', () => {
    const amend: OrderCommand = {
      type: 'amend',
      changes: { reference: 'PO-2', shippingAddress: { city: 'Bonn' } },
      by: 'ada',
    };
    const s = newOrder({ reference: 'PO-1', metadata: { gift: true } })
      .when(amend)
      .emits('OrderAmended')
      .is('CREATED', { reference: 'PO-2', shippingAddress: { city: 'Bonn' }, metadata: { gift: true } });
    s.given(reserve).when(pay).emits('OrderPaid', 'OrderReadyForShipment');
    expect(s.dataOf('OrderReadyForShipment').shippingAddress).toEqual({ city: 'Bonn' });
    s.when(amend).emits('OrderAmended').given(dispatch('west', true)).when(amend).refuses('ORDER_ALREADY_SHIPPED');
    completeOrder().when(amend).refuses('ORDER_FINAL');
  });
});

describe('the actions offered with an order', () => {
  test.each<[string, OrderStory]>([
    ['new', newOrder()],
    ['held', newOrder().given(hold('manual'))],
    ['ready', readyOrder()],
    ['being cancelled', readyOrder().given(cancel)],
    ['shipped', shippedOrder()],
    ['complete', completeOrder()],
    ['sent back', completeOrder().given(sendBack())],
    ['cancelled', newOrder().given(cancel)],
  ])('are those it takes: %s', (_, { order }) => {
    const commands: Record<string, OrderCommand> = {
      payAgain: { type: 'payAgain', provider: 'sandbox', token: 't' },
      cancel,
      hold: hold('another'),
      release: release(order.holds.find(({ type }) => type !== 'cancellation')?.type ?? 'manual'),
      amend: { type: 'amend', changes: {}, by: 'ada' },
      cancelItems: { type: 'cancelItems', reason: 'r', by: 'b' },
      openClaim: {
        type: 'openClaim',
        shipmentId: order.shipments[0]?.shipmentId ?? 'none',
        kind: 'lost',
        resolution: 'refund',
        reason: 'r',
        by: 'b',
      },
      complete: { type: 'complete', by: 'ada' },
      requestReturn: sendBack(),
      receiveReturn: receive(order.returns[0]?.returnId ?? 'none'),
      closeReturn: { type: 'closeReturn', returnId: order.returns[0]?.returnId ?? 'none', reason: 'r', by: 'b' },
      requestRefund: refund(),
    };
    for (const [action, refusal] of Object.entries(actionsOf(order))) {
      const decision = decide(commands[action]!, order, { nowMs: NOW_MS, newId: () => 'id', deadlines });
      expect([action, isRefusal(decision) ? decision.refused : undefined]).toEqual([action, refusal?.refused]);
    }
  });
});
