import { expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { generatedFiles } from './docs.ts';
import { type Json, jsonText, sorted } from './json.ts';

const system = useSystem();
const anyone = () => system.api.as(undefined);

test('a running system describes itself as the generated files do, to anyone', async () => {
  const files = await generatedFiles();
  // A document of a running system says where that system is.
  for (const [path, file, elsewhere] of [
    ['/openapi.json', 'docs/api/openapi.json', '/'],
    ['/asyncapi.json', 'docs/api/asyncapi.json', 'http://127.0.0.1:8080'],
    ['/schemas/events/OrderPaid/1', 'docs/api/events/OrderPaid.json', ''],
  ] as const) {
    const served = jsonText(sorted(await anyone().get<Json>(path)));
    expect(served).toContain(`"${system.api.url}`);
    expect(served.replaceAll(system.api.url, elsewhere)).toBe(files.get(file));
  }
  const { text, headers } = await anyone().call('GET', '/schema.graphql');
  expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  // The file says first where it comes from.
  expect(files.get('docs/api/schema.graphql')).toMatch(/^# Generated .*\n\n/);
  expect(files.get('docs/api/schema.graphql')!.replace(/^# .*\n\n/, '')).toBe(`${text}\n`);
});

test('an event schema is found where the events of an order say it is', async () => {
  const order = await system.api.placeOrder();
  for (const event of await system.api.events(order.id)) {
    const schema = await anyone().get<{ title: string }>(new URL(event.dataschema).pathname);
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
    expect(answer.text).toContain('href="/schema.graphql"');
    if (page === path) expect(answer.text).toContain(`id="${anchor}"`);
  }
});
