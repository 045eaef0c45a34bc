import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Orders as people look for them: by whatever they have in hand, spelled as they please. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

/** In every text that only this file may find. */
const mark = randomUUID().slice(0, 8);
const tracking = `00 3404 ${mark.slice(0, 4)} ${mark.slice(4)}`;
let sku: string;
let first: Order;
let second: Order;

beforeAll(async () => {
  const { api } = system;
  sku = `Tasse-${mark}`;
  await api.call('PUT', `/products/${sku}`, { body: { name: `Blaue Kaffeetasse Größe${mark} Nº3` } });
  await api.adjustStock(sku, { onHand: 100 });
  const other = await api.product();
  first = await api.placeOrder({
    sku,
    reference: `WEB/2026-${mark}`,
    contact: { email: `Zoe.Mueller+${mark}@Example.com`, phone: '+49 (0)30 1234567-89' },
    shippingAddress: {
      name: `Zoë Łucja ${mark} Müller-Lüdenscheidt`,
      company: `O’Brien ${mark} & Søns`,
      postalCode: 'SW1A 1AA',
      city: 'London',
      country: 'GB',
    },
  });
  second = await api.placeOrder({
    sku: other,
    contact: { email: `anna@${mark}.example`, phone: `030/99${Number.parseInt(mark, 16)}` },
    shippingAddress: { name: `Anna ${mark} Müller`, postalCode: '10115', city: 'Berlin', country: 'DE' },
  });
  const shipment = await api.firstShipment(first.id);
  await api.dispatch(shipment.id, { carrier: 'DHL', trackingNumber: tracking });
  await api.untilStatus(first.id, 'SHIPPED');
}, 60_000);

/** Orders of this file that a text finds. */
async function found(text: string): Promise<string[]> {
  const { items } = await system.api.orders(`limit=200&text=${encodeURIComponent(text)}`);
  const names = new Map([
    [first.id, 'first'],
    [second.id, 'second'],
  ]);
  return items.flatMap(({ id }) => names.get(id) ?? []).toSorted();
}

const digits = `${Number.parseInt(mark, 16)}`;

describe('a text finds orders', () => {
  test.each<[what: string, text: () => string, orders: readonly string[]]>([
    ['e-mail in any case', () => `ZOE.mueller+${mark}@example.COM`, ['first']],
    ['the beginning of an e-mail', () => `zoe.mueller+${mark.slice(0, 6)}`, ['first']],
    ['names in any order', () => `müller ${mark} zoë`, ['first']],
    ['names without accents', () => `Muller ${mark} Zoe Lucja`, ['first']],
    ['names in another Unicode form', () => `Zoë ${mark}`.normalize('NFD'), ['first']],
    ['the second part of a name', () => `ludenscheidt ${mark}`, ['first']],
    ['beginnings of names', () => `mül ${mark.slice(0, 5)}`, ['first', 'second']],
    ['words that two orders have', () => `${mark} muller`, ['first', 'second']],
    ['a word more than there is', () => `${mark} muller zoe anna`, []],
    ['letters that belong together nowhere', () => `obrien sons ${mark}`, ['first']],
    ['a phone as it was given', () => `+49 (0)30 1234567-89 zoe`, ['first']],
    ['a phone without the code of the country', () => `zoe 030 123456789`, ['first']],
    ['a phone with 00', () => `0049-30-1234567 89 zoe`, ['first']],
    ['a phone typed with the code of the country', () => `+49 30 99${digits}`, ['second']],
    ['a phone as one number', () => `03099${digits}`, ['second']],
    ['a postcode', () => `10115 ${mark}`, ['second']],
    ['a postcode with its space', () => `SW1A 1AA ${mark}`, ['first']],
    ['a postcode without its space', () => `sw1a1aa ${mark}`, ['first']],
    ['a reference', () => `web/2026-${mark}`, ['first']],
    ['the beginning of a reference', () => `WEB/2026-${mark.slice(0, 3)}`, ['first']],
    ['a tracking number', () => tracking, ['first']],
    ['a tracking number without spaces', () => tracking.replaceAll(' ', ''), ['first']],
    ['an article by its name', () => `größe${mark}`, ['first']],
    ['an article by beginnings of its name', () => `kaffeet grosse${mark.slice(0, 6)}`, ['first']],
    ['an article and a customer', () => `${sku} muller`, ['first']],
    ['an article that the customer did not order', () => `grosse${mark} anna`, []],
    ['a SKU', () => sku, ['first']],
    ['a number', () => first.number, ['first']],
    ['a number as it is spoken', () => first.number.toLowerCase().replaceAll('-', ' '), ['first']],
    ['the end of an id', () => second.id.slice(-12), ['second']],
    ['an id', () => first.id.toUpperCase(), ['first']],
    ['nothing of it', () => `nothing${mark}`, []],
    ['signs that mean something in patterns', () => `%${mark} _${mark}`, []],
  ])('by %s', async (_what, text, orders) => {
    expect(await found(text())).toEqual(orders);
  });

  test('by the number of the invoice', async () => {
    const { api } = system;
    const [shipment] = await api.shipments(first.id);
    await api.deliver(shipment!.id);
    const { invoiceNumber } = await api.invoice(first.id);
    expect(await found(invoiceNumber)).toEqual(['first']);
    expect(await found(`${invoiceNumber.toLowerCase()} zoe`)).toEqual(['first']);
    expect(await found(`${invoiceNumber} anna`)).toEqual([]);
  });

  test('by what they say after an amendment, and no longer by what they said before', async () => {
    const { api } = system;
    const placed = await api.placeOrder({ contact: { email: `before@${mark}.example`, phone: '0151 23456' } });
    const finds = async (text: string): Promise<boolean> =>
      (await api.orders(`text=${encodeURIComponent(text)}`)).items.some(({ id }) => id === placed.id);
    expect(await finds(`before@${mark}`)).toBe(true);
    await api.amend(placed.id, { contact: { email: `after@${mark}.example`, phone: null } });
    await until('the new words', () => finds(`after@${mark}`));
    expect(await finds(`before@${mark}`)).toBe(false);
    expect(await finds(`0151 23456 after@${mark}`)).toBe(false);
  });

  test('with other filters, page by page', async () => {
    const { api } = system;
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await api.orders(
        `text=${encodeURIComponent(`muller ${mark}`)}&limit=1&sort=createdAt${cursor && `&cursor=${cursor}`}`,
      );
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(ids).toEqual([first.id, second.id]);
    expect((await api.orders(`text=${mark}&country=DE`)).items.map(({ id }) => id)).toEqual([second.id]);
    expect((await api.orders(`text=${mark}&status=REJECTED`)).items).toEqual([]);
    // A page behind the last phone is the end, and nothing else is tried.
    const phone = encodeURIComponent(`030 99${digits}`);
    expect((await api.orders(`text=${phone}&limit=1`)).nextCursor).toBeNull();
  });
});
