import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DocsOptions, generatedFiles, update } from './docs.ts';

/** A checkout of its own with the generated files in it, committed, so that each test can spoil one. */

let root: string;
/** What each of them is a copy of. */
let published: string;
let files: Map<string, string>;
const EVENT = 'docs/api/events/OrderPaid.json';

const docs = (options: DocsOptions): void => update(options, files, root);
/** What it says where it refuses. */
function refusal(options: DocsOptions): string {
  try {
    docs(options);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It did not refuse.');
}
const git = (...args: string[]): string =>
  execFileSync(
    'git',
    ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false', ...args],
    { cwd: root, encoding: 'utf8', stdio: 'pipe' },
  );
function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const commit = (message: string): void => {
  git('add', '-A');
  git('commit', '--quiet', '--no-verify', '-m', message);
};
/** An event schema of an earlier version: today's, changed back. */
function publishedBefore(
  change: (schema: { required: string[]; properties: Record<string, unknown> }) => void,
  path = EVENT,
): void {
  const schema = JSON.parse(files.get(path)!) as { required: string[]; properties: Record<string, unknown> };
  change(schema);
  put(path, JSON.stringify(schema));
}

/** Inside a git hook these point at the repository of the hook. */
function withoutHook(): void {
  for (const name of ['GIT_DIR', 'GIT_INDEX_FILE', 'GIT_WORK_TREE']) vi.stubEnv(name, undefined);
}

beforeAll(async () => {
  files = await generatedFiles();
  withoutHook();
  root = published = mkdtempSync(join(tmpdir(), 'olms-docs-'));
  for (const [path, text] of files) put(path, text);
  git('init', '--quiet');
  commit('published');
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(published, { recursive: true, force: true }));
beforeEach(() => {
  withoutHook();
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  root = mkdtempSync(join(tmpdir(), 'olms-docs-'));
  cpSync(published, root, { recursive: true, preserveTimestamps: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

describe('olms docs --check', () => {
  test('passes where every file is as the code says, and the files come out the same twice', async () => {
    docs({ check: true });
    expect(await generatedFiles()).toEqual(files);
  });
  test('names every file that is out of date, missing, or left over, and changes none', async () => {
    put('docs/lifecycle.md', 'by hand');
    rmSync(join(root, 'docs/api/errors.md'));
    const said = refusal({ check: true });
    expect(said).toContain('run `bin/olms docs`');
    expect(said).toContain('docs/lifecycle.md');
    expect(said).toContain('docs/api/errors.md');
    expect(said).not.toContain('openapi.json');
    expect(readFileSync(join(root, 'docs/lifecycle.md'), 'utf8')).toBe('by hand');
  });
});

describe('olms docs', () => {
  test('writes what is out of date', async () => {
    put('docs/configuration.md', 'by hand');
    docs({});
    expect(readFileSync(join(root, 'docs/configuration.md'), 'utf8')).toBe(files.get('docs/configuration.md'));
  });
  test('takes a new optional field', async () => {
    publishedBefore((schema) => {
      schema.required = schema.required.filter((name) => name !== 'deadlineAt');
      delete schema.properties['deadlineAt'];
    }, 'docs/api/events/OrderHeld.json');
    commit('before the field');
    docs({});
    expect(readFileSync(join(root, 'docs/api/events/OrderHeld.json'), 'utf8')).toBe(
      files.get('docs/api/events/OrderHeld.json'),
    );
  });

  test.each([
    [
      'a field that is gone',
      /^type PageInfo \{$/m,
      'type PageInfo {\n  total: Int',
      'Field PageInfo.total was removed',
    ],
    [
      'a field with another type',
      /^ {2}hasNextPage: Boolean!$/m,
      '  hasNextPage: String!',
      'PageInfo.hasNextPage changed type',
    ],
    [
      'an argument that must be given now',
      /^ {4}idempotencyKey: String!\n {4}input: PlaceOrderInput!$/m,
      '    input: PlaceOrderInput!',
      'idempotencyKey',
    ],
    ['a value that is gone', /^enum OrdersSort \{$/m, 'enum OrdersSort {\n  NUMBER_ASC', 'NUMBER_ASC'],
    ['a type that is gone', /$/, '\ntype Gone {\n  id: ID\n}\n', 'Gone was removed'],
  ] as const)('refuses to break the GraphQL schema by %s', (_what, now, before, says) => {
    const schema = files.get('docs/api/schema.graphql')!;
    expect(schema).toMatch(now);
    put('docs/api/schema.graphql', schema.replace(now, before));
    commit('a schema that the code breaks');
    expect(refusal({})).toContain(says);
    expect(refusal({ check: true })).toContain('only grows');
  });
  test('lets the GraphQL schema grow', () => {
    const schema = files.get('docs/api/schema.graphql')!;
    put('docs/api/schema.graphql', schema.replace(/^ {2}hasPreviousPage: Boolean!$/m, ''));
    commit('before the field');
    docs({});
    expect(readFileSync(join(root, 'docs/api/schema.graphql'), 'utf8')).toBe(schema);
  });

  // The code cannot be spoiled from here, so the other side is: a published schema that the code breaks.
  const broken: Readonly<Record<string, [publish: () => void, says: string]>> = {
    'a field that is gone': [
      () => publishedBefore((schema) => (schema.properties['paidAt'] = { type: 'string' })),
      'OrderPaid: data.paidAt was removed',
    ],
    'a new required field': [
      () =>
        publishedBefore((schema) => {
          schema.required = ['paymentStatus'];
          delete schema.properties['deadlineAt'];
        }),
      'OrderPaid: data.deadlineAt is new and required',
    ],
    'a changed type': [
      () => publishedBefore((schema) => (schema.properties['deadlineAt'] = { type: 'integer' })),
      'OrderPaid: type of data.deadlineAt changed',
    ],
    'a narrowed enumeration': [
      () => publishedBefore((schema) => (schema.properties['paymentStatus'] = { enum: ['CAPTURED', 'SETTLED'] })),
      'OrderPaid: data.paymentStatus can no longer be "SETTLED"',
    ],
    'an event type that is gone': [
      () => put('docs/api/events/OrderPainted.json', '{"type":"object"}'),
      'OrderPainted: the event type was removed',
    ],
  };
  for (const [name, [publish, says]] of Object.entries(broken)) {
    test(`refuses ${name}, and writes nothing`, async () => {
      publish();
      commit('published before');
      put('docs/lifecycle.md', 'by hand');
      for (const check of [true, false]) {
        const said = refusal({ check });
        expect(said).toContain('Make a new event type instead');
        expect(said).toContain(says);
      }
      expect(readFileSync(join(root, 'docs/lifecycle.md'), 'utf8')).toBe('by hand');
    });
  }
  test('a snapshot edited together with the code does not help: the commit counts', async () => {
    publishedBefore((schema) => (schema.properties['paidAt'] = { type: 'string' }));
    commit('published before');
    put(EVENT, files.get(EVENT)!);
    expect(() => docs({ check: true })).toThrow('data.paidAt was removed');
    commit('edited by hand');
    docs({ check: true });
    expect(() => docs({ check: true, base: 'HEAD~1' })).toThrow('data.paidAt was removed');
  });
  test('without a repository the files on disk are what was published', async () => {
    rmSync(join(root, '.git'), { recursive: true });
    publishedBefore((schema) => (schema.properties['paidAt'] = { type: 'string' }));
    expect(() => docs({})).toThrow('data.paidAt was removed');
  });
  test('a base that is no commit is refused', async () => {
    expect(() => docs({ check: true, base: 'nowhere' })).toThrow('nowhere is not a commit');
  });
});
