import { describe, expect, test } from 'vitest';
import { ERRORS } from '#contracts/errors.ts';
import { type Operation, validatorOf } from '#tests/support/contract.ts';
import { openApi } from './openapi.ts';

/** What every operation of the API must say of itself. */

interface Schema {
  readonly [keyword: string]: unknown;
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly examples?: readonly unknown[];
}

interface Media {
  readonly schema: Schema;
}

interface Response {
  readonly $ref?: string;
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Media>>;
  readonly links?: Readonly<Record<string, { readonly operationId: string; readonly parameters: object }>>;
  readonly 'x-codes'?: readonly string[];
}

const document = (await openApi()) as unknown as {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, Operation & { readonly responses: Record<string, Response> }>>>
  >;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
};

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method,
    path,
    operation,
    responses: Object.entries(operation.responses).map(([status, response]): [number, Response] => [
      Number(status),
      response.$ref === undefined ? response : document.components.responses[response.$ref.split('/').at(-1)!]!,
    ]),
  })),
);
const byId = new Map(operations.map((entry) => [entry.operation.operationId, entry]));
/**
 * Takes what a provider signed: its own id of the message makes a repeat harmless. A mutation of GraphQL takes its key as an
 * argument. To ask a provider once more changes nothing by itself.
 */
const NO_KEY = new Set([
  'receiveWebhook',
  'receiveTracking',
  'receiveTextReport',
  'graphql',
  'refreshPayment',
  // It changes nothing.
  'forecastOrder',
]);
/** By the GraphQL over HTTP specification, what is not known is ignored. */
const IGNORES_UNKNOWN = new Set(['graphql']);

test('every operation has a name of its own', () => {
  expect(byId.size).toBe(operations.length);
  expect(operations.length).toBeGreaterThan(40);
});

describe.each(operations)('$name', ({ method, path, operation, responses }) => {
  test('says what it is', () => {
    expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/);
    expect(operation.summary).toMatch(/^[A-Z].{5,}/);
    const tags = document.tags.map(({ name }) => name);
    expect(operation.tags).toHaveLength(1);
    expect(tags).toContain(operation.tags[0]);
  });

  test('describes each answer, with a body where there is one', () => {
    expect(responses.some(([status]) => status < 300)).toBe(true);
    for (const [status, { description, headers, content }] of responses) {
      expect(description, `${status}`).not.toBe('');
      expect(Object.keys(headers ?? {}), `${status}`).toContain('X-Correlation-Id');
      if (status === 204 || status === 304) expect(content).toBeUndefined();
      else expect(Object.values(content ?? {}), `${status}`).not.toHaveLength(0);
      for (const { schema } of Object.values(content ?? {})) expect(Object.keys(schema), `${status}`).not.toEqual([]);
    }
  });

  test('says how it can fail', () => {
    const problems = responses
      .filter(([, { content }]) => content?.['application/problem+json'])
      .map(([status]) => status);
    const open = operation.security?.length === 0;
    expect(problems).toContain(500);
    if (!open) expect(problems).toEqual(expect.arrayContaining([401, 429]));
    if (method !== 'get') expect(problems).toEqual(expect.arrayContaining([400, 413, 415]));
    if (path.includes('{') && method !== 'put' && !/^\/(parked|payments)/.test(path)) expect(problems).toContain(404);
  });

  test('takes an Idempotency-Key where it changes something', () => {
    const names = (operation.parameters ?? []).filter((entry) => entry.in === 'header').map(({ name }) => name);
    const wanted = method !== 'get' && !NO_KEY.has(operation.operationId);
    expect(names.includes('Idempotency-Key')).toBe(wanted);
  });

  test('names every parameter of its path', () => {
    const named = (operation.parameters ?? []).filter((entry) => entry.in === 'path').map(({ name }) => name);
    expect(named.toSorted()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).toSorted());
  });

  test('leads to operations that exist, with parameters they have', () => {
    for (const [, { links = {} }] of responses) {
      for (const { operationId, parameters } of Object.values(links)) {
        const target = byId.get(operationId);
        const names = (target?.operation.parameters ?? []).map(({ name }) => name);
        expect([operationId, target !== undefined]).toEqual([operationId, true]);
        expect(names).toEqual(expect.arrayContaining(Object.keys(parameters)));
      }
    }
  });

  test('refuses properties it does not know', () => {
    const open: string[] = [];
    const look = (schema: Schema, at: string): void => {
      if (schema.$ref !== undefined) return look(document.components.schemas[schema.$ref.split('/').at(-1)!]!, at);
      if (schema.properties && schema.additionalProperties !== false) open.push(at);
      for (const [name, property] of Object.entries(schema.properties ?? {})) look(property, `${at}/${name}`);
      if (schema['items']) look(schema['items'] as Schema, `${at}[]`);
    };
    for (const { schema } of Object.values(operation.requestBody?.content ?? {})) look(schema, '');
    expect(open).toEqual(IGNORES_UNKNOWN.has(operation.operationId) ? [''] : []);
  });
});

test('every code can be met somewhere, or by what is no operation', () => {
  const codes = new Set(
    operations.flatMap(({ responses }) => responses.flatMap(([, { 'x-codes': codes = [] }]) => codes)),
  );
  expect(Object.keys(ERRORS).filter((code) => !codes.has(code))).toEqual(['LAST_ADMIN', 'REQUEST_TIMEOUT']);
});

test('every example fits its schema', () => {
  let checked = 0;
  const look = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const { examples } = value as Schema;
    if (Array.isArray(examples)) {
      const validate = validatorOf(`example ${at}`, value as Schema);
      for (const example of examples) {
        validate(example);
        expect([at, validate.errors]).toEqual([at, null]);
        checked++;
      }
    }
    for (const [key, entry] of Object.entries(value)) if (key !== 'examples') look(entry, `${at}/${key}`);
  };
  look(document, '');
  expect(checked).toBeGreaterThan(20);
});
