import { expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { generatedFiles } from './docs.ts';
import { type Json, jsonText, sorted } from './json.ts';

const system = useSystem();
const anyone = () => system.api.as(undefined);

test('a running system describes itself as the generated files do, to anyone', async () => {
  const files = await generatedFiles();
  for (const name of ['openapi.json', 'asyncapi.json']) {
    const served = await anyone().get<Json>(`/${name}`);
    expect(jsonText(sorted(served))).toBe(files.get(`docs/api/${name}`));
  }
  const served = await anyone().get<Json>('/schemas/events/OrderPaid/1');
  expect(jsonText(sorted(served))).toBe(files.get('docs/api/events/OrderPaid.json'));
});

test('an event schema is found where the events of an order say it is', async () => {
  const order = await system.api.placeOrder();
  for (const event of await system.api.events(order.id)) {
    const schema = await anyone().get<{ title: string }>(event.dataschema);
    expect(schema.title).toBe(event.type);
  }
  expect((await anyone().call('GET', '/schemas/events/OrderPainted/1')).status).toBe(404);
  expect((await anyone().call('GET', '/schemas/events/constructor/1')).status).toBe(404);
});

test('the pages are there for anyone, may load nothing, and a problem leads to its row', async () => {
  const problem = await system.api.call<{ type: string; code: string }>('GET', '/orders/unknown');
  const [path, anchor] = problem.body.type.split('#');
  for (const page of ['/docs', path!]) {
    const answer = await anyone().call('GET', page);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    if (page === path) expect(answer.text).toContain(`id="${anchor}"`);
  }
});
