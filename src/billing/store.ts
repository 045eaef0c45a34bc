import { isoTime } from '#contracts/time.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { type Condition, readKeyset } from '#platform/database/keyset.ts';
import { arrayLiteral, type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { RowChange, SharedChange } from '#platform/processor/batch.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import type { Issuer } from './documents/issue.ts';
import { issuedWrites } from './documents/store.ts';
import type { Invoice } from './rules.ts';
import { readDocumentNumber } from './series.ts';

/** SQL of the billing service; nowhere else. */

const CHANGING: Columns = {
  order_id: 'uuid',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  total: 'numeric',
  body: 'json',
};
export const COLUMNS: Columns = {
  ...CHANGING,
  number: 'text',
  issued_at: 'timestamptz',
  currency: 'text',
};

const FIELDS = Object.keys(COLUMNS).join(', ');

interface StoredInvoice extends Record<string, unknown> {
  order_id: string;
  number: string;
  issued_at: Date;
  currency: string;
  total: string;
  body: Omit<Invoice, 'number' | 'issuedAt' | 'currency' | 'totalAmount'>;
  version: number;
  sequence: number;
  seen: Record<string, number>;
}

export function rowOf({
  id,
  revision: version,
  sequence,
  consumed: seen,
  state,
}: Row<Invoice>): Record<string, unknown> {
  const { number, issuedAt, currency, totalAmount, ...body } = state!;
  return { order_id: id, number, issued_at: issuedAt, currency, total: totalAmount, body, version, sequence, seen };
}

function stateOf({ body, number, currency, issued_at, total }: StoredInvoice): Invoice {
  return { ...body, number, currency, issuedAt: issued_at.toISOString(), totalAmount: total };
}

/** Every number that was given. */
export const EVERY_NUMBER = `select number from billing.invoices
  union all select further->>'number' from billing.invoices, json_array_elements(coalesce(body->'further', '[]'::json)) further
  union all select note->>'number' from billing.invoices, json_array_elements(coalesce(body->'creditNotes', '[]'::json)) note`;

/** Moves counters from the values the numbers were taken from; another value there makes the save a conflict. */
function moveCounters(changes: readonly SharedChange<number>[]): Write[] {
  const begun = changes.filter(({ before }) => before === undefined);
  const moved = changes.filter(({ before }) => before !== undefined);
  const writes: Write[] = [];
  if (moved.length > 0)
    writes.push({
      name: 'counters',
      sql: `update billing.counters t set value = r.value from rows from (unnest($1::text[]), unnest($2::bigint[]), unnest($3::bigint[])) as r(key, before, value)
      where t.key = r.key and t.value = r.before`,
      params: [
        arrayLiteral(moved.map((change) => change.key)),
        arrayLiteral(moved.map((change) => change.before)),
        arrayLiteral(moved.map((change) => change.after)),
      ],
      expect: moved.length,
    });
  if (begun.length > 0)
    writes.push({
      ...insertRows(
        'counters_begun',
        'billing.counters',
        { key: 'text', value: 'bigint' },
        begun.map(({ key, after: value }) => ({ key, value })),
        { onConflict: 'do nothing' },
      ),
      expect: begun.length,
    });
  return writes;
}

/** Numbers of documents that a change adds, but for the first invoice. */
function newDocuments({ before, after }: RowChange<Invoice>): { number: string; order_id: string }[] {
  const { creditNotes, further = [] } = after.state!;
  const added = [
    ...creditNotes.slice(before.state?.creditNotes.length ?? 0),
    ...further.slice(before.state?.further?.length ?? 0),
  ];
  return added.map(({ number }) => ({ number, order_id: after.id }));
}

const DOCUMENTS_MAX = 200;
const NUMBER = /^(INV|CRN)-?(\d{1,8})$/;
const NUMBER_DIGITS = 8;

/** Orders with a document of this number; of one that begins with a zero and is short, those of all that begin so, the newest first. */
export async function ordersOfDocument(database: Database, number: string): Promise<string[]> {
  const [, kind, digits = ''] = NUMBER.exec(number.toUpperCase()) ?? [];
  if (kind === undefined) {
    const exact = readDocumentNumber(number);
    return exact === undefined ? [] : ordersBetween(database, exact, exact);
  }
  const isWhole = digits.length === NUMBER_DIGITS || !digits.startsWith('0');
  const bound = (filler: string): string =>
    `${kind}-${isWhole ? digits.padStart(NUMBER_DIGITS, '0') : digits.padEnd(NUMBER_DIGITS, filler)}`;
  return ordersBetween(database, bound('0'), bound('9'));
}

async function ordersBetween(database: Database, first: string, last: string): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    `select order_id from (
       select number, order_id from billing.invoices where number between $1 and $2
       union all select number, order_id from billing.document_numbers where number between $1 and $2
     ) d order by number desc limit ${DOCUMENTS_MAX}`,
    [first, last],
  );
  return [...new Set(rows.map(({ order_id }) => order_id))];
}

