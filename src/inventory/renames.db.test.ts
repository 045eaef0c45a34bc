import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { PRODUCTS_FRESH_MS } from '#contracts/peers.ts';
import { KnownProducts } from '#orders/products.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { inventory } from './service.ts';
import { findProducts, renamedProducts } from './store/products.ts';

/** What processes remember of products, and what becomes of it when one is renamed. */

const one = useOneService(inventory);

/** The memory of one process that takes orders, and how often it asked. */
function memory(): { nameOf(sku: string): Promise<string | undefined>; asked(): number } {
  let asked = 0;
  const known = new KnownProducts({
    async lookupProducts(keys) {
      asked++;
      return findProducts(one.database, keys);
    },
    async renamedProducts({ since }) {
      asked++;
      return renamedProducts(one.database, since);
    },
  });
  return {
    async nameOf(sku) {
      await known.learn([{ sku, quantity: 1, unitPrice: '1' }]);
      return known.bySku(sku)?.name;
    },
    asked: () => asked,
  };
}

async function putting(): Promise<(sku: string, name: string) => Promise<number>> {
  const app = one.api(await one.start());
  return async (sku, name) => {
    const beganMs = performance.now();
    const answer = await app.inject({ method: 'PUT', url: `/products/${sku}`, body: { name } });
    expect(answer.statusCode).toBeLessThan(300);
    return performance.now() - beganMs;
  };
}

describe('a renamed product', () => {
  test('has its new name in every process once that is answered', async () => {
    const put = await putting();
    const processes = [memory(), memory()];
    const skus = [uuidv7(), uuidv7(), uuidv7()];
    for (const sku of skus) await put(sku, 'Name 0');
    for (let round = 0; round < 4; round++) {
      for (const { nameOf } of processes)
        for (const sku of skus)
          expect(await nameOf(sku)).toBe(round === 0 || sku === skus[0] ? `Name ${round}` : 'Name 0');
      await put(skus[0]!, `Name ${round + 1}`);
      if (round === 0) continue;
      for (const { nameOf } of processes) expect(await nameOf(skus[0]!)).toBe(`Name ${round + 1}`);
    }
  });

  test('is noticed although the transaction that renamed it commits after later ones were read', async () => {
    const put = await putting();
    const { nameOf } = memory();
    const [sku, other] = [uuidv7(), uuidv7()];
    await put(sku, 'Old');
    await put(other, 'Old');
    expect(await nameOf(sku)).toBe('Old');
    const client = await one.database.pool.connect();
    try {
      await client.query('begin');
      await client.query("update inventory.products set name = 'New', named_by = pg_current_xact_id() where sku = $1", [
        sku,
      ]);
      await put(other, 'New');
      expect([await nameOf(other), await nameOf(sku)]).toEqual(['New', 'Old']);
      await client.query('commit');
    } finally {
      client.release();
    }
    await expect.poll(() => nameOf(sku), { timeout: 10 * PRODUCTS_FRESH_MS }).toBe('New');
  });

  test('is asked for a few times a second, and not for each order', async () => {
    const put = await putting();
    const { nameOf, asked } = memory();
    const sku = uuidv7();
    await put(sku, 'Mug');
    const untilMs = performance.now() + 3 * PRODUCTS_FRESH_MS;
    let orders = 0;
    for (; performance.now() < untilMs; orders++) expect(await nameOf(sku)).toBe('Mug');
    expect(orders).toBeGreaterThan(1_000);
    expect(asked()).toBeLessThan(10);
  });

  test('is answered at once where nothing was renamed', async () => {
    const put = await putting();
    const sku = uuidv7();
    const [created, same, renamed] = [await put(sku, 'Mug'), await put(sku, 'Mug'), await put(sku, 'Cup')];
    expect(Math.min(created, same)).toBeLessThan(PRODUCTS_FRESH_MS);
    expect(renamed).toBeGreaterThanOrEqual(PRODUCTS_FRESH_MS);
  });

  test('is found by its index, and more than an answer holds makes everybody start over', async () => {
    await one.database.query(
      "insert into inventory.products (sku, id, name) select 'many-' || n, gen_random_uuid(), 'x' from generate_series(1, 5000) n",
    );
    await one.database.query('analyze inventory.products');
    const { since } = await renamedProducts(one.database, undefined);
    expect(await renamedProducts(one.database, since)).toMatchObject({ products: [], more: false });
    const rows = await one.database.query<{ 'QUERY PLAN': string }>(
      `explain select sku from inventory.products where named_by >= '${since}'::xid8 limit 1001`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('products_named_by');
    await one.database.query("update inventory.products set named_by = pg_current_xact_id() where sku like 'many-%'");
    expect(await renamedProducts(one.database, since)).toMatchObject({ products: [], more: true });
    // A database that was restored to an earlier time counts from there.
    expect(await renamedProducts(one.database, '18446744073709551615')).toMatchObject({ more: true });
  });
});
