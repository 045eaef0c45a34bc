import { expect, test } from 'vitest';
import { expectSoundLog } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** Money that a person gives for lines of which nothing comes back, and what the customer reads of it. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

/** Three at 20.00 and one at 40.00 with 10.00 tax on all of it, delivered. */
async function completed(): Promise<{ id: string; sku: string }> {
  const { api } = system;
  const [sku, other] = [await api.product(10), await api.product(10)];
  const { id } = await api.placeOrder({
    items: [
      { sku, quantity: 3, unitPrice: '20.00' },
      { sku: other, quantity: 1, unitPrice: '40.00' },
    ],
    taxLines: [{ amount: '10.00' }],
  });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipment = await api.firstShipment(id);
  await api.dispatch(shipment.id);
  await api.deliver(shipment.id);
  await api.untilStatus(id, 'COMPLETED');
  return { id, sku };
}

/** What the customer was written about events of this type. */
async function written(id: string, type: string): Promise<string> {
  const all = await system.api.untilNotified(id, type);
  return all
    .filter(({ eventType, channel }) => eventType === type && channel === 'email')
    .map(({ body }) => body)
    .join('\n');
}

test('lies on these lines, is mailed with its message, and what comes back later is worth that much less', async () => {
  const { api } = system;
  const { id, sku } = await completed();
  const { status, body } = await api.command(id, 'refunds', {
    lines: [
      { line: 1, amount: '6.00' },
      { line: 2, quantity: 1 },
    ],
    reason: 'complained thrice',
    reasonCode: 'late',
    customerMessage: 'Sorry that it took so long.',
  });
  expect([status, body.refunds.length]).toEqual([200, 1]);
  expect(body.refunds[0]).toMatchObject({
    amount: '50.00',
    reasonCode: 'late',
    customerMessage: 'Sorry that it took so long.',
    credited: [
      { line: 1, amount: '6.00', tax: '0.55' },
      { line: 2, amount: '44.00', tax: '4.00' },
    ],
  });
  await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '50.00');
  const mail = await written(id, 'OrderRefunded');
  expect(mail).toContain('Sorry that it took so long.');
  expect(mail).not.toContain('complained');
  // Of the 66.00 of the first line 60.00 are left.
  const asked = await api.command(id, 'returns', { reason: 'too small', items: [{ sku, quantity: 3 }] });
  const received = await api.command(id, `returns/${asked.body.returns[0]!.returnId}/receive`);
  expect(received.body.returns[0]!.credited).toMatchObject([{ line: 1, quantity: 3, amount: '60.00', tax: '5.45' }]);
  await api.untilOrder(id, 'settled', ({ refundedAmount }) => refundedAmount === '110.00');
  expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '110.00', refunded: '110.00' }]);
  const { creditNotes } = await until('the credit notes', async () => {
    const invoice = await api.invoice(id);
    return invoice.creditNotes.length === 2 && invoice;
  });
  expect(creditNotes.map(({ amount }) => amount)).toEqual(['50.00', '60.00']);
  expectSoundLog(id, await api.events(id));
});

test('by pieces is what so many of them are worth; a line may be named twice', async () => {
  const { api } = system;
  const { id } = await completed();
  const lines = [
    { line: 1, quantity: 2 },
    { line: 1, quantity: 1 },
  ];
  const { body } = await api.command(id, 'refunds', { lines, reason: 'scratched' });
  expect(body.refunds).toMatchObject([{ amount: '66.00', credited: [{ amount: '44.00' }, { amount: '22.00' }] }]);
  await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '66.00');
});