/** Loads invoices. */
const billingReader: Pick<ProcessorStore<Invoice, number>, 'load' | 'loadShared'> = {
  async load(database, ids) {
    const rows = await database.query<StoredInvoice>(
      `select ${FIELDS} from billing.invoices where order_id = any($1::uuid[])`,
      [ids],
    );
    return new Map(
      rows.map((row) => {
        const { order_id: id, version: revision, sequence, seen: consumed } = row;
        return [id, { id, revision, sequence, consumed, state: stateOf(row) }];
      }),
    );
  },

  async loadShared(database, keys) {
    const rows = await database.query<{ key: string; value: number }>(
      'select key, value from billing.counters where key = any($1::text[])',
      [keys],
    );
    return new Map(rows.map((row) => [row.key, row.value]));
  },
};

/** Invoices with the documents that are issued as they change. */
export const billingStoreOf = (issuer: Issuer): ProcessorStore<Invoice, number> => ({
  ...billingReader,

  save(changes, shared) {
    const { added, changed } = splitChanges(changes, rowOf);
    const writes: Write[] = [];
    // A row that another process inserted meanwhile makes the batch a conflict, to be decided on what is stored then, not an error.
    if (added.length > 0)
      writes.push({
        ...insertRows('added', 'billing.invoices', COLUMNS, added, { onConflict: 'do nothing' }),
        expect: added.length,
      });
    if (changed.length > 0)
      writes.push(updateRows('changed', 'billing.invoices', ['order_id'], CHANGING, changed, { revision: 'version' }));
    const documents = changes.flatMap(newDocuments);
    if (documents.length > 0)
      writes.push(
        insertRows('documents', 'billing.document_numbers', { number: 'text', order_id: 'uuid' }, documents, {
          onConflict: 'do nothing',
        }),
      );
    writes.push(...issuedWrites(changes, issuer));
    writes.push(...moveCounters(shared));
    return writes;
  },
});

export async function findInvoice(database: Database, orderId: string): Promise<Invoice | undefined> {
  return (await billingReader.load(database, [orderId])).get(orderId)?.state;
}

export interface InvoiceFilter {
  readonly orderIds: readonly string[] | undefined;
  /** Of invoices or credit notes. */
  readonly numbers: readonly string[] | undefined;
  readonly currencies: readonly string[] | undefined;
  /** Milliseconds; the range is closed below and open above. */
  readonly issuedFromMs: number | undefined;
  readonly issuedToMs: number | undefined;
  /** Continue behind the invoice of this number. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of invoices by their numbers, the last at the beginning: in a series, numbers are given in the order of time. */
export async function listInvoices(
  database: Database,
  filter: InvoiceFilter,
): Promise<{ readonly orderId: string; readonly invoice: Invoice }[]> {
  const { orderIds, numbers, currencies, issuedFromMs, issuedToMs, after, limit } = filter;
  const named = numbers && (await Promise.all(numbers.map((number) => ordersOfDocument(database, number)))).flat();
  const wanted = named && orderIds ? named.filter((id) => orderIds.includes(id)) : (named ?? orderIds);
  const issued: Condition[] = [];
  // In one series, numbers are given in the order of time, but for the clocks of processes: they say where to look, and the time what to take.
  const isOne = issuedFromMs !== undefined || issuedToMs !== undefined ? await hasOneSeries(database) : false;
  if (issuedFromMs !== undefined) {
    const first = await firstIssued(database, issuedFromMs - CLOCKS_MS);
    if (first === undefined) return [];
    if (isOne) issued.push({ sql: 't.number >= $', value: first });
    issued.push({ sql: 't.issued_at >= $', value: isoTime(issuedFromMs) });
  }
  if (issuedToMs !== undefined) {
    const behind = isOne ? await firstIssued(database, issuedToMs + CLOCKS_MS) : undefined;
    if (behind !== undefined) issued.push({ sql: 't.number < $', value: behind });
    issued.push({ sql: 't.issued_at < $', value: isoTime(issuedToMs) });
  }
  const rows = await readKeyset<StoredInvoice>(database, {
    columns: FIELDS,
    table: 'billing.invoices t',
    key: 'number',
    newestFirst: true,
    wanted: [
      { column: 'order_id', type: 'uuid', values: wanted && [...new Set(wanted)] },
      { column: 'currency', type: 'text', values: currencies },
    ],
    conditions: issued,
    after,
    limit,
  });
  return rows.map((row) => ({ orderId: row.order_id, invoice: stateOf(row) }));
}

const CLOCKS_MS = 60_000;

/** The number of the first invoice that was issued at a time or later. */
async function firstIssued(database: Database, timeMs: number): Promise<string | undefined> {
  const [row] = await database.query<{ number: string }>(
    'select number from billing.invoices where issued_at >= $1 order by issued_at limit 1',
    [isoTime(timeMs)],
  );
  return row?.number;
}

/** Whether all invoices are of one series. */
async function hasOneSeries(database: Database): Promise<boolean> {
  const [row] = await database.query<{ count: number }>(
    "select count(*)::int as count from billing.counters where key <> 'credit-note' and value > 0",
  );
  return row!.count <= 1;
}
