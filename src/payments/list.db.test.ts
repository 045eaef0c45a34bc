import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { keysetQuery } from '#platform/database/keyset.ts';
import { until, usePayments } from '#tests/support/payments.ts';
import { paymentFilterOf } from './filter.ts';

/** Lists of payments: found by where they stand, by whom they are made, and by why people look at them. */

const on = usePayments();

const ordersOf = async (query: string): Promise<string[]> =>
  (await on.app.inject(`/payments?${query}`)).json().items.map(({ orderId }: { orderId: string }) => orderId);

test('payments are found by status, provider, time, and why people look at them', async () => {
  await on.startPayments({ PAYMENTS_PROVIDERS: 'sandbox,manual' });
  const done = await on.pay('tok_approve');
  const declined = await on.pay('tok_decline');
  await on.untilEmitted(done, 'PaymentSucceeded');
  await on.untilEmitted(declined, 'PaymentFailed');
  const transfer = uuidv7();
  const asked = { provider: 'manual', token: 'bank_transfer', amount: '19.90', currency: 'EUR' };
  await on.emit(transfer, 1, 'OrderPaymentRequested', asked);
  await on.untilEmitted(transfer, 'PaymentPending');

  expect(await ordersOf('status=CAPTURED')).toEqual([done]);
  expect(await ordersOf('status=CAPTURED&status=FAILED')).toEqual([declined, done]);
  expect(await ordersOf('status=PENDING')).toEqual([transfer]);
  expect(await ordersOf('status=REQUIRES_ACTION')).toEqual([]);
  expect(await ordersOf('provider=manual')).toEqual([transfer]);
  expect(await ordersOf('provider=sandbox&limit=1')).toEqual([declined]);
  expect(await ordersOf('attention=record')).toEqual([transfer]);
  expect(await ordersOf('attention=dispute')).toEqual([]);
  expect(await ordersOf('createdTo=2020-01-01')).toEqual([]);
  expect(await ordersOf('createdFrom=2020-01-01')).toEqual([transfer, declined, done]);
  expect((await on.app.inject('/payments?attention=none')).statusCode).toBe(400);
  const file = await on.app.inject('/exports/payments?attention=record');
  expect(file.body.split('\r\n')[1]).toContain(transfer);

  const [few] = await on.database.query(
    'select count(*)::int as count from payments.payments where attention is not null',
  );
  expect(few).toEqual({ count: 1 });

  // What is received is noted; too much of it is to be given back, which somebody records as well.
  const receive = (amount: string) =>
    on.app.inject({ method: 'POST', url: `/payments/${transfer}/record`, payload: { amount, date: '2026-11-28' } });
  expect((await receive('19.90')).statusCode).toBe(200);
  expect(await ordersOf('attention=record')).toEqual([]);
  await receive('5.00');
  expect(await ordersOf('attention=record')).toEqual([transfer]);
  const giveBack = { amount: '5.00', date: '2026-11-28' };
  await on.app.inject({ method: 'POST', url: `/payments/${transfer}/give-back`, payload: giveBack });
  expect(await ordersOf('attention=record')).toEqual([]);

  // The provider gives no answer that says anything.
  await on.outage(true);
  const doubtful = await on.pay('tok_approve');
  await until('the doubt', async () => (await ordersOf('attention=in_doubt')).includes(doubtful));
  expect(await ordersOf('attention=waiting')).toEqual([doubtful]);
  await on.outage(false);
  await on.untilEmitted(doubtful, 'PaymentPending', 'PaymentSucceeded');
  expect(await ordersOf('attention=waiting')).toEqual([]);
});

test('pages of a few among many are read by the indexes that have them', async () => {
  await on.database.query(
    `insert into payments.payments (order_id, version, sequence, seen, provider, token, currency, status, amount, authorized,
       captured, voided, refunded, cancel_requested, pending_told, operations, attention)
     select gen_random_uuid(), 1, 1, '{}', 'sandbox', 't', 'EUR', case when n % 5000 = 0 then 'FAILED' else 'CAPTURED' end, 1, 1, 1,
       0, 0, false, false, '[]', case when n % 5000 = 0 then 'dispute' end from generate_series(1, 30000) n`,
  );
  await on.database.query('analyze payments.payments');
  const planOf = async (query: object): Promise<string> => {
    const { wanted, conditions } = paymentFilterOf(query);
    const page = { columns: '*', table: 'payments.payments t', key: 'order_id', newestFirst: true, limit: 101 };
    const { text, values } = keysetQuery({ ...page, wanted, conditions });
    const rows = await on.database.queryOnce<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  expect(await planOf({ attention: 'dispute' })).toContain('payments_attention');
  expect(await planOf({ attention: 'in_doubt' })).toContain('payments_due');
  expect(await planOf({ status: ['FAILED', 'VOIDED'] })).toContain('payments_ended');
  expect(await planOf({ status: ['PENDING'] })).toMatch(/payments_due|payments_attention/);
  await on.database.query("delete from payments.payments where token = 't'");
});
