import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import type { AuditEntry } from '#client/client.ts';
import type { Page, Problem } from '#tests/support/views.ts';

/** Who changed API keys, products and stock: what it was, what it became. */

const system = useSystem();

async function entriesOf(subject: string): Promise<readonly AuditEntry[]> {
  return (await system.api.get<Page<AuditEntry>>(`/audit-entries?subject=${encodeURIComponent(subject)}`)).items;
}

const shown = ({ actor, action, before, after }: AuditEntry): unknown[] => [actor, action, before, after];

describe('an audit entry', () => {
  test('says who changed a price, a stock or a key, from what to what; a repeat and a refusal leave none', async () => {
    const { api } = system;
    const name = `shop-${randomUUID().slice(0, 8)}`;
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', { body: { name, role: 'client' } });
    const shop = api.as(key);
    const sku = `S-${randomUUID().slice(0, 8)}`;
    const once = randomUUID();
    for (let n = 0; n < 2; n++)
      await shop.ok('PUT', `/products/${sku}`, { body: { name: 'Mug', price: '9.95', currency: 'EUR' }, key: once });
    await shop.ok('PUT', `/products/${sku}`, { body: { name: 'Mug', price: '8.95', currency: 'EUR' } });
    const refused = await shop.call('PUT', `/products/${sku}`, {
      body: { name: 'x' },
      headers: { 'if-match': '"no"' },
    });
    expect(refused.status).toBe(412);
    const answer = await shop.call('POST', '/stock/adjustments', {
      body: { sku, delta: 7, reason: 'delivery' },
      key: randomUUID(),
      headers: { 'x-correlation-id': 'truck-1' },
    });
    expect(answer.status).toBe(201);
    await shop.ok('POST', '/stock/adjustments', { body: { sku, onHand: 5, reason: 'count' }, key: randomUUID() });
    const entries = await entriesOf(sku);
    expect(entries.map(shown)).toEqual([
      [name, 'stock.adjusted', { location: 'main', onHand: 7 }, { location: 'main', onHand: 5, reason: 'count' }],
      [name, 'stock.adjusted', { location: 'main', onHand: 0 }, { location: 'main', onHand: 7, reason: 'delivery' }],
      [
        name,
        'product.put',
        { name: 'Mug', price: 9.95, currency: 'EUR' },
        { name: 'Mug', price: 8.95, currency: 'EUR' },
      ].map((entry) => (typeof entry === 'object' ? { ...entry, price: expect.stringMatching(/^[89]\.95/) } : entry)),
      [name, 'product.put', null, { name: 'Mug', price: '9.95', currency: 'EUR' }],
    ]);
    expect(entries[1]!.correlationId).toBe('truck-1');
    expect((await api.call('DELETE', `/api-keys/${name}`)).status).toBe(204);
    const keys = await entriesOf(name);
    const made = { name, client: name, role: 'client' };
    expect(keys.map(shown)).toEqual([
      ['bootstrap', 'api_key.revoked', made, null],
      ['bootstrap', 'api_key.created', null, { ...made, prefix: key.slice(0, 14) }],
    ]);
    expect(JSON.stringify(keys)).not.toContain(key);
  });

  test('is read by an operator, page by page, newest first, and by nobody of less rank', async () => {
    const { api } = system;
    const sku = `S-${randomUUID().slice(0, 8)}`;
    for (let n = 0; n < 5; n++) await api.ok('PUT', `/products/${sku}`, { body: { name: `n${n}` } });
    const operator = api.as(await api.newKey('operator'));
    const names: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<AuditEntry> = await operator.get(
        `/audit-entries?subject=${sku}&action=product.put&limit=2${cursor && `&cursor=${cursor}`}`,
      );
      names.push(...page.items.map(({ after }) => (after as { name: string }).name));
      cursor = page.nextCursor;
    }
    expect(names).toEqual(['n4', 'n3', 'n2', 'n1', 'n0']);
    const client = await api.as(await api.newKey('client')).call<Problem>('GET', '/audit-entries');
    expect([client.status, client.body.code]).toEqual([403, 'FORBIDDEN']);
    const nonsense = await operator.call<Problem>('GET', '/audit-entries?cursor=AAAA');
    expect([nonsense.status, nonsense.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});

test('a new key of the same client knows what was asked with the old one: nothing is ordered twice', async () => {
  const { api } = system;
  const client = `c-${randomUUID().slice(0, 8)}`;
  const make = async (name: string, of?: string): Promise<typeof api> => {
    const body = { name, role: 'client', ...(of !== undefined && { client: of }) };
    return api.as((await api.ok<{ key: string }>('POST', '/api-keys', { body })).key);
  };
  const sku = await api.product();
  const body = {
    customerId: randomUUID(),
    currency: 'EUR',
    items: [{ sku, quantity: 1, unitPrice: '1.00' }],
    payment: { token: 'tok_approve' },
  };
  const request = { body, key: randomUUID() };
  const old = await make(client);
  const first = await old.ok<{ id: string }>('POST', '/orders', request);
  const next = await make(`${client}-2`, client);
  expect((await api.call('DELETE', `/api-keys/${client}`)).status).toBe(204);
  const repeated = await next.call<{ id: string }>('POST', '/orders', request);
  expect([repeated.status, repeated.body.id, repeated.headers['idempotency-replayed']]).toEqual([
    201,
    first.id,
    'true',
  ]);
  // Another client's key of the same text is another key.
  const stranger = await make(`${client}-other`);
  expect((await stranger.ok<{ id: string }>('POST', '/orders', request)).id).not.toBe(first.id);
});
