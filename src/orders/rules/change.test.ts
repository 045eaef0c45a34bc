import { describe, expect, test } from 'vitest';
import {
  allocations,
  authorize,
  cancel,
  completeOrder,
  deliver,
  dispatch,
  expire,
  newOrder,
  type OrderStory,
  pay,
  readyOrder,
  refund,
  release,
  reserve,
  shippedOrder,
} from '#tests/support/order-story.ts';
import type { OrderCommand } from './commands.ts';

/** Pieces taken off an order, parcels that go wrong, goods that nothing is paid for. 3 MUG over 29.85 in the west, 1 CUP over 0.04 in the east. */

const [cup, mug] = allocations;
const cancelItems = (items?: { line: number; quantity: number }[], atMost?: boolean): OrderCommand => ({
  type: 'cancelItems',
  items,
  atMost,
  reason: 'too many',
  by: 'customer',
});
const mugs = (quantity: number, atMost?: boolean): OrderCommand => cancelItems([{ line: 1, quantity }], atMost);
const frozen = (changeId: string, here = allocations): OrderCommand => ({ type: 'recordFreeze', changeId, here });
const changing = (): OrderStory => readyOrder().given(mugs(2));

describe('a cancellation of pieces that are with the warehouse', () => {
  test('is made when shipping says that they are here', () => {
    const s = changing().is('READY_FOR_SHIPMENT', { totalAmount: '29.89' });
    s.when(frozen('id-1')).emits('OrderChanged', 'OrderRefundRequested');
    expect(s.dataOf('OrderChanged')).toMatchObject({
      removed: [{ line: 1, sku: 'MUG', quantity: 2, amount: '19.90' }],
      released: [{ sku: 'MUG', location: 'west', quantity: 2 }],
      totalAmount: '9.99',
    });
    expect(s.dataOf('OrderRefundRequested')).toMatchObject({ amount: '19.90', cause: 'owed', uninvoiced: true });
    expect(s.order.allocations).toEqual([cup, { ...mug, quantity: 1 }]);
    expect([s.order.placedAmount, s.order.change, s.order.holds]).toEqual(['29.89', undefined, []]);
    s.when(frozen('id-1')).ignores('the change was decided before');
  });

  test('lapses whole where some of them had left, or takes the others where that is asked for', () => {
    const left = (atMost: boolean): OrderStory =>
      readyOrder().given(
        cancelItems(
          [
            { line: 1, quantity: 1 },
            { line: 2, quantity: 1 },
          ],
          atMost,
        ),
        dispatch('east', false),
      );
    left(false)
      .when(frozen('id-1', [mug!]))
      .emits('OrderChangeLapsed')
      .is('PARTIALLY_SHIPPED', { totalAmount: '29.89' });
    left(true)
      .when(frozen('id-1', [mug!]))
      .emits('OrderChanged', 'OrderRefundRequested')
      .is('PARTIALLY_SHIPPED', { totalAmount: '19.94' });
  });

  test('lapses with the last parcel, and with its deadline, and is not made by an answer that comes later', () => {
    const s = readyOrder().given(dispatch('east', false), mugs(1)).when(dispatch('west', true));
    s.emits('OrderChangeLapsed', 'OrderShipped')
      .when(frozen('id-1'))
      .ignores('the change lapsed when the last parcel left');
    const late = changing().laterHours(1).when(expire).emits('OrderChangeLapsed');
    late.when(frozen('id-1')).ignores('the change was decided before');
    late.when(mugs(1)).emits('OrderChangeRequested');
  });

  test('gives way to the cancellation of the order', () => {
    const s = changing().when(cancel).emits('OrderCancellationRequested', 'OrderChangeLapsed');
    s.when(frozen('id-1')).ignores('the change was decided before');
    s.when({ type: 'recordShipmentsStopped' }).emits('OrderCancelled').when(frozen('id-1'));
    s.ignores('the order ended while its change was decided');
  });

  test('waits for the one before', () => {
    changing().when(mugs(1)).refuses('CHANGE_PENDING').when(cancelItems()).refuses('CHANGE_PENDING');
    readyOrder().given(cancel).when(mugs(1)).refuses('CANCELLATION_PENDING');
    newOrder().when(mugs(1)).refuses('STOCK_UNDECIDED').when(cancelItems()).emits('OrderCancelled');
    changing().when(release('change')).refuses('ACTION_NOT_ALLOWED');
  });
});

