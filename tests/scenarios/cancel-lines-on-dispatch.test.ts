import { expect, test } from 'vitest';
import { expectSoundLog } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** Where the money is taken as the goods leave, what never leaves is never taken. */

const system = useSystem({ env: { PAYMENTS_CAPTURE: 'on_dispatch', SANDBOX_CARRIER_DELAY_MS: 'off' } });

test.each(['before it arrives', 'after it has arrived'])(
  'the rest of an order is cancelled when one parcel has left, %s: the rest is given up, and the order is complete and invoiced',
  async (when) => {
    const { api } = system;
    const skus = [await api.product({ east: 1 }), await api.product({ west: 1 })];
    const { id } = await api.placeOrder({
      items: skus.map((sku) => ({ sku, quantity: 1, unitPrice: '20.00' })),
      shippingLines: [{ amount: '5.00' }],
    });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    await api.firstShipment(id);
    const east = (await api.shipments(id)).find(({ location }) => location === 'east')!;
    await api.dispatch(east.id);
    await api.untilStatus(id, 'PARTIALLY_SHIPPED');
    if (when !== 'before it arrives') {
      await api.deliver(east.id);
      await api.untilOrder(id, 'delivered in part', ({ shipments }) => shipments[0]!.delivered);
    }
    const { status, body } = await api.command(id, 'cancellations', { reason: 'sold out' });
    expect([status, body.totalAmount]).toEqual([200, '25.00']);
    if (when === 'before it arrives') await api.deliver(east.id);
    await api.untilStatus(id, 'COMPLETED');
    await until('the rest to be given up', async () => (await api.payment(id))!.voided === '20.00');
    expect(await expectBooksAgree(system, id)).toMatchObject([
      { authorized: '45.00', captured: '25.00', voided: '20.00', refunded: '0.00' },
    ]);
    expect(await api.invoice(id)).toMatchObject({ totalAmount: '25.00', creditNotes: [] });
    await until('the stock to be free', async () => (await api.stock(skus[1]!)).available === 1);
    expectSoundLog(id, await api.events(id));
  },
);
