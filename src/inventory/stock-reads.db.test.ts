import { uuidv7 } from 'uuidv7';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '#platform/service.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { inventory } from './service.ts';
import { HOLDERS_SQL, holdersOf } from './store/holders.ts';
import { type StockFilter, stockQuery } from './store/levels.ts';

/** What people ask of stock: what is nearly gone, who holds a product, who waits for it, what a count would do. */

const one = useOneService(inventory);
const PLACES = ['main', 'north'];

interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

async function asking(service: Service): Promise<<Body>(url: string, body?: object) => Promise<Answer<Body>>> {
  const app = one.api(service);
  return async (url, body) => {
    const answer = await app.inject(
      body === undefined ? { url } : { method: 'POST', url, body, headers: { 'idempotency-key': uuidv7() } },
    );
    return { status: answer.statusCode, body: answer.json() };
  };
}

async function product(sku: string, name: string, levels: Record<string, number> = {}): Promise<void> {
  await one.database.query('insert into inventory.products (sku, id, name) values ($1, gen_random_uuid(), $2)', [
    sku,
    name,
  ]);
  for (const [location, onHand] of Object.entries(levels))
    await one.database.query(
      `with s as (insert into inventory.stock (sku, location, on_hand) values ($1, $2, $3))
       insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta, reason)
       values (now(), $1, $2, 'adjust', $3, 0, 'delivery')`,
      [sku, location, onHand],
    );
}

const skus = ({ body }: Answer<{ items: { sku: string }[] }>): string[] => body.items.map(({ sku }) => sku);
const wanted = (sku: string, quantity: number) => ({
  items: [{ line: 1, sku, quantity, unitPrice: '1.00', amount: `${quantity}.00` }],
});

beforeAll(async () => {
  await one.database.query('insert into inventory.locations (name) select unnest($1::text[]) on conflict do nothing', [
    PLACES,
  ]);
});

