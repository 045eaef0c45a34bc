import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { binaryArray, binaryTexts, type FixedTypeName } from './binary-array.ts';

/** What PostgreSQL reads out of the bytes is what the values say as texts. */

let postgres: TestPostgres;
let client: pg.Client;

beforeAll(async () => {
  postgres = await startTestPostgres();
  client = new pg.Client({ connectionString: await postgres.createDatabase() });
  await client.connect();
  await client.query("set time zone 'UTC'");
}, 60_000);

afterAll(async () => {
  await client?.end();
  await postgres?.stop();
});

const UUID = '01a211d2-af22-7615-b2a1-5219f8cd6225';

describe.each<[FixedTypeName, readonly unknown[], readonly unknown[]]>([
  [
    'uuid',
    [UUID, UUID.toUpperCase(), '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ['', 'no id', UUID.slice(1), `${UUID}0`, UUID.replace('a', 'g'), UUID.replace('a', 'ä'), UUID.replace('1', ' ')],
  ],
  ['integer', [0, 1, -1, 2_147_483_647, -2_147_483_648], [1.5, Number.NaN, 2_147_483_648, '1']],
  [
    'bigint',
    [
      0,
      1,
      -1,
      4_294_967_295,
      4_294_967_296,
      -4_294_967_297,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      2n ** 63n - 1n,
    ],
    [0.5, 2 ** 53, Number.POSITIVE_INFINITY, '7', 2n ** 63n],
  ],
  [
    'timestamptz',
    [
      '2026-11-25T08:29:09.942Z',
      new Date(0),
      '1999-12-31T23:59:59.999Z',
      '2000-01-01T00:00:00.000Z',
      '0001-01-01T00:00:00.001Z',
      '2026-11-25T08:29:09+02:00',
    ],
    ['', 'tomorrow', new Date(Number.NaN)],
  ],
  ['boolean', [true, false], [0, 'true']],
])('%s', (type, good, bad) => {
  const read = async (values: readonly unknown[]): Promise<(string | null)[]> => {
    const rows = values.map((value) => ({ value }));
    const result = await client.query<{ text: string | null }>(
      `select value::text as text from unnest($1::${type}[]) with ordinality as u(value, n) order by n`,
      [binaryArray(type, rows, 'value')],
    );
    return result.rows.map((row) => row.text);
  };
  const asTexts = async (values: readonly unknown[]): Promise<(string | null)[]> => {
    const texts = values.map((value) =>
      value === null ? null : value instanceof Date ? value.toISOString() : String(value as string | number | bigint),
    );
    const result = await client.query<{ text: string | null }>(
      `select value::${type}::text as text from unnest($1::text[]) with ordinality as u(value, n) order by n`,
      [texts],
    );
    return result.rows.map((row) => row.text);
  };

  test('arrives as it was sent, with and without NULLs', async () => {
    expect(await read(good)).toEqual(await asTexts(good));
    const holes = [null, ...good, null];
    expect(await read(holes)).toEqual(await asTexts(holes));
    expect(await read([null])).toEqual([null]);
    expect(await read([undefined])).toEqual([null]);
  });

  test('may be empty', async () => {
    expect(await read([])).toEqual([]);
  });

  test.each(bad.map((value) => [value]))('refuses %s instead of sending something else', (value) => {
    expect(() => binaryArray(type, [{ value }], 'value')).toThrow(/is no |out of range|out of bounds|bigint/);
  });
});

describe.each<['text' | 'json', readonly (string | null)[]]>([
  ['text', ['', 'plain', 'NULL', '{a,b}', 'quo"te', 'back\\slash', 'two\nlines', 'Zoë Müller', '漢字 🚚', null, ' ']],
  ['json', ['null', '{}', '[1, 2.50]', '"a \\"quote\\""', '{"name":"Zoë 漢字 🚚","a":null}', null, '"\\u0000"']],
])('%s', (type, texts) => {
  const read = async (sent: readonly (string | null)[]): Promise<(string | null)[]> => {
    const result = await client.query<{ text: string | null }>(
      `select value::text as text from unnest($1::${type}[]) with ordinality as u(value, n) order by n`,
      [binaryTexts(type, sent)],
    );
    return result.rows.map((row) => row.text);
  };

  test('arrives as it was sent', async () => {
    expect(await read(texts)).toEqual(texts);
    expect(await read([null])).toEqual([null]);
    expect(await read([])).toEqual([]);
  });
});

test('PostgreSQL refuses what is no JSON, and text that holds a zero', async () => {
  const store = (type: 'text' | 'json', text: string): Promise<unknown> =>
    client.query(`select unnest($1::${type}[])`, [binaryTexts(type, [text])]);
  await expect(store('json', '{"a":')).rejects.toMatchObject({ code: '22P02' });
  await expect(store('text', 'a\0b')).rejects.toMatchObject({ code: '22021' });
});
