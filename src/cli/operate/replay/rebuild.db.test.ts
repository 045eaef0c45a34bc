import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FolderSystem } from '#tests/support/folder-system.ts';
import { atRest } from '#tests/support/at-rest.ts';
import { placeMug } from '#tests/support/mug-orders.ts';
import { until } from '#tests/support/until.ts';
import type { System } from '#system/system.ts';
import { runAudit } from '#cli/operate/audit.ts';
import { ApiClient } from '#cli/client.ts';
import { type ReplayOptions, runReplay } from '#cli/operate/replay.ts';
import type { RebuildReport } from './rebuild.ts';

const REBUILDABLE = ['orders', 'notifications', 'billing'] as const;

describe('olms replay --rebuild', { timeout: 90_000 }, () => {
  let running: FolderSystem;
  let env: Record<string, string>;
  let system: System;
  let api: ApiClient;
  const ids: string[] = [];
  /** Waits for its review, so that it can be amended. */
  let held = '';

  beforeAll(async () => {
    running = await FolderSystem.start('rebuild-test', { SANDBOX_CARRIER_DELAY_MS: '0' });
    ({ system, env } = running);
    api = new ApiClient(system.url, 'rebuild-test');
    await api.putProduct({ sku: 'MUG' }, { name: 'Mug' });
    await api.adjustStock({ sku: 'MUG', delta: 100_000, reason: 'test' });
    for (let i = 0; i < 16; i++)
      ids.push(await place(['tok_approve', 'tok_approve', 'tok_flaky', 'tok_decline'][i % 4]!));
    held = await place('tok_approve', { requiresReview: true });
    ids.push(held);
    await atRest(system, [held]);
    await api.amendOrder(
      { id: held },
      { contact: { email: 'new@example.org' }, shippingAddress: { name: 'Ada Lovelace' }, reference: 'R-7' },
    );
    // A card that fails now and then is charged seconds later: one more invoice in the middle of a test.
    await until('every payment to be decided', async () => {
      const open = await sql("select 1 from orders.order_states where status = 'PAYMENT_PENDING'");
      return open.length === 0;
    });
    for (const id of ids.slice(0, 2)) await api.requestRefund({ id }, { amount: '1.00', reason: 'test' });
    await atRest(system, [held]);
  });

  afterAll(async () => {
    await api?.close();
    await running?.remove();
  });

  const place = (token: string, more: object = {}): Promise<string> => placeMug(api, token, more);

  const run = (service: string, more: Partial<ReplayOptions> = {}): Promise<RebuildReport> =>
    runReplay(
      { service, rebuild: true, actor: 'anna', ...more },
      { ...env, DATABASE_URL: system.databaseUrl },
    ) as Promise<RebuildReport>;
  const compare = (service: string): Promise<RebuildReport> => run(service, { dryRun: true });
  const sql = <Row extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> =>
    system.database.queryOnce<Row>(text, values);
  const shadows = (): Promise<unknown[]> => sql("select relname from pg_class where relname like '%rebuild%'");

  test.each(REBUILDABLE)('of %s says that nothing differs, and leaves nothing behind', async (service) => {
    const report = await run(service);
    expect(report).toMatchObject({ differences: 0, leftAlone: 0, swapped: 0, incomplete: 0, orders: ids.length });
    for (const table of report.tables) expect(table.built, table.table).toBe(table.live);
    expect(await shadows()).toEqual([]);
  });

  test.each([
    ['payments', /provider/],
    ['inventory', /ledger/],
    ['shipping', /carrier/],
    ['reviews', /no event of its own/],
  ])('of %s is refused, with the reason', async (service, reason) => {
    await expect(run(service)).rejects.toMatchObject({
      code: 'NOT_FROM_THE_LOG',
      message: expect.stringMatching(reason) as string,
    });
  });

  test('of the history is refused where all share one log, and nothing can be left out of a rebuild', async () => {
    await expect(run('orders-history')).rejects.toMatchObject({ code: 'NOTHING_READ' });
    await expect(run('orders', { from: 'start' })).rejects.toMatchObject({ code: 'WHOLE' });
  });

  test('finds wrong, missing and superfluous rows of orders, and mends them', async () => {
    const [wrong, lost, term] = ids as [string, string, string];
    const rows = (): Promise<unknown[]> =>
      Promise.all([
        sql(
          'select order_id, status, payment_status, deadline_at, updated_at, sequence, detail::jsonb from orders.order_states order by order_id',
        ),
        sql('select id, reference, total_amount, body::jsonb from orders.orders order by id'),
        sql('select * from orders.order_terms order by 1, 2'),
      ]);
    const before = await rows();
    const [{ seen: wasSeen } = { seen: {} }] = await sql<{ seen: Record<string, number> }>(
      'select seen from orders.order_states where order_id = $1',
      [lost],
    );
    const [{ version } = { version: 0 }] = await sql<{ version: number }>(
      'select version from orders.order_states where order_id = $1',
      [wrong],
    );
    await sql("update orders.order_states set status = 'CANCELLED' where order_id = $1", [wrong]);
    await sql('delete from orders.order_states where order_id = $1', [lost]);
    await sql('delete from orders.order_terms where order_id = $1', [term]);
    await sql("insert into orders.order_terms values ('w:never', $1)", [held]);
    await sql(
      "update orders.orders set body = jsonb_set(body::jsonb, '{shippingAddress,name}', '\"Eve\"')::json where id = $1",
      [held],
    );

    const found = await compare('orders');
    expect(found.swapped).toBe(0);
    const seen = found.examples.map(({ table, order, what }) => [table, order, what]);
    expect(seen).toContainEqual(['orders.order_states', wrong, 'different']);
    expect(seen).toContainEqual(['orders.order_states', lost, 'missing']);
    expect(seen).toContainEqual(['orders.order_terms', term, 'missing']);
    expect(seen).toContainEqual(['orders.order_terms', held, 'unexplained']);
    expect(seen).toContainEqual(['orders.orders', held, 'different']);
    expect(await rows()).not.toEqual(before);

    const mended = await run('orders');
    expect(mended).toMatchObject({ differences: found.differences, swapped: found.differences });
    expect(await rows()).toEqual(before);
    expect(await compare('orders')).toMatchObject({ differences: 0 });
    // Whoever remembers the wrong row must not write over the right one.
    expect(await sql('select version from orders.order_states where order_id = $1', [wrong])).toEqual([
      { version: version + 1 },
    ]);
    const [{ seen: seenNow } = { seen: {} }] = await sql<{ seen: Record<string, number> }>(
      'select seen from orders.order_states where order_id = $1',
      [lost],
    );
    for (const [source, sequence] of Object.entries(seenNow)) expect(sequence).toBeLessThanOrEqual(wasSeen[source]!);
    expect(Object.keys(seenNow).length).toBeGreaterThan(1);
    const [entry] = await sql('select actor, action, consumer from log.replay_audit order by number desc limit 1');
    expect(
      await sql(
        `select actor, subject from log.audit_entries where action = 'projection.rebuilt' order by at desc limit 1`,
      ),
    ).toEqual([{ actor: entry!['actor'], subject: entry!['consumer'] }]);
    expect(entry).toEqual({ actor: 'anna', action: 'rebuild', consumer: 'orders' });
  });

  test('a row that knows more than the log, or that no log explains, is reported and left alone', async () => {
    const stranger = uuidv7();
    await sql('update orders.order_states set sequence = sequence + 1 where order_id = $1', [ids[3]]);
    await sql(
      `insert into orders.order_states select $1, status, payment_status, fulfillment_status, return_status, null, updated_at, 1, 1, '{}', detail from orders.order_states where order_id = $2`,
      [stranger, ids[0]],
    );
    try {
      const report = await run('orders');
      expect(report).toMatchObject({ differences: 0, leftAlone: 2, swapped: 0 });
      expect(report.examples.map(({ order, mended }) => [order, mended]).sort()).toEqual(
        [
          [ids[3], false],
          [stranger, false],
        ].sort(),
      );
    } finally {
      await sql('update orders.order_states set sequence = sequence - 1 where order_id = $1', [ids[3]]);
      await sql('delete from orders.order_states where order_id = $1', [stranger]);
    }
  });

  test('an invoice and a counter that were lost come back with their numbers, and the next one follows', async () => {
    const rows = (): Promise<unknown[]> =>
      sql('select order_id, number, issued_at, total, body::jsonb, sequence from billing.invoices order by order_id');
    const before = await rows();
    const counters = await sql('select * from billing.counters order by key');
    await sql('delete from billing.invoices where order_id = $1', [ids[0]]);
    await sql("update billing.counters set value = 0 where key = 'invoice'");
    const found = await compare('billing');
    expect(found.differences).toBe(2);
    expect(await run('billing')).toMatchObject({ swapped: 2 });
    expect(await rows()).toEqual(before);
    expect(await sql('select * from billing.counters order by key')).toEqual(counters);
    const next = await place('tok_approve');
    ids.push(next);
    await atRest(system, [held]);
    const [invoice] = await sql<{ number: string }>('select number from billing.invoices where order_id = $1', [next]);
    expect(Number(invoice!.number.slice(4))).toBe(before.length + 1);
    expect(await compare('billing')).toMatchObject({ differences: 0 });
  });

  test('a notification that was lost comes back as a record, and is not sent', async () => {
    await sql('delete from notifications.notifications where order_id = $1', [ids[0]]);
    await sql('update notifications.orders set body = \'{"currency":"USD"}\' where order_id = $1', [held]);
    const { differences } = await compare('notifications');
    expect(differences).toBeGreaterThan(3);
    await run('notifications');
    expect(await compare('notifications')).toMatchObject({ differences: 0, leftAlone: 0 });
    const back = await sql<{ status: string; channel: string }>(
      'select status, channel from notifications.notifications where order_id = $1',
      [ids[0]],
    );
    expect(back.length).toBe(differences - 1);
    expect(new Set(back.map(({ status }) => status))).toEqual(new Set(['suppressed']));
    // The running service has forgotten what it remembered of the wrong row.
    await api.amendOrder({ id: held }, { contact: { email: 'newer@example.org' } });
    await atRest(system, [held]);
    const [{ body } = { body: {} }] = await sql<{ body: unknown }>(
      'select body from notifications.orders where order_id = $1',
      [held],
    );
    expect(body).toMatchObject({ currency: 'EUR', contact: { email: 'newer@example.org' } });
  });

  test('while orders come in, nothing differs that does not; what does is mended, and the rest goes on', async () => {
    let placing = true;
    const fresh: string[] = [];
    const load = (async () => {
      while (placing) {
        fresh.push(...(await Promise.all([1, 2, 3].map(() => place('tok_approve')))));
        await sleep(20);
      }
    })();
    for (let round = 0; round < 2; round++) {
      for (const service of REBUILDABLE)
        expect(await run(service), service).toMatchObject({ differences: 0, swapped: 0 });
      await sql("update orders.order_states set payment_status = 'NONE' where order_id = $1", [ids[1]]);
      await sql('delete from billing.invoices where order_id = $1', [ids[1]]);
      await sql('delete from orders.order_terms where order_id = $1', [ids[2]]);
      expect((await run('orders')).swapped).toBe(4);
      expect((await run('billing')).swapped).toBe(1);
    }
    placing = false;
    await load;
    await atRest(system, [held]);
    expect(fresh.length).toBeGreaterThan(10);
    for (const service of REBUILDABLE)
      expect(await compare(service), service).toMatchObject({ differences: 0, leftAlone: 0 });
    const report = await runAudit({ patience: 10 }, { ...env, DATABASE_URL: system.databaseUrl });
    expect(report.checks.filter((check) => check.violations > 0)).toEqual([]);
    expect(await shadows()).toEqual([]);
  });
});
