import type pg from 'pg';
import { numberOf } from '#contracts/order-number.ts';

/**
 * Fills a store with finished orders by SQL, shaped as the services write them: ids spread over the last
 * days, 3 lines each, statuses, channels, customers, references. Only for the benchmark.
 */
const FILL = `
with ids as (
  select n, (lpad(to_hex(($1::bigint + n * 80)), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5('x' || n), 1, 15))::uuid as id
  from generate_series($2::int, $3::int) n
), w as (
  select n, id, array['fill-' || n, 'customer' || (n % 40000) || '@example.com',
    (array['anna', 'ben', 'chloe', 'david', 'emma', 'finn', 'greta', 'hugo', 'ida', 'jonas', 'klara', 'leon', 'mia', 'noah', 'olga', 'paul', 'rosa', 'simon', 'tilda', 'viktor'])[1 + n % 20],
    'family' || (n / 20 % 2000), lpad((10000 + n % 80000)::text, 5, '0'), '4930' || (1000000 + n % 40000)] as words
  from ids
), o as (
  insert into orders.orders (id, country, number, words, customer_id, channel, reference, currency, total_amount, idempotency_key, request_hash, body)
  select id, case when n % 50 = 0 then 'fr' else 'de' end, ($4::text[])[1 + n - $2::int],
    ' ' || array_to_string(words, ' ') || ' s:SKU-' || n % 300 || ' s:SKU-' || (n + 100) % 300 || ' s:SKU-' || (n + 200) % 300 || ' ', md5((n % 40000)::text)::uuid, (array['web', 'store', 'marketplace', 'phone'])[1 + n % 4], 'FILL-' || n, 'EUR', 59.85, 'fill:' || n, 'fill',
    json_build_object('items', json_build_array(
      json_build_object('line', 1, 'sku', 'SKU-' || n % 300, 'quantity', 1, 'unitPrice', '9.95', 'amount', '9.95'),
      json_build_object('line', 2, 'sku', 'SKU-' || (n + 100) % 300, 'quantity', 2, 'unitPrice', '9.95', 'amount', '19.90'),
      json_build_object('line', 3, 'sku', 'SKU-' || (n + 200) % 300, 'quantity', 3, 'unitPrice', '10.00', 'amount', '30.00')),
      'shippingAddress', json_build_object('name', 'Customer ' || n % 40000, 'line1', '1 Main Street', 'city', 'Berlin', 'country', 'DE'),
      'contact', json_build_object('email', 'customer' || (n % 40000) || '@example.com'),
      'payment', json_build_object('provider', 'sandbox', 'token', 'tok_approve'), 'reviewReasons', '[]'::json, 'allowBackorder', false)
  from w returning 1
), k as (
  insert into orders.order_terms (term, order_id)
  select 's:SKU-' || (n + 100 * line) % 300, id from ids, generate_series(0, 2) line
  union all select 'w:' || word, id from w, unnest(words) word
  union all select 'p:' || reverse(words[6]), id from w
  union all select 'w:jd' || lpad(n::text, 10, '0'), id from ids
  returning 1
)
insert into orders.order_states (order_id, status, payment_status, fulfillment_status, return_status, updated_at, version, sequence, seen, detail)
select id, (array['COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'CANCELLED', 'REJECTED', 'PAYMENT_FAILED'])[1 + n % 10],
  (array['CAPTURED', 'CAPTURED', 'CAPTURED', 'CAPTURED', 'CAPTURED', 'CAPTURED', 'CAPTURED', 'REFUNDED', 'NONE', 'FAILED'])[1 + n % 10],
  (array['DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'CANCELLED', 'CANCELLED', 'CANCELLED'])[1 + n % 10],
  'NONE', now(), 7, 7, '{"/olms/inventory":2,"/olms/payments":1,"/olms/shipping":3}'::json,
  '{"holds":[],"allocations":[],"paymentRequested":true,"shipments":[],"returns":[],"refunds":[],"refundedAmount":"0.00"}'::json
from ids`;

const CHUNK = 20_000;
/** Orders are spread 80 ms apart, ending now. */
const SPACING_MS = 80;

export async function fillOrders(sql: pg.Client, orders: number, log: (line: string) => void): Promise<void> {
  const firstMs = Date.now() - orders * SPACING_MS;
  await sql.query('set statement_timeout = 0');
  for (let from = 0; from < orders; from += CHUNK) {
    const to = Math.min(from + CHUNK, orders);
    const numbers = Array.from({ length: to - from }, (_, place) => numberOf(BigInt(from + place)));
    await sql.query(FILL, [firstMs, from, to - 1, numbers]);
    if (from % 200_000 === 0) log(`filled ${from} of ${orders} orders`);
  }
  await sql.query(
    "insert into orders.product_words select word, 'SKU-' || n from generate_series(0, 299) n, unnest(array['article' || n, case n % 30 when 0 then 'mug' else 'plate' end]) word on conflict do nothing",
  );
  await sql.query('vacuum (analyze) orders.orders');
  await sql.query('vacuum (analyze) orders.order_states');
  await sql.query('vacuum (analyze) orders.order_terms');
}