describe('stock', () => {
  test('is found by how the SKU begins, by words of the name, by place, and by what is left', async () => {
    await product('lamp-1', 'Brass Lamp, large', { main: 4 });
    await product('LAMP-2', 'Oak lamp', { north: 0 });
    await product('CHAIR_1', 'Oak chair', { main: 1, north: 30 });
    await product('CHAIRX1', 'Stool');
    const ask = await asking(await one.start());
    for (const [query, found] of [
      ['text=lam', ['LAMP-2', 'lamp-1']],
      ['text=oak', ['CHAIR_1', 'LAMP-2']],
      ['text=lamp%20BRA', ['lamp-1']],
      ['text=chair_', ['CHAIR_1']],
      ["text=!%7C'%26", []],
      ['location=north', ['CHAIR_1', 'LAMP-2']],
      ['location=north&location=main&text=oak', ['CHAIR_1', 'LAMP-2']],
      ['availableMax=0', ['CHAIRX1', 'LAMP-2']],
      ['availableMax=5', ['CHAIRX1', 'LAMP-2', 'lamp-1']],
      ['availableMax=5&location=main', ['CHAIR_1', 'lamp-1']],
      ['sku=lamp-1&sku=CHAIR_1', ['CHAIR_1', 'lamp-1']],
      ['short=true', []],
    ] as const)
      expect([query, skus(await ask(`/stock?${query}`)).toSorted()]).toEqual([query, found]);
    const first = await ask<{ items: { sku: string; name: string }[]; nextCursor: string }>('/stock?text=oak&limit=1');
    const [begin] = first.body.items;
    const rest = await ask<{ items: { sku: string; name: string }[] }>(
      `/stock?text=oak&limit=1&cursor=${first.body.nextCursor}`,
    );
    expect([begin, ...rest.body.items].map((item) => item!.name).toSorted()).toEqual(['Oak chair', 'Oak lamp']);
    expect((await ask('/stock?short=false')).status).toBe(400);
  });

  test('is read by indexes, however many products there are', async () => {
    await one.database.query(
      `with p as (insert into inventory.products (sku, id, name) select 'many-' || n, gen_random_uuid(), 'Thing ' || n from generate_series(1, 20000) n returning sku)
       insert into inventory.stock (sku, location, on_hand) select sku, 'main', 5 from p`,
    );
    await one.database.query('analyze inventory.products, inventory.stock');
    const none: StockFilter = {
      skus: undefined,
      locations: undefined,
      text: undefined,
      short: false,
      waiting: false,
      availableMax: undefined,
      after: '',
      limit: 101,
    };
    const planOf = async (more: Partial<StockFilter>): Promise<string> => {
      const { text, values } = stockQuery({ ...none, ...more });
      const rows = await one.database.queryOnce<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    expect(await planOf({ text: 'thing 7' })).toMatch(
      /products_sku_begins[^]*products_name|products_name[^]*products_sku_begins/,
    );
    expect(await planOf({ locations: ['north'] })).toContain('stock_location');
    expect(await planOf({ short: true })).toContain('stock_short');
    expect(await planOf({ waiting: true })).toContain('products_waiting');
    expect(await planOf({})).toContain('products_pkey');
    for (const more of [{ text: 'thing 7' }, { locations: ['north'] }, { short: true }, { waiting: true }])
      expect(await planOf(more)).not.toMatch(/Seq Scan/);
  });
});

describe('a product that orders hold', () => {
  test('says who does, first come first, who waits, and who would lack it after a count', async () => {
    await product('HELD-1', 'Held thing', { main: 6 });
    const ask = await asking(await one.start());
    const [first, second, third, fourth] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()] as const;
    for (const [order, quantity] of [
      [first, 1],
      [second, 3],
      [third, 2],
    ] as const)
      await one.happen(one.event(order, 'OrderCreated', wanted('HELD-1', quantity)));
    await one.happen(one.event(fourth, 'OrderCreated', { ...wanted('HELD-1', 4), allowBackorder: true }));
    interface Held {
      readonly items: readonly { orderId: string; location: string; quantity: number; short: number }[];
      readonly nextCursor: string | null;
    }
    const held = (query = ''): Promise<Answer<Held>> => ask(`/stock/reservations?sku=HELD-1${query}`);
    const waiting = (): Promise<Answer<{ items: object[] }>> => ask('/stock/backorders?sku=HELD-1');
    await one.eventually(waiting, ({ body }) => body.items.length === 1);
    expect((await waiting()).body.items).toMatchObject([{ orderId: fourth, quantity: 4, ahead: 0 }]);
    expect((await held()).body.items).toMatchObject([
      { orderId: first, location: 'main', quantity: 1, short: 0 },
      { orderId: second, quantity: 3 },
      { orderId: third, quantity: 2 },
    ]);
    const page = await held('&limit=2');
    expect(page.body.items.map(({ orderId }) => orderId)).toEqual([first, second]);
    const rest = await held(`&limit=2&cursor=${page.body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ orderId: third }], nextCursor: null });
    expect((await held('&location=north')).body.items).toEqual([]);

    // A count of 3 would be too little for the last one, and for one piece of the second.
    const forecast = await ask('/stock/counts/forecast?sku=HELD-1&onHand=3');
    expect(forecast.body).toEqual({
      sku: 'HELD-1',
      location: 'main',
      before: 6,
      onHand: 3,
      reserved: 6,
      short: 3,
      shortOrders: [
        { orderId: third, quantity: 2 },
        { orderId: second, quantity: 1 },
      ],
    });
    expect((await ask('/stock/HELD-1')).body).toMatchObject({ onHand: 6, short: 0 });
    expect((await ask('/stock/counts/forecast?sku=HELD-1&onHand=9')).body).toMatchObject({ short: 0, shortOrders: [] });
    expect((await ask('/stock/counts/forecast?sku=NONE&onHand=9')).status).toBe(422);
    expect((await ask('/stock/counts/forecast?sku=HELD-1&location=moon&onHand=9')).status).toBe(422);

    const counted = { sku: 'HELD-1', onHand: 3, reason: 'counted' };
    expect((await ask<object>('/stock/adjustments', counted)).body).toMatchObject({
      shortOrders: [{ orderId: third }, { orderId: second }],
    });
    const short = await one.eventually(held, ({ body }) => body.items.some((item) => item.short > 0));
    expect(short.body.items.map((item) => item.short)).toEqual([0, 1, 2]);
    expect(skus(await ask('/stock?short=true'))).toEqual(['HELD-1']);
    expect(skus(await ask('/stock?short=true&location=north'))).toEqual([]);
    expect(skus(await ask('/stock?waiting=true'))).toEqual(['HELD-1']);
  });

  test('finds who has held it through many movements of others, by the index', async () => {
    await product('BUSY-1', 'Busy thing', { main: 1_000 });
    const [old, recent] = [uuidv7(), uuidv7()] as const;
    const reserve = (order: string): Promise<unknown> =>
      one.database.query(
        `insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta, order_id) values (now(), 'BUSY-1', 'main', 'reserve', 0, 2, $1)`,
        [order],
      );
    await reserve(old);
    await one.database.query(
      `insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta, order_id)
       select now(), 'BUSY-1', 'main', k.kind, k.on_hand, k.reserved, g.id
       from (select gen_random_uuid() as id, n from generate_series(1, 30000) n) g
       cross join (values ('reserve', 0, 1), ('ship', -1, -1)) k(kind, on_hand, reserved) order by g.n, k.kind`,
    );
    await reserve(recent);
    await one.database.query(
      `insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta)
       select now(), 'other-' || n % 1000, 'main', 'adjust', 1, 0 from generate_series(1, 90000) n`,
    );
    const page = { sku: 'BUSY-1', locations: undefined, after: undefined, limit: 10 };
    const holders = async (reserved: number): Promise<string[]> => {
      await one.database.query("update inventory.stock set reserved = $1 where sku = 'BUSY-1'", [reserved]);
      return (await holdersOf(one.database, page)).map(({ orderId }) => orderId);
    };
    // What is reserved is found near the end; then there is no need to look further back.
    expect(await holders(2)).toEqual([recent]);
    expect(await holders(4)).toEqual([old, recent]);
    await one.database.query('analyze inventory.ledger');
    const rows = await one.database.queryOnce<{ 'QUERY PLAN': string }>(`explain ${HOLDERS_SQL}`, ['BUSY-1', 2_000]);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('ledger_sku');
  });
});
