import { randomUUID } from 'node:crypto';
import type { SandboxBooks } from '#tests/support/provider.ts';
import type { Mailbox } from '#tests/support/mailbox.ts';
import { withClient } from '#tests/support/sql.ts';
import { until } from '#tests/support/until.ts';
import { type CanaryCustomer, personalPartsOf, type ProblemKeeper } from './canaries.ts';

/**
 * Lives of orders of one customer, with all that goes wrong in them, and requests that are wrong themselves: what
 * tempts a program to say what it was given.
 */

export interface Stage {
  /** With an admin key. */
  readonly api: ProblemKeeper;
  readonly provider: Pick<SandboxBooks, 'of'>;
  readonly mailbox: Mailbox;
  readonly customer: CanaryCustomer;
  /** Values that open something, by what they are. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Of the service, as its owner. */
  readonly databaseUrl: (service: string) => string;
}

/** An order of the customer; resolves with its id. */
async function placed(stage: Stage, wishes: Record<string, unknown> = {}): Promise<string> {
  const { api, customer } = stage;
  return (await api.placeOrder({ ...personalPartsOf(customer), ...wishes })).id;
}

async function livesToTheEnd(stage: Stage): Promise<void> {
  const { api } = stage;
  const sku = await api.product(10);
  const id = await placed(stage, { sku, quantity: 2, metadata: { gift: 'yes' } });
  await api.untilStatus(id, 'COMPLETED');
  await api.invoice(id);
  const asked = await api.command(id, 'returns', { items: [{ sku, quantity: 1 }], reason: 'too small' });
  await api.command(id, `returns/${asked.body.returns[0]!.returnId}/receive`, {});
  await api.untilOrder(id, 'refunded', ({ refunds }) => refunds.some(({ status }) => status === 'DONE'));
  await api.untilNotified(id, 'OrderRefunded');
}

async function goesWrong(stage: Stage): Promise<void> {
  const { api } = stage;
  const declined = await placed(stage, { token: 'tok_decline' });
  const late = await placed(stage, { token: 'tok_timeout' });
  const lost = await placed(stage, { token: 'tok_lost_reply' });
  const failing = await placed(stage, { token: 'tok_flaky' });
  const strange = await placed(stage, { token: stage.secrets['a payment token'] });
  const scarce = await placed(stage, { sku: await api.product(1), quantity: 5 });
  const reviewed = await placed(stage, { requiresReview: true });
  await api.decideReview((await api.reviewOf(reviewed)).id, 'reject');
  const held = await placed(stage, { requiresReview: true });
  await api.amend(held, { contact: { email: `second.${stage.customer.email}` } });
  await api.cancel(held);
  await api.untilStatus(declined, 'PAYMENT_FAILED');
  await api.untilStatus(scarce, 'REJECTED');
  for (const id of [late, lost, failing]) await api.untilStatus(id, 'COMPLETED', 60_000);
  for (const id of [strange, reviewed, held]) await api.untilFinal(id, 60_000);
}

/** While the mail server lets nobody in; it asks once for each connection, so this comes first. */
async function nobodyIsLetIn(stage: Stage): Promise<void> {
  const { mailbox } = stage;
  const { password } = mailbox;
  mailbox.password = randomUUID();
  await mailFails(stage, await placed(stage), /EAUTH/);
  mailbox.password = password;
}

/** Recipients are refused, for now and for good. */
async function recipientsAreRefused(stage: Stage): Promise<void> {
  const { mailbox } = stage;
  // Enough for the mails of other orders, too, which are still on their way.
  mailbox.refusals = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? 450 : 550));
  await mailFails(stage, await placed(stage), /450|550/);
  mailbox.refusals = [];
}

function mailFails({ api }: Stage, orderId: string, detail: RegExp): Promise<unknown> {
  return until(`a mail of ${orderId} to fail by ${detail.source}`, async () =>
    (await api.notifications(orderId)).some((each) => detail.test(String(each.detail))),
  );
}

/** What a database refuses for its data, and says so with all of it: in an answer to a caller, and of an event. */
async function databaseRefuses(stage: Stage): Promise<void> {
  const { api, customer } = stage;
  const parts = personalPartsOf(customer);
  const refuse = (service: string, sql: string): Promise<unknown> =>
    withClient(stage.databaseUrl(service), (client) => client.query(sql));
  await refuse(
    'orders',
    `alter table orders.orders add constraint no_poison check (body::text not like '%poison-order%') not valid`,
  );
  const name = `poison-order ${customer.name}`;
  const refused = await api.postOrder({ ...parts, shippingAddress: { ...parts.shippingAddress, name } });
  if (refused.status !== 500) throw new Error(`An order that the database refuses was answered ${refused.status}`);
  await refuse(
    'notifications',
    `alter table notifications.notifications add constraint no_poison check (recipient not like '%poison%') not valid`,
  );
  const poison = await placed(stage, { contact: { email: `poison.${customer.email}` } });
  // A data exception, whose message quotes what it is about.
  await refuse(
    'notifications',
    `create function notifications.strict() returns trigger language plpgsql as $$ begin
       perform case when new.recipient like '%strange%' then new.recipient::int end; return new; end $$;
     create trigger strict before insert on notifications.notifications for each row execute function notifications.strict()`,
  );
  const strange = await placed(stage, { contact: { email: `strange.${customer.email}` } });
  await until('the orders to be parked', async () => {
    const ids = new Set((await api.parked()).map(({ orderId }) => orderId));
    return ids.has(poison) && ids.has(strange);
  });
}

