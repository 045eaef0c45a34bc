import { changedDocuments } from './documents/store.ts';
import { SERIES_OF_COUNTER, SERIES_OF_NUMBER } from './series.ts';
import { EVERY_NUMBER } from './store.ts';
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
    'invoice-numbers': 'numbers of invoices and credit notes have no gaps in their series',
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

const GAPS_MAX = 10;

async function auditNumbers(context: AuditContext): Promise<void> {
  const { database, examined, violation } = context;
  const [issued] = await database.query<{ count: number }>('select count(*)::int as count from billing.documents');
  examined('documents', issued!.count);
  for (const { number } of await changedDocuments(database))
    violation('documents', number, 'is not what its hash was made of');
  const [numbers] = await database.query<{ count: number }>(`select count(*)::int as count from (${EVERY_NUMBER}) d`);
  examined('invoice-numbers', numbers!.count);
  const gaps = await database.query<{ series: string; after: number; next: number | null; last: number | null }>(
    `with c as (select key, ${SERIES_OF_COUNTER} as series, value from billing.counters),
       n as (select ${SERIES_OF_NUMBER} as series, substring(number from '[0-9]+$')::bigint as n from (${EVERY_NUMBER}) d),
       known as (select series from c union select series from n),
       g as (select series, n as after, lead(n) over (partition by series order by n) as next
         from (select series, 0::bigint as n from known union all select series, n from n) all_numbers)
     select coalesce(c.key, g.series) as series, after, coalesce(next, c.value + 1) as next, c.value as last
     from g left join c on c.series = g.series where coalesce(next, c.value + 1) is distinct from after + 1
     order by series, after limit ${GAPS_MAX}`,
  );
  for (const { series, after, next, last } of gaps)
    violation('invoice-numbers', `${series} ${after}`, `is followed by ${next}; the counter stands at ${last}`);
}
