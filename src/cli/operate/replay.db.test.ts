import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appendEvents } from '#platform/log/outbox.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { consumersOf, SERVICES } from '#system/services.ts';
import { freePort } from '#tests/support/ports.ts';
import { placeMug } from '#tests/support/mug-orders.ts';
import { atRest } from '#tests/support/at-rest.ts';
import { until } from '#tests/support/until.ts';
import { startSystem, type System } from '#system/system.ts';
import { type AuditReport, runAudit } from './audit.ts';
import { ApiClient } from '#cli/client.ts';
import { type ReplayOptions, runReplay } from './replay.ts';
import type { PreviewReport } from './replay/preview.ts';
import type { RewindReport } from './replay/rewind.ts';

const CONSUMERS = [...new Set(consumersOf(SERVICES, {}).map(({ service }) => service))];

/** A live system, whole, on a database of its own, with a mail server that keeps what it is sent. */
describe('olms replay', { timeout: 60_000 }, () => {
  let folder: string;
  let env: Record<string, string>;
  let system: System;
  let api: ApiClient;
  let mailServer: SMTPServer;
  const mails: string[] = [];
  const ids: string[] = [];
  let waiting = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'olms-replay-test-'));
    mailServer = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      onData(stream, _session, callback) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          mails.push(Buffer.concat(chunks).toString());
          callback();
        });
      },
    });
    await new Promise<void>((resolve) => mailServer.listen(0, '127.0.0.1', resolve));
    env = {
      PORT: '0',
      OLMS_DATA: join(folder, 'data'),
      OLMS_BOOTSTRAP_API_KEY: 'replay-test',
      SANDBOX_PROVIDER_PORT: String(await freePort()),
      SANDBOX_CARRIER_DELAY_MS: '0',
      SMTP_URL: `smtp://127.0.0.1:${(mailServer.server.address() as AddressInfo).port}`,
    };
    await start();
    await api.putProduct({ sku: 'MUG' }, { name: 'Mug' });
    await api.adjustStock({ sku: 'MUG', delta: 100_000, reason: 'test' });
    for (let i = 0; i < 12; i++) ids.push(await place(i % 4 === 3 ? 'tok_decline' : 'tok_approve'));
    await atRest(system);
    await api.requestRefund({ id: ids[0]! }, { amount: '1.00', reason: 'test' });
    // A trap: the customer could be reached by telephone only after they were notified that they have to wait.
    await api.putProduct({ sku: 'RARE' }, { name: 'Rare' });
    waiting = await place('tok_approve', {
      items: [{ sku: 'RARE', quantity: 1, unitPrice: '9.95' }],
      allowBackorder: true,
    });
    ids.push(waiting);
    await system.settle();
    await api.amendOrder({ id: waiting }, { contact: { email: 'new@example.org', phone: '+49 30 1' } });
    await api.adjustStock({ sku: 'RARE', delta: 10, reason: 'test' });
    await atRest(system);
  });

  afterAll(async () => {
    await stop();
    await new Promise<void>((resolve) => mailServer?.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  async function start(more: Record<string, string> = {}): Promise<void> {
    system = await startSystem({
      env: { ...env, ...more },
      logger: createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent'),
    });
    api = new ApiClient(system.url, 'replay-test');
  }

  async function stop(): Promise<void> {
    await api?.close();
    await system?.stop();
  }

  const place = (token: string, more: object = {}): Promise<string> => placeMug(api, token, more);

  const run = <Report>(options: ReplayOptions): Promise<Report> =>
    runReplay(options, { ...env, DATABASE_URL: system.databaseUrl }) as Promise<Report>;
  const preview = (service: string, more: Partial<ReplayOptions> = {}): Promise<PreviewReport> =>
    run({ service, from: 'start', dryRun: true, ...more });
  const rewind = (service: string, more: Partial<ReplayOptions> = {}): Promise<RewindReport> =>
    run({ service, from: 'start', wait: true, actor: 'anna', ...more });
  const audit = (): Promise<AuditReport> => runAudit({ patience: 10 }, { ...env, DATABASE_URL: system.databaseUrl });
  const sql = <Row extends Record<string, unknown>>(text: string, values: unknown[] = []): Promise<Row[]> =>
    system.database.queryOnce<Row>(text, values);

  /** Everything that replays must leave as it is. */
  async function effects(): Promise<Record<string, unknown>> {
    const rows: Record<string, unknown> = {};
    for (const [table, columns, order] of [
      ['notifications.notifications', '*', 'id'],
      ['notifications.orders', '*', 'order_id'],
      ['billing.invoices', 'order_id, number, body::text, total', 'order_id'],
      ['billing.counters', '*', 'key'],
      ['sandbox.charges', 'id, key, authorized, captured, voided, refunded', 'id'],
      ['inventory.stock', '*', 'sku'],
      ['inventory.ledger', '*', 'number'],
      ['shipping.shipments', '*', 'id'],
      ['log.order_outbox', 'id, sequence', 'position'],
      ['log.parked_events', '*', 'number'],
    ] as const)
      rows[table] = await sql(`select ${columns} from ${table} order by ${order}`);
    return rows;
  }

  test('a preview reports what would be read again, by event type, and changes nothing', async () => {
    const before = await effects();
    for (const service of CONSUMERS) {
      const report = await preview(service);
      expect(report.events, service).toBeGreaterThan(0);
      expect(report, service).toMatchObject({ orders: 0, examples: [] });
    }
    const { byType } = await preview('notifications');
    expect(byType['OrderCreated']).toEqual({ events: 13, taken: 13, ignored: 0, acts: 0, fails: 0, parked: 0 });
    expect(await effects()).toEqual(before);
    expect(await sql('select consumer from log.consumer_offsets where again_position is not null')).toEqual([]);
    expect(await sql('select * from log.replay_audit')).toEqual([]);
  });

  test('a preview can be limited to one order, and to a range between times or log positions', async () => {
    const all = await preview('billing');
    expect((await preview('billing', { order: [ids[0]!] })).byType).toMatchObject({
      OrderCompleted: { events: 1 },
      OrderRefunded: { events: 1 },
    });
    const [mark] = await sql<{ time: Date; position: string; after: number }>(
      `select time, txid::text || '/' || position as position, (select count(*)::int from log.order_outbox l where type = 'OrderCompleted' and (l.txid, l.position) >= (o.txid, o.position)) as after
       from log.order_outbox o where type = 'OrderCompleted' order by txid desc, position desc offset 2 limit 1`,
    );
    const completed = async (more: Partial<ReplayOptions>): Promise<number> =>
      (await preview('billing', more)).byType['OrderCompleted']?.events ?? 0;
    const total = all.byType['OrderCompleted']!.events;
    expect(mark!.after).toBeLessThan(total);
    expect(await completed({ from: mark!.position })).toBe(mark!.after);
    expect(await completed({ to: mark!.position })).toBe(total - mark!.after);
    // Events of one moment stand together; those of that time are all there.
    expect(await completed({ from: mark!.time.toISOString() })).toBeGreaterThanOrEqual(mark!.after);
    expect(
      (await completed({ from: mark!.time.toISOString() })) + (await completed({ to: mark!.time.toISOString() })),
    ).toBe(total);
    expect(await completed({ from: '2020-01-01' })).toBe(total);
    expect((await preview('billing', { from: '2120-01-01' })).partitions).toEqual([]);
  });

  test.each([
    [{ service: 'nobody', from: 'start' }, 'NO_SUCH_CONSUMER'],
    [{ service: 'relay', from: 'start' }, 'RELAY'],
    [{ service: 'billing' }, 'FROM_MISSING'],
    [{ service: 'billing', from: 'yesterday', dryRun: true }, 'BOUND'],
    [{ service: 'billing', from: '2026-02-30', dryRun: true }, 'BOUND'],
    [{ service: 'billing', from: '2026-11-01T10:00:00', dryRun: true }, 'BOUND'],
    [{ service: 'billing', from: '1/2,3/4', dryRun: true }, 'ONE_PLACE'],
    [{ service: 'billing', from: 'start', order: ['7'] }, 'ORDER_ID'],
    [{ service: 'billing', from: 'start', to: '2026-11-01' }, 'NOT_A_SELECTION'],
    [{ service: 'billing', from: 'start', wait: 'long' }, 'WAIT'],
  ] as const)('%j cannot be done: %s', async (options, code) => {
    await expect(run(options)).rejects.toMatchObject({ code });
  });

  test('a running service notices that it was rewound, reads everything again, and sends nothing twice', async () => {
    const before = await effects();
    const mailed = [...mails];
    expect(mailed.length).toBeGreaterThan(20);
    const report = await rewind('notifications');
    expect(report).toMatchObject({ service: 'notifications', readAgain: true, unparked: [] });
    expect(report.events).toBeGreaterThan(40);
    await atRest(system);
    expect(await effects()).toEqual(before);
    expect(mails).toEqual(mailed);
    const [entry] = await sql('select * from log.replay_audit order by number desc limit 1');
    expect(
      await sql(
        `select actor, subject from log.audit_entries where action = 'consumer.rewound' order by at desc limit 1`,
      ),
    ).toEqual([{ actor: entry!['actor'], subject: entry!['consumer'] }]);
    expect(entry).toMatchObject({
      actor: 'anna',
      action: 'set back',
      consumer: 'notifications',
      detail: { asked: 'start', partitions: [{ partition: 0, to: { txid: 0, position: 0 } }] },
    });
  });

  test('every service reads everything again under load, and charges, ships, invoices and notifies nothing twice', async () => {
    const [{ n: known } = { n: 0 }] = await sql<{ n: number }>('select count(*)::int as n from log.order_outbox');
    const before = await sql('select id from log.order_outbox order by position');
    // That these come back shows that a busy consumer did not overwrite its rewind.
    const lost = await sql('delete from notifications.notifications where order_id = $1 returning event_id', [ids[1]]);
    const mailed = mails.length;
    let placing = true;
    const fresh: string[] = [];
    const load = (async () => {
      while (placing) fresh.push(...(await Promise.all([1, 2, 3].map(() => place('tok_approve')))));
    })();
    const reports = await Promise.all(CONSUMERS.map((service) => rewind(service)));
    placing = false;
    await load;
    expect(reports.every((report) => report.readAgain)).toBe(true);
    await atRest(system);
    expect(fresh.length).toBeGreaterThan(5);
    // What is new is about new orders alone.
    const added = await sql<{ subject: string; n: number }>(
      'select subject, count(*)::int as n from log.order_outbox where not (id = any($1::uuid[])) group by subject',
      [before.map((row) => row['id'])],
    );
    expect(added.map(({ subject }) => subject).sort()).toEqual([...fresh].sort());
    expect(known).toBe(before.length);
    const [{ n: notified } = { n: 0 }] = await sql<{ n: number }>(
      "select count(*)::int as n from notifications.notifications where channel = 'email' and order_id = any($1::uuid[])",
      [fresh],
    );
    expect(
      await sql('select event_id from notifications.notifications where order_id = $1 order by id', [ids[1]]),
    ).toEqual(lost);
    await until('the new mails', async () => mails.length - mailed === notified + lost.length, {
      describe: () => `${mails.length - mailed} of ${notified + lost.length}`,
    });
    const report = await audit();
    expect(report.checks.filter((check) => check.violations > 0)).toEqual([]);
  });

  test('events of the middle of a story reach nobody a second time, by whatever channel the customer has now', async () => {
    const [backordered] = await sql<{ position: string }>(
      "select txid::text || '/' || position as position from log.order_outbox where subject = $1 and type = 'OrderBackordered'",
      [waiting],
    );
    const before = await effects();
    await rewind('notifications', { from: backordered!.position });
    await atRest(system);
    expect(await effects()).toEqual(before);
  });

  test('a consumer that lost events gets them back, and only those', async () => {
    await stop();
    // Orders are taken while nobody reads; then somebody moves an offset to the end by hand.
    await start({ OLMS_CONSUME: 'false' });
    const lost = [await place('tok_approve'), await place('tok_approve')];
    await until('the events to be readable', async () => {
      const [row] = await sql<{ n: number }>(
        'select count(*)::int as n from log.order_outbox where subject = any($1::uuid[]) and txid < pg_snapshot_xmin(pg_current_snapshot())',
        [lost],
      );
      return row!.n === 2;
    });
    await sql(
      "update log.consumer_offsets o set txid = l.txid::text::bigint, position = l.position from (select txid, position from log.order_outbox order by txid desc, position desc limit 1) l where consumer = 'notifications'",
    );
    await stop();
    await start();
    await atRest(system);
    const created = async (): Promise<unknown[]> =>
      sql(
        "select order_id from notifications.notifications where event_type = 'OrderCreated' and order_id = any($1::uuid[])",
        [lost],
      );
    expect(await created()).toEqual([]);
    const mailed = mails.length;
    const found = await preview('notifications');
    expect(found).toMatchObject({ orders: 2, byType: { OrderCreated: { acts: 2 } } });
    expect(found.examples.map(({ orderId }) => orderId).sort()).toEqual([...lost].sort());

    expect((await rewind('notifications')).readAgain).toBe(true);
    await atRest(system);
    expect(await created()).toHaveLength(2);
    await until('two mails', async () => mails.length >= mailed + 2);
    expect(mails.length).toBe(mailed + 2);
    expect(await preview('notifications')).toMatchObject({ orders: 0 });
  });

  test('a service that does not run is rewound as well, and begins there when it starts', async () => {
    const before = await effects();
    const url = system.databaseUrl;
    await stop();
    await start({ OLMS_CONSUME: 'false' });
    expect(system.databaseUrl).toBe(url);
    const report = await run<RewindReport>({ service: 'billing', from: 'start' });
    expect(report.events).toBeGreaterThan(0);
    await stop();
    await start();
    await atRest(system);
    await until('billing to have read it again', async () => {
      const [row] = await sql<{ done: boolean }>(
        "select (txid, position) >= (again_txid, again_position) as done from log.consumer_offsets where consumer = 'billing'",
      );
      return row!.done;
    });
    expect(await effects()).toEqual(before);
  });

  describe('with a parked order', () => {
    const poisoned = uuidv7();
    const eventOf = (sequence: number, type: string, data: unknown) => {
      return {
        id: uuidv7(),
        source: '/olms/orders',
        type,
        subject: poisoned,
        sequence,
        time: new Date().toISOString(),
        correlationid: poisoned,
        causationid: poisoned,
        data,
      };
    };
    const head = eventOf(1, 'OrderCompleted', null);
    const refund = { refundId: uuidv7(), amount: '1.00', refundedAmount: '1.00', paymentStatus: 'PARTIALLY_REFUNDED' };
    const behind = [eventOf(2, 'OrderRefunded', refund), eventOf(3, 'OrderRefunded', refund)];
    const queue = async (): Promise<string[]> =>
      (
        await sql<{ id: string }>(
          "select event->>'id' as id from log.parked_events where consumer = 'billing' and order_id = $1 order by number",
          [poisoned],
        )
      ).map((row) => row.id);
    const inOrder = [head.id, ...behind.map(({ id }) => id)];

    beforeAll(async () => {
      await system.database.write([appendEvents([head])]);
      await until('the order to be parked', async () => (await queue()).length === 1);
      await system.database.write([appendEvents(behind)]);
      await until('the others to queue', async () => (await queue()).length === 3);
    });

    test('of which all is read again, the queue is withdrawn and comes back in order', async () => {
      expect(await preview('billing')).toMatchObject({
        unparked: [poisoned],
        byType: { OrderCompleted: { fails: 1 } },
      });
      const numbers = 'select min(number)::int as first from log.parked_events where consumer = $1 and order_id = $2';
      const [before] = await sql<{ first: number }>(numbers, ['billing', poisoned]);
      expect(await rewind('billing')).toMatchObject({ unparked: [poisoned], readAgain: true });
      await until('the order to be parked again', async () => (await queue()).length === 3);
      expect(await queue()).toEqual(inOrder);
      const [after] = await sql<{ first: number }>(numbers, ['billing', poisoned]);
      expect(after!.first).toBeGreaterThan(before!.first);
    });

    test('whose queue begins before, nothing is queued twice', async () => {
      const [mark] = await sql<{ position: string }>(
        "select txid::text || '/' || position as position from log.order_outbox where id = $1",
        [behind[0]!.id],
      );
      expect(await preview('billing', { from: mark!.position })).toMatchObject({
        unparked: [],
        byType: { OrderRefunded: { parked: 2 } },
      });
      expect(await rewind('billing', { from: mark!.position })).toMatchObject({ unparked: [], readAgain: true });
      expect(await queue()).toEqual(inOrder);
    });

    test('what was skipped stays left out', async () => {
      await api.skipParkedOrder({ consumer: 'billing', orderId: poisoned }, {});
      await api.skipParkedOrder({ consumer: 'notifications', orderId: poisoned }, {});
      expect(await queue()).toEqual([]);
      const before = await effects();
      expect((await rewind('billing')).readAgain).toBe(true);
      expect((await rewind('notifications')).readAgain).toBe(true);
      await atRest(system);
      expect(await effects()).toEqual(before);
    });
  });
});
