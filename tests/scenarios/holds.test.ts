import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectChargedOnce } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** A hold pauses an order at the next step and lets it go on from there. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

describe('a hold', () => {
  test('before the payment keeps the card untouched until every hold is released', async () => {
    const { api, provider } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const held = await api.command(id, 'hold', { type: 'fraud', reason: 'looks odd' });
    expect(held.status).toBe(200);
    expect(held.body.holds.map((hold) => hold.type).sort()).toEqual(['fraud', 'review']);
    expect(held.body.allowedActions).toContain('release');
    const review = await api.reviewOf(id);
    await api.decideReview(review.id, 'approve');
    const left = await api.untilOrder(id, 'held by fraud alone', ({ holds }) => holds.length === 1);
    expect(left).toMatchObject({ status: 'RESERVED', holds: [{ type: 'fraud', reason: 'looks odd' }] });
    expect(await provider.of(id)).toEqual([]);
    const released = await api.command(id, 'release', { type: 'fraud', reason: 'fine' });
    expect(released.status).toBe(200);
    expect(released.body.holds).toEqual([]);
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    await expectChargedOnce(system, id);
    expectSoundLog(id, await api.events(id));
  });

  test('with the warehouse pauses the parcels and is named to who wants to ship', async () => {
    const { api } = system;
    const { id } = await api.placeOrder();
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect((await api.command(id, 'hold', { reason: 'wrong address' })).status).toBe(200);
    const shipment = await system.api
      .untilOrder(id, 'held', ({ holds }) => holds.length === 1)
      .then(() => pausedShipment(id, true));
    const refused = await api.dispatch(shipment.id);
    expect(refused.status).toBe(409);
    expect(refused.body.code).toBe('SHIPMENT_ON_HOLD');
    expect((await api.command(id, 'release', {})).status).toBe(200);
    await pausedShipment(id, false);
    expect((await api.dispatch(shipment.id)).status).toBe(200);
    await api.untilStatus(id, 'SHIPPED');
  });

  test('exists once per type, and only one that exists can be released', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    expect((await api.command(id, 'hold', { reason: 'a' })).status).toBe(200);
    const twice = await api.command(id, 'hold', { reason: 'b' });
    expect([twice.status, twice.body.code]).toEqual([409, 'HOLD_EXISTS']);
    const other = await api.command(id, 'release', { type: 'nothing' });
    expect([other.status, other.body.code]).toEqual([409, 'HOLD_NOT_FOUND']);
    expect((await api.command(id, 'release', {})).status).toBe(200);
    const events = await api.events(id);
    expect(typesOf(events, 'orders').filter((type) => type === 'OrderHeld' || type === 'OrderReleased')).toEqual([
      'OrderHeld',
      'OrderReleased',
    ]);
  });

  test('after the parcel has left is refused', async () => {
    const { api } = system;
    const { id } = await api.placeOrder();
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(id);
    await api.dispatch(shipment.id);
    await api.untilStatus(id, 'SHIPPED');
    const late = await api.command(id, 'hold', { reason: 'too late' });
    expect(late.status).toBe(409);
    expect(late.body).toMatchObject({ code: 'ACTION_NOT_ALLOWED', orderStatus: 'SHIPPED' });
  });

  test('put on an order the moment it is placed catches it at whichever step is next', async () => {
    const { api } = system;
    for (let round = 0; round < 10; round++) {
      const { id } = await api.placeOrder();
      const held = await api.command(id, 'hold', { reason: 'wait' });
      expect(held.status).toBe(200);
      const status = held.body.status;
      const released = await api.command(id, 'release', {});
      expect(released.status, `held in ${status}`).toBe(200);
      await api.untilStatus(id, 'READY_FOR_SHIPMENT');
      await expectChargedOnce(system, id);
      expectSoundLog(id, await api.events(id));
    }
  });
});

async function pausedShipment(orderId: string, paused: boolean): Promise<{ id: string }> {
  return until(`the shipment to be ${paused ? 'paused' : 'free'}`, async () => {
    const [shipment] = await system.api.shipments(orderId);
    return shipment?.paused === paused && shipment;
  });
}
