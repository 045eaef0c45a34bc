import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { ERRORS } from '#contracts/errors.ts';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { asyncApi, EVENT_TYPES, eventSchema } from './asyncapi.ts';
import { PAGE_HEADERS } from './page-frame.ts';
import { apiPage, errorsPage } from './pages.ts';

interface AsyncApi {
  readonly channels: Readonly<Record<string, { readonly messages: object }>>;
  readonly operations: Readonly<Record<string, { readonly messages: readonly { $ref: string }[] }>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly messages: Readonly<
      Record<
        string,
        {
          readonly headers: { readonly allOf: readonly object[] };
          readonly examples: readonly [{ headers: object; payload: object }];
        }
      >
    >;
  };
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);

const document = {
  info: { title: 'OLMS', version: '9.9.9' },
  paths: {
    '/things/{id}': {
      post: {
        tags: ['things'],
        operationId: 'moveThing',
        summary: 'Move a <thing>',
        parameters: [{ in: 'path', name: 'id', required: true, schema: { type: 'string', format: 'uuid' } }],
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['parts'],
                properties: {
                  parts: {
                    type: 'array',
                    minItems: 1,
                    items: {
                      type: 'object',
                      anyOf: [{ required: ['a'] }, { required: ['b'] }],
                      properties: {
                        a: { type: 'integer', minimum: 1 },
                        b: { anyOf: [{ const: 'X' }, { enum: ['Y'] }] },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

describe('the page of the API', () => {
  const html = apiPage(document);
  test('loads nothing, and runs nothing but the script that its policy names', () => {
    const [, script = ''] = /<script>([^]*?)<\/script>/.exec(html)!;
    expect(html.split('<script').length).toBe(2);
    expect(html.replace(script, '')).not.toMatch(/<script[^>]|\bsrc=|@import|url\(|https?:|\sstyle=|\son\w+=/i);
    const hash = createHash('sha256').update(script).digest('base64');
    const policy = PAGE_HEADERS['content-security-policy'];
    expect(policy).toContain(`script-src 'sha256-${hash}'; connect-src 'self'`);
    expect(policy).not.toContain('unsafe');
    // Nothing that comes back becomes HTML.
    expect(script).not.toMatch(/innerHTML|insertAdjacent|document\.write|eval\(|Storage/);
    expect(() => new Script(script)).not.toThrow();
  });
  test('shows how a program calls an operation, and offers to', () => {
    expect(html).toContain('curl -X POST &#34;$URL/things/0192f0c1-2a3b-7c4d-8e5f-0123456789ab&#34;');
    expect(html).toContain('-d &#39;{\n  &#34;parts&#34;: [\n    {\n      &#34;a&#34;: 1');
    expect(html).toContain(
      'client.moveThing({\n  id: &#39;0192f0c1-2a3b-7c4d-8e5f-0123456789ab&#39;,\n}, {\n  parts: [{\n    a: 1,\n  }],\n});',
    );
    expect(html).toContain('data-method="post" data-path="/things/{id}"');
  });
  test('escapes what routes say', () => {
    expect(html).toContain('Move a &#60;thing&#62;');
  });
  test('shows parameters, nested fields, their limits and alternatives', () => {
    for (const text of [
      '<code>id</code>',
      'UUID',
      '<code>parts</code>',
      'list of object',
      'not empty',
      'at least 1',
      '<code>X</code> <code>Y</code>',
      'At least one of <code>a</code>, <code>b</code>.',
    ]) {
      expect(html).toContain(text);
    }
  });
  test('leads from the contents to every operation', () => {
    const targets = [...html.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target!);
    expect(targets).toContain('post-things-id');
    for (const target of targets) expect(html).toContain(`id="${target}"`);
  });
  test('names every event', () => {
    for (const type of EVENT_TYPES) expect(html).toContain(`/schemas/events/${type}/1`);
  });
});

test('the page of errors has an anchor for every code', () => {
  const html = errorsPage('9.9.9');
  for (const [code, { title }] of Object.entries(ERRORS)) {
    expect(html).toContain(`id="${code}"`);
    expect(html).toContain(title);
  }
});

describe('the AsyncAPI document', () => {
  const { channels, operations, components } = asyncApi('9.9.9') as unknown as AsyncApi;
  test('has every event as a message of the one channel, said by one service', () => {
    expect(Object.keys(channels['order-events']!.messages)).toEqual(EVENT_TYPES);
    const said = Object.values(operations).flatMap(({ messages }) =>
      messages.map(({ $ref }) => $ref.split('/').at(-1)),
    );
    expect(said.toSorted()).toEqual(EVENT_TYPES.toSorted());
  });
  test.each(EVENT_TYPES)('the example of %s fits its schema and its headers', (type) => {
    const { headers, examples } = components.messages[type]!;
    const validHeaders = ajv.compile({ allOf: [components.schemas['CloudEventHeaders'], headers.allOf[1]] });
    validHeaders(examples[0].headers);
    expect(validHeaders.errors).toBeNull();
    const valid = ajv.compile({ ...eventSchema(type), $id: `test:${type}` });
    valid(ORDER_EVENTS[type].example);
    expect(valid.errors).toBeNull();
    expect(examples[0].payload).toEqual(ORDER_EVENTS[type].example);
  });
});