/** Requests with what is not to be seen in every place that takes a text. */
async function wrongRequests({ api, customer, secrets }: Stage): Promise<void> {
  const id = randomUUID();
  const sku = await api.product(1);
  const texts = [...Object.values(customer).filter((value) => typeof value === 'string'), ...Object.values(secrets)];
  for (const text of texts) {
    const inPath = encodeURIComponent(text);
    const order = (change: Record<string, unknown>): Promise<unknown> => api.postOrder({ sku, ...change });
    await order({ currency: text });
    await order({ customer: text });
    await order({ items: [{ sku: text, quantity: 1, unitPrice: text }] });
    await order({ items: [{ sku: text, quantity: 1, unitPrice: '1.00' }] });
    await order({ items: [{ productId: text, quantity: 1, unitPrice: '1.00' }] });
    await order({ contact: { email: text.replaceAll('@', ' at '), [text]: text } });
    await order({ payment: { token: 'tok_approve', provider: text } });
    await order({ shippingAddress: text });
    await order({ totalAmount: text });
    await api.call('POST', '/orders', { body: `{"contact": ${text}`, key: randomUUID() });
    await api.call('POST', '/orders', { body: { contact: text }, headers: { 'content-type': `text/${inPath}` } });
    await api.call('POST', '/orders/imports', { body: { source: text, as: text, orders: [{ number: text }] } });
    for (const path of [
      '',
      '/orders',
      '/products',
      '/shipments',
      '/payments',
      '/reviews',
      '/notifications',
      '/api-keys',
    ])
      await api.call('GET', `${path}/${inPath}`);
    await api.call('GET', `/orders/${id}?asOf=${inPath}`);
    for (const list of [
      'orders',
      'payments',
      'shipments',
      'notifications',
      'reviews',
      'products',
      'stock',
      'audit-entries',
    ])
      for (const query of ['limit', 'cursor', 'status', 'sort', text])
        await api.call('GET', `/${list}?${encodeURIComponent(query)}=${inPath}`);
    await api.command(id, 'cancel', { reason: 'x', [text]: text });
    await api.command(id, 'holds', { type: text, steps: [text] });
    await api.command(id, 'refunds', { amount: text, reason: text });
    await api.command(id, `returns/${inPath}/receive`, { location: text });
    await api.call('PUT', `/products/${sku}`, { body: { name: 'x', price: text, currency: text } });
    await api.call('POST', '/stock/adjustments', { body: { sku: text, delta: 1, reason: 'x' }, key: randomUUID() });
    await api.call('POST', '/stock/adjustments', { body: { sku, delta: 1, location: text }, key: randomUUID() });
    await api.call('POST', '/api-keys', { body: { name: text, role: text } });
    await api.call('DELETE', `/api-keys/${inPath}`);
    await api.call('POST', `/payments/webhooks/${inPath}`, { body: { text } });
    await api.call('POST', '/payments/webhooks/sandbox', {
      body: JSON.stringify({ text }),
      headers: { 'content-type': 'application/json', 'webhook-signature': `v1,${inPath}`, 'webhook-id': inPath },
    });
    const headers = ['traceparent', 'if-match', 'if-none-match', 'prefer', 'accept', 'x-forwarded-for', 'cookie'];
    for (const header of headers) await api.call('PATCH', `/orders/${id}`, { body: {}, headers: { [header]: text } });
    const graph = (body: unknown): Promise<unknown> => api.call('POST', '/graphql', { body });
    await graph({ query: text });
    await graph({ query: `{ order(id: ${JSON.stringify(text)}) { id } }` });
    const variables = { id: { [text]: text }, limit: text };
    await graph({ query: 'query ($id: ID!, $limit: Int) { order(id: $id) { id } }', variables });
    await graph({ query: '{ __typename }', operationName: text, [text]: text });
    await api.as(text).call('GET', '/orders');
    await api.call('GET', '/orders', { headers: { authorization: `Basic ${inPath}` } });
    await api.call('OPTIONS', `/${inPath}`);
    await api.call('GET', `/%zz${inPath}`).catch(() => {});
  }
}

/** Changes of keys, products and stock, which leave audit entries. */
async function isAudited({ api }: Stage): Promise<string> {
  const name = `shop-${randomUUID().slice(0, 8)}`;
  const { key } = await api.ok<{ key: string }>('POST', '/api-keys', { body: { name, role: 'client' } });
  const sku = await api.as(key).product(3);
  await api.as(key).postOrder({ sku });
  await api.call('DELETE', `/api-keys/${name}`);
  await api.as(key).call('GET', '/orders');
  return key;
}

/** Plays everything. Resolves with a key that was good for a while, which is a secret, too. */
export async function playEverything(stage: Stage): Promise<string> {
  await nobodyIsLetIn(stage);
  await livesToTheEnd(stage);
  await goesWrong(stage);
  await recipientsAreRefused(stage);
  await databaseRefuses(stage);
  const key = await isAudited(stage);
  await wrongRequests(stage);
  return key;
}
