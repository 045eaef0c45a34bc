import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { useOneService } from '#tests/support/one-service.ts';
import { withClient } from '#tests/support/sql.ts';
import { until } from '#tests/support/until.ts';
import { billingAudit } from './audit.ts';
import { billing } from './service.ts';

/** Numbers without gaps in every series, while processes race for them, statements are rolled back and connections die. */

const one = useOneService(billing);
const ENV = { BILLING_INVOICE_SERIES: 'RE-{country}-{year}-', BILLING_CREDIT_NOTE_SERIES: 'GS-{country}-' };
const COUNTRIES = ['DE', 'FR', 'AT'] as const;
const ORDERS = 90;

/** What the audit has against the numbers and documents. */
async function violations(): Promise<string[]> {
  const found: string[] = [];
  await billingAudit.run({
    database: one.database,
    examined: () => {},
    progress: () => {},
    violation: (check, subject, detail) => found.push(`${check}: ${subject} ${detail}`),
  });
  return found;
}

test('no number is left out or given twice in any series', async () => {
  // Every third statement that issues documents is rolled back, as a conflict of transactions is.
  await one.database.query('create sequence tried');
  await one.database.query(
    `create function refuse_some() returns trigger language plpgsql as $$ begin
       if nextval('tried') % 3 = 0 then raise exception 'rolled back' using errcode = 'serialization_failure'; end if;
       return null;
     end $$`,
  );
  await one.database.query(
    'create trigger refuse_some before insert on billing.documents for each statement execute function refuse_some()',
  );
  for (let process = 0; process < 3; process++) await one.start(ENV);
  const orders = Array.from({ length: ORDERS }, (_, index) => ({ id: uuidv7(), country: COUNTRIES[index % 3]! }));
  for (let from = 0; from < ORDERS; from += 15) {
    await one.happen(
      ...orders
        .slice(from, from + 15)
        .flatMap(({ id, country }) => [
          one.event(id, 'OrderCompleted', { shippingAddress: { country } }),
          one.event(id, 'OrderRefunded', { refundId: uuidv7(), amount: '1.00' }),
        ]),
    );
    await withClient(one.url, (client) =>
      client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like '%billing.invoices%'",
      ),
    );
  }
  const numbersLike = async (like: string): Promise<string[]> => {
    const rows = await one.database.query<{ number: string }>(
      'select number from billing.documents where number like $1 order by number',
      [like],
    );
    return rows.map(({ number }) => number);
  };
  await until('every document', async () => {
    const [row] = await one.database
      .query<{ count: number }>('select count(*)::int as count from billing.documents')
      .catch(() => []);
    return row?.count === 2 * ORDERS;
  });
  const year = new Date(one.clock.nowMs()).getUTCFullYear();
  for (const country of COUNTRIES)
    for (const prefix of [`RE-${country}-${year}-`, `GS-${country}-`]) {
      const expected = Array.from({ length: ORDERS / 3 }, (_, n) => `${prefix}${String(n + 1).padStart(8, '0')}`);
      expect(await numbersLike(`${prefix}%`)).toEqual(expected);
    }
  expect(await violations()).toEqual([]);
  const [tried] = await one.database.query<{ statements: number }>('select last_value::int as statements from tried');
  expect(tried!.statements).toBeGreaterThanOrEqual(3);

  // They are found by their numbers, and in no other way.
  const app = one.api(await one.start(ENV));
  const number = 'gs-fr-00000007';
  const found = (await app.inject({ url: `/invoices/${number}` })).json() as { number: string };
  expect(found.number).toBe('GS-FR-00000007');
  const listed = (await app.inject({ url: '/invoices?issuedFrom=2020-01-01&limit=200' })).json() as { items: object[] };
  expect(listed.items).toHaveLength(ORDERS);
  // A gap is found in a series as in any other.
  await one.database.query("update billing.counters set value = value + 1 where key = 'GS-DE-'");
  expect(await violations()).toEqual([
    `invoice-numbers: GS-DE- ${ORDERS / 3} is followed by ${ORDERS / 3 + 2}; the counter stands at ${ORDERS / 3 + 1}`,
  ]);
});