describe('a cancellation of everything that can be stopped', () => {
  test('goes on with the rest where a parcel was faster, and closes what has left', () => {
    const s = readyOrder().when(cancelItems()).emits('OrderCancellationRequested').when(dispatch('east', false));
    s.emits('OrderCancellationLapsed', 'OrderPartiallyShipped', 'OrderChangeRequested');
    s.when(frozen('id-1', [mug!])).emits('OrderChanged', 'OrderShippingClosed', 'OrderRefundRequested');
    s.is('SHIPPED', { totalAmount: '0.04' }).when(deliver('east', false)).emits('OrderCompleted');
    expect(s.dataOf('OrderCompleted')).toMatchObject({ totalAmount: '0.04', items: [{ sku: 'CUP', quantity: 1 }] });
    // One that named its pieces had wanted all of them, or none.
    const all = cancelItems([
      { line: 1, quantity: 3 },
      { line: 2, quantity: 1 },
    ]);
    readyOrder().given(all).when(dispatch('east', false)).emits('OrderCancellationLapsed', 'OrderPartiallyShipped');
  });

  test('completes an order whose parcels have arrived', () => {
    const s = readyOrder().given(dispatch('east', false), deliver('east', false), cancelItems());
    s.when(frozen('id-1', [mug!]));
    s.emits('OrderChanged', 'OrderShippingClosed', 'OrderCompleted', 'OrderRefundRequested').is('COMPLETED');
  });

  test('gives up what was authorized for it', () => {
    const s = newOrder()
      .given(reserve, authorize, dispatch('east', false), cancelItems())
      .when(frozen('id-1', [mug!]));
    s.emits('OrderChanged', 'OrderShippingClosed');
    expect(s.dataOf('OrderShippingClosed').amount).toBe('0.00');
  });
});

test('what an order that waits for stock no longer wants is not kept, whoever was faster', () => {
  const s = newOrder({ allowBackorder: true }).given({ type: 'recordBackorder', shortages: [] });
  s.when(mugs(2)).emits('OrderChanged').when(reserve).emits('OrderReserved', 'OrderPaymentRequested');
  expect(s.dataOf('OrderReserved').allocations).toEqual([cup, { ...mug, quantity: 1 }]);
  expect(s.dataOf('OrderPaymentRequested').amount).toBe('9.99');
});

test('what is released is of the smallest allocation first, so that a whole parcel falls away', () => {
  const split = [mug!, { ...mug!, location: 'north', quantity: 1 }];
  const s = newOrder().given({ type: 'recordReservation', allocations: [cup!, { ...mug!, quantity: 2 }, split[1]!] });
  s.when(mugs(1));
  expect(s.dataOf('OrderChanged').released).toEqual([split[1]]);
});

describe('goods that nothing is paid for', () => {
  test('are held when all the money goes back, once, and let go where the provider refuses', () => {
    const s = readyOrder().when(refund()).emits('OrderRefundRequested', 'OrderHeld');
    s.when({ type: 'recordRefundFailure', refundId: 'id-1', reason: 'disputed' });
    s.emits('OrderRefundFailed', 'OrderReleased').is('READY_FOR_SHIPMENT', { holds: [] });
    const done = readyOrder().given(refund(), release('refunded'));
    done.when({ type: 'recordRefund', refundId: 'id-1', amount: '29.89', captured: '29.89', refunded: '29.89' });
    done.emits('OrderRefunded');
  });

  test('are not those that are only authorized, or of which money is left, or that have left', () => {
    readyOrder().when(refund('29.88')).emits('OrderRefundRequested');
    shippedOrder().when(refund()).emits('OrderRefundRequested');
    newOrder().given(reserve, authorize).when(dispatch('east', false)).emits('OrderPartiallyShipped');
    newOrder({ totalAmount: '0.00', discountLines: [{ amount: '29.89' }] })
      .given(reserve)
      .when({ ...pay, amount: '0.00', captured: '0.00' } as OrderCommand)
      .emits('OrderPaid', 'OrderReadyForShipment');
  });
});

describe('a claim', () => {
  const claim = (
    shipmentId: string,
    resolution: 'refund' | 'reship',
    kind: 'lost' | 'damaged' = 'lost',
  ): OrderCommand => ({
    type: 'openClaim',
    shipmentId,
    kind,
    resolution,
    reason: 'gone',
    by: 'operator',
  });

  test('settles its parcel, and the order is complete with the last one', () => {
    const s = shippedOrder().given({ type: 'recordLoss', shipmentId: 'west', kind: 'lost' });
    s.when(deliver('east', false)).emits('OrderDeliveryRecorded').when(claim('west', 'refund'));
    s.emits('OrderClaimOpened', 'OrderCompleted', 'OrderRefundRequested').is('COMPLETED', {
      fulfillmentStatus: 'SHIPPED',
    });
    expect(s.dataOf('OrderRefundRequested').amount).toBe('29.85');
    expect(s.dataOf('OrderCompleted').undelivered).toEqual([{ shipmentId: 'west', kind: 'lost' }]);
    s.when(claim('west', 'refund'))
      .refuses('CLAIM_EXISTS')
      .when(claim('north', 'refund'))
      .refuses('SHIPMENT_NOT_CLAIMABLE');
    s.when(deliver('west', true)).emits('OrderDeliveryRecorded');
    expect(s.order.claims).toMatchObject([{ found: true }]);
  });

  test('whose replacement does not arrive is refunded, once', () => {
    const s = completeOrder()
      .when(claim('west', 'reship', 'damaged'))
      .emits('OrderClaimOpened');
    const { claimId } = s.order.claims![0]!;
    const ended: OrderCommand = { type: 'recordFollowUp', claimId, status: 'CANCELLED' };
    s.when(ended).emits('OrderFollowUpClosed', 'OrderRefundRequested');
    expect(s.dataOf('OrderRefundRequested').amount).toBe('29.85');
    s.when(ended).ignores('the end of the order was known');
    completeOrder()
      .given(claim('west', 'reship'))
      .when({ ...ended, claimId: 'id-2', status: 'COMPLETED' } as OrderCommand)
      .emits('OrderFollowUpClosed');
  });
});