test('is refused where a line has not so much, does not exist, or says two things at once; nothing changes', async () => {
  const { api } = system;
  const { id } = await completed();
  const { version } = await api.order(id);
  const refusal = async (body: object): Promise<unknown> => {
    const answer = await api.command(id, 'refunds', { reason: 'so it is', ...body });
    const { code, errors } = answer.body as unknown as { code: string; errors?: { pointer: string }[] };
    return [answer.status, code, errors?.[0]?.pointer];
  };
  const few = { line: 1, amount: '1.00' };
  expect(await refusal({ lines: [{ line: 1, amount: '66.01' }] })).toEqual([409, 'REFUND_EXCEEDS_CAPTURED', undefined]);
  expect(await refusal({ lines: [few, { line: 1, amount: '65.01' }] })).toEqual([
    409,
    'REFUND_EXCEEDS_CAPTURED',
    undefined,
  ]);
  expect(await refusal({ lines: [{ line: 1, quantity: 4 }] })).toEqual([409, 'REFUND_EXCEEDS_CAPTURED', undefined]);
  expect(await refusal({ lines: [{ line: 3, amount: '1.00' }] })).toEqual([422, 'UNKNOWN_LINE', undefined]);
  expect(await refusal({ lines: [few, { line: 2, amount: '0.001' }] })).toEqual([
    422,
    'AMOUNT_INVALID',
    '/lines/1/amount',
  ]);
  expect(await refusal({ lines: [few], amount: '1.00' })).toEqual([400, 'VALIDATION_FAILED', '/amount']);
  expect(await refusal({ lines: [few], kind: 'owed' })).toEqual([400, 'VALIDATION_FAILED', '/kind']);
  expect(await refusal({ lines: [{ line: 1 }] })).toEqual([400, 'VALIDATION_FAILED', '/lines/0']);
  expect(await refusal({ lines: [few], reasonCode: 'whim' })).toEqual([400, 'VALIDATION_FAILED', '/reasonCode']);
  expect((await api.order(id)).version).toBe(version);
});

test('is given before anything leaves, too, of what stands; what is cancelled later pays the rest', async () => {
  const { api } = system;
  const { id } = await api.placeOrder({
    sku: await api.product(5),
    quantity: 2,
    unitPrice: '10.00',
    requiresReview: true,
  });
  const refund = { lines: [{ line: 1, quantity: 1 }], reason: 'scratched' };
  await api.untilStatus(id, 'RESERVED');
  const early = await api.command(id, 'refunds', refund);
  expect([early.status, (early.body as unknown as { code: string }).code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
  await api.decideReview((await api.reviewOf(id)).id, 'approve');
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  expect((await api.command(id, 'refunds', refund)).body.refunds).toMatchObject([{ amount: '10.00' }]);
  await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '10.00');
  const { status, body } = await api.command(id, 'cancellations', { reason: 'too late' });
  expect([status, body.status]).toEqual([200, 'CANCELLED']);
  await api.untilOrder(id, 'refunded whole', ({ refundedAmount }) => refundedAmount === '20.00');
  expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '20.00', refunded: '20.00' }]);
});

test('a cancellation of lines mails its message, at once, when the warehouse has decided, and with the whole order', async () => {
  const { api } = system;
  const customerMessage = 'The blue one is no longer made.';
  const cancel = (id: string, quantity: number): ReturnType<typeof api.command> =>
    api.command(id, 'cancellations', { items: [{ line: 1, quantity }], reason: 'supplier died', customerMessage });

  const held = await api.placeOrder({ sku: await api.product(5), quantity: 3, requiresReview: true });
  await api.untilStatus(held.id, 'RESERVED');
  expect((await cancel(held.id, 1)).status).toBe(200);
  expect(await written(held.id, 'OrderChanged')).toContain(customerMessage);
  expect((await cancel(held.id, 2)).body.status).toBe('CANCELLED');
  const mail = await written(held.id, 'OrderCancelled');
  expect(mail).toContain(customerMessage);
  expect(mail).not.toContain('supplier');

  const [first, second] = [await api.product({ east: 1 }), await api.product({ west: 1 })];
  const items = [first, second].map((sku) => ({ sku, quantity: 1, unitPrice: '10.00' }));
  const packed = await api.placeOrder({ items });
  await api.untilStatus(packed.id, 'READY_FOR_SHIPMENT');
  await api.firstShipment(packed.id);
  expect((await cancel(packed.id, 1)).status).toBe(200);
  expect(await written(packed.id, 'OrderChanged')).toContain(customerMessage);
});
