import { changedDocuments } from './documents/store.ts';
import { SOURCES } from '#contracts/order-events.ts';
import { type AuditContext, counted, type CountedRow, rowsByOrder, type ServiceAudit } from '#platform/audit.ts';

/** An invoice as it is stored, with its total as the database writes it. */
export interface InvoiceRow extends CountedRow {
  readonly number: string;
  readonly total: string;
  readonly currency: string;
  readonly credit_notes: readonly { readonly amount: string; readonly refundId?: string }[];
}

/** Documents are numbered as tax law wants it: without gaps. */
export const billingAudit = {
  checks: {
    'invoice-numbers': 'numbers of invoices and credit notes have no gaps',
    documents: 'documents are what they were when they were issued',
  },
  tables: ['billing.invoices'],
  sums: [
    {
      of: 'revenue',
      meaning: 'Revenue by day and tax rate, less what was credited',
      // Of what the documents say, which their hashes prove, and not of the columns that reports read.
      query: `select (d.issued_at at time zone 'UTC')::date::text as day, d.currency, (t.tax->>'rate')::numeric::text as rate,
          sum(case d.kind when 'invoice' then 1 else -1 end * (t.tax->>'base')::numeric)::text as net,
          sum(case d.kind when 'invoice' then 1 else -1 end * (t.tax->>'tax')::numeric)::text as tax
        from (select content::json->'taxes' as taxes, content::json->>'kind' as kind, content::json->>'currency' as currency,
            (content::json->>'issuedAt')::timestamptz as issued_at
          from billing.documents where encode(sha256(convert_to(content, 'UTF8')), 'hex') = hash) d
          cross join lateral json_array_elements(d.taxes) t(tax)
        group by (d.issued_at at time zone 'UTC')::date, d.currency, (t.tax->>'rate')::numeric
        order by (d.issued_at at time zone 'UTC')::date, d.currency, (t.tax->>'rate')::numeric`,
    },
  ],
  orders: {
    source: SOURCES.billing,
    read: (database, ids) =>
      rowsByOrder<InvoiceRow>(
        database,
        'billing.invoices',
        ['number', 'total::text as total', 'currency', "body->'creditNotes' as credit_notes"],
        ids,
      ),
    ...counted<InvoiceRow>(),
  },
  run: auditNumbers,
} as const satisfies ServiceAudit<InvoiceRow>;

/** Where the numbers of a kind of document are, by the name of its counter. */
const NUMBERS = {
  invoice:
    "select number from billing.invoices union all select further->>'number' from billing.invoices, json_array_elements(coalesce(body->'further', '[]'::json)) further",
  'credit-note':
    "select note->>'number' as number from billing.invoices, json_array_elements(coalesce(body->'creditNotes', '[]'::json)) note",
} as const;
const GAPS_MAX = 5;

async function auditNumbers(context: AuditContext): Promise<void> {
  const { database, examined, violation } = context;
  const [issued] = await database.query<{ count: number }>('select count(*)::int as count from billing.documents');
  examined('documents', issued!.count);
  for (const { number } of await changedDocuments(database))
    violation('documents', number, 'is not what its hash was made of');
  for (const [counter, select] of Object.entries(NUMBERS)) {
    const gaps = await database.query<{ after: number; next: number | null; last: number }>(
      `with n as (select substring(number from '[0-9]+$')::bigint as n from (${select}) d),
         c as (select value from billing.counters where key = $1),
         g as (select n as after, lead(n) over (order by n) as next from (select 0::bigint as n union all select n from n) all_numbers)
       select after, coalesce(next, (select value from c) + 1) as next, (select value from c) as last
       from g where coalesce(next, (select value from c) + 1) <> after + 1 order by after limit ${GAPS_MAX}`,
      [counter],
    );
    const [{ count } = { count: 0 }] = await database.query<{ count: number }>(
      `select count(*)::int as count from (${select}) d`,
    );
    examined('invoice-numbers', count);
    for (const { after, next, last } of gaps)
      violation('invoice-numbers', `${counter} ${after}`, `is followed by ${next}; the counter stands at ${last}`);
  }
}
