import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createProgram } from '#cli/program.ts';
import { WIDTH } from '#cli/output.ts';
import { useSystem } from '#tests/support/system.ts';
import { useTerminal } from '#tests/support/terminal.ts';

/** The commands of people who work with orders, against a real system, as they appear on a terminal. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

const terminal = useTerminal();

/** What a command prints; every line of it fits a terminal. */
async function olms(...words: string[]): Promise<string> {
  terminal.clear();
  const program = createProgram();
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])])
    command.exitOverride();
  await program.parseAsync([...words, '--url', system.api.url, '--key', system.key], { from: 'user' });
  if (!words.includes('--json'))
    for (const line of terminal.printed.split('\n')) expect(line.length, line).toBeLessThanOrEqual(WIDTH);
  return terminal.printed;
}

describe('olms', () => {
  test('finds and shows an order by whatever somebody has in hand', async () => {
    const { api } = system;
    const some = randomUUID().slice(0, 8);
    const sku = await api.product({ east: 1, west: 5 }, 'LAMP');
    const order = await api.placeOrder({
      customerId: `K-${some}`,
      reference: `Web ${some}`,
      items: [{ sku, name: 'Walnut lamp', quantity: 2, unitPrice: '89' }],
      discountLines: [{ name: 'Spring sale', amount: '8' }],
      shippingLines: [{ amount: '4.90' }],
      shippingAddress: {
        name: 'Ada Lovelace',
        line1: 'Main street 1',
        postalCode: '10115',
        city: 'Berlin',
        country: 'DE',
      },
      contact: { email: `ada.${some}@example.com`, phone: '+49 30 1 ext. 2' },
    });
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(order.id);
    for (const [text, by] of [
      [order.id, 'id'],
      [order.number, 'number'],
      [`web ${some}`, 'text'],
      [`ada.${some}@example.com`, 'text'],
      [`K-${some}`, 'customer'],
      [sku, 'article'],
      [shipment.id, 'shipment'],
    ] as const)
      expect(await olms('find', text)).toMatch(new RegExp(`^order.*\\n${order.number} .* ${by}\\n$`));
    for (const name of [order.id, order.number, `Web ${some}`]) {
      const page = await olms('orders', 'show', name);
      for (const shown of [
        `Order ${order.number}, Web ${some}`,
        `customer     K-${some}, ada.${some}@example.com, +49 30 1 ext. 2`,
        'ship to      Ada Lovelace, Main street 1, 10115 Berlin, DE',
        'Spring sale',
        '-8.00',
        '174.90 EUR',
        'captured    174.90 EUR',
        'Can be done\n  cancel, ',
        'complete       "complete" is not possible while the order is READY_FOR_SHIPMENT.',
      ])
        expect(page).toContain(shown);
      expect(page).toMatch(new RegExp(`${shipment.id} +waits +(east|west)`));
      expect(page).toMatch(/created {6}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, \d+ (s|min) ago/);
    }
    expect(await olms('orders', 'list', '--customer-id', `K-${some}`)).toMatch(/ \d+ (s|min)\n$/);
    expect(await olms('orders', 'events', `Web ${some}`)).toContain('OrderReadyForShipment');
    await expect(olms('orders', 'show', `nothing-${some}`)).rejects.toThrow('No order is called');
    expect(await olms('find', `nothing-${some}`)).toBe('');
    expect([process.exitCode, terminal.complained]).toEqual([1, expect.stringContaining('Nothing is called')]);
  });

  test('asks which one is meant where several orders are called the same', async () => {
    const { api } = system;
    const some = randomUUID().slice(0, 8);
    const ids = [];
    for (const channel of ['web', 'store']) ids.push((await api.placeOrder({ reference: `Same-${some}`, channel })).id);
    await expect(olms('orders', 'show', `same-${some}`)).rejects.toThrow(/Several orders.*\n\n(.*\n)+/);
    for (const id of ids) expect(await olms('orders', 'show', id)).toContain(`Same-${some}`);
  });

  test('works through a review, a parcel and a return', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true, reference: `R-${randomUUID().slice(0, 8)}` });
    const { number } = await api.order(id);
    await api.untilStatus(id, 'RESERVED');
    const review = await api.reviewOf(id);
    expect(await olms('reviews')).toContain(`${review.id}  ${number}`);
    expect(await olms('orders', 'show', number)).toContain(review.id);
    expect(await olms('reviews', 'approve', number, '--reason', 'known')).toContain('is approved');
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(id);
    expect(await olms('shipments', number)).toContain('waits');
    await olms('shipments', 'dispatch', shipment.id, '--carrier', 'DHL', '--tracking', 'JD1');
    await api.untilStatus(id, 'SHIPPED');
    expect(await olms('shipments', 'deliver', shipment.id)).toContain('DELIVERED');
    await api.untilStatus(id, 'COMPLETED');
    expect(await olms('returns', number)).toContain('nothing of this order comes back');
    expect(await olms('returns', 'request', number, '--reason', 'too small')).toContain('on its way');
    const [back] = (await api.order(id)).returns;
    expect(await olms('returns', 'receive', number, back!.returnId)).toContain('received');
    await api.untilNotified(id, 'OrderCompleted');
    expect(await olms('payments', number)).toContain('charge');
    expect(await olms('notifications', number)).toContain('is complete');
    expect(await olms('notifications', 'show', number, '1')).toContain('\n\nHello,\n\n');
    expect(JSON.parse(await olms('payments', number, '--json'))).toMatchObject([{ orderId: id }]);
  });

  test('cancels pieces, claims a lost parcel, gives money for a line, and closes a return', async () => {
    const { api } = system;
    const sku = await api.product(20, 'SCREW');
    const { id } = await api.placeOrder({
      items: [
        { sku, quantity: 3, unitPrice: '10.00' },
        { sku, quantity: 2, unitPrice: '5.00' },
      ],
    });
    const { number } = await api.order(id);
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(id);
    const cancel = ['orders', 'cancel', number, '--line', '1=1', '--line', '2'];
    await expect(olms(...cancel)).rejects.toThrow('--reason');
    await expect(olms(...cancel, '--rest', '--reason', 'x')).rejects.toThrow('either --line or --rest');
    await expect(olms('orders', 'cancel', number, '--line', 'x', '--reason', 'x')).rejects.toThrow(
      'such as 2=1, not x',
    );
    expect(await olms(...cancel, '--reason', 'sold out')).toContain('total 20.00 EUR');
    const parcel = (await api.shipments(id)).find(({ status }) => status !== 'CANCELLED')!;
    expect(parcel.id).toBe(shipment.id);
    await olms('shipments', 'dispatch', parcel.id, '--carrier', 'DHL', '--tracking', 'JD1');
    await api.untilStatus(id, 'SHIPPED');
    expect(await olms('claims', number)).toContain('nothing of this order is claimed');
    expect(await olms('shipments', 'lost', parcel.id, '--reason', 'traced in vain')).toContain('is LOST');
    await api.untilOrder(id, 'known to be lost', ({ shipments }) => !!shipments[0]?.problem);
    const claim = ['claims', 'open', number, parcel.id, '--kind', 'lost', '--reason', 'traced', '--item', `${sku}=1`];
    expect(await olms(...claim, '--resolution', 'reship')).toMatch(/lost +reship: \w{12}/);
    expect(await olms('claims', number, '--json')).toContain('"followUpId"');
    await olms('shipments', 'deliver', parcel.id);
    await api.untilStatus(id, 'COMPLETED');
    const refund = ['orders', 'refund', number, '--reason', 'scratched', '--reason-code', 'damaged'];
    await expect(olms(...refund, '--line', '1')).rejects.toThrow('such as 2=4.50, not 1');
    await olms(...refund, '--line', '1=2.50', '--customer-message', 'Sorry.');
    expect((await api.order(id)).refunds.at(-1)).toMatchObject({ amount: '2.50', reasonCode: 'damaged' });
    await olms('returns', 'request', number, '--reason', 'too small', '--item', `${sku}=1`);
    const [back] = (await api.order(id)).returns;
    expect(await olms('returns', 'close', number, back!.returnId, '--reason', 'never came')).toContain('closed');
    expect(await olms('orders', 'show', number)).toMatch(/Claims\n(.*\n)+.*Returns/);
  });

  test('counts and moves stock', async () => {
    const { api } = system;
    const sku = await api.product(3);
    expect(await olms('stock', sku)).toMatch(new RegExp(`${sku} +all +3 +0 +3`));
    await olms('stock', 'adjust', sku, '--delta', '-2', '--reason', 'broken');
    await expect(olms('stock', 'adjust', sku, '--reason', 'broken')).rejects.toThrow('either --delta or --on-hand');
    expect((await api.stock(sku)).onHand).toBe(1);
  });

  test('makes a key that is printed once and alone, gives it another secret, and ends it', async () => {
    const { api } = system;
    const name = `export-${randomUUID().slice(0, 8)}`;
    const answer = async (key: string): Promise<number> =>
      (await fetch(`${api.url}/orders`, { headers: { authorization: `Bearer ${key}` } })).status;
    const key = (await olms('keys', 'create', name, '--scope', 'orders:read', '--scope', 'stock:read')).trim();
    expect(key).toMatch(/^\S+$/);
    expect(terminal.complained).toContain('shown this once');
    expect(await answer(key)).toBe(200);
    const shown = await olms('keys');
    expect(shown).toMatch(new RegExp(`${name} +${key.slice(0, 6)}\\S* +orders:read, stock:read`));
    expect(shown).not.toContain(key);
    const next = (await olms('keys', 'rotate', name, '--overlap', '0')).trim();
    expect(next).not.toBe(key);
    expect(await answer(next)).toBe(200);
    await olms('keys', 'revoke', name);
    expect(await olms('keys')).toMatch(new RegExp(`${name}.* revoked \\d{4}`));
    await expect(olms('keys', 'create', name, '--role', 'emperor')).rejects.toThrow('/role');
  });

  test('leaves a parked event out only for a reason', async () => {
    await expect(olms('park', 'skip', 'orders', randomUUID())).rejects.toThrow('--reason');
    expect(await olms('park', 'skip', 'orders', randomUUID(), '--reason', 'a test')).toContain('nothing of this order');
    expect(await olms('park')).toContain('no order is parked');
  });

  test('prints its settings within a terminal', async () => {
    terminal.clear();
    await createProgram().parseAsync(['config'], { from: 'user' });
    for (const line of terminal.printed.split('\n')) expect(line.length, line).toBeLessThanOrEqual(WIDTH);
    expect(terminal.printed).toContain('ORDERS_REVIEW_TOTALS');
  });
});
