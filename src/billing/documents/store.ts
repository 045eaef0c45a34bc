import type { Database } from '#platform/database/database.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';
import type { RowChange } from '#platform/processor/batch.ts';
import type { Invoice } from '#billing/rules.ts';
import { type Document, hashOf } from './document.ts';
import { creditNoteDocument, invoiceDocument, type Issuer } from './issue.ts';

/** SQL of documents as they were issued. */

const COLUMNS: Columns = {
  number: 'text',
  kind: 'text',
  order_id: 'uuid',
  issued_at: 'timestamptz',
  currency: 'text',
  net: 'numeric',
  tax: 'numeric',
  total: 'numeric',
  content: 'text',
  hash: 'text',
};
const TAX_COLUMNS: Columns = { number: 'text', category: 'text', rate: 'numeric', base: 'numeric', tax: 'numeric' };

/** Every document of an order. */
export function documentsOf(orderId: string, invoice: Invoice, issuer: Issuer): Document[] {
  return [
    invoiceDocument(orderId, invoice, undefined, issuer),
    ...(invoice.further ?? []).map((further) => invoiceDocument(orderId, invoice, further, issuer)),
    ...invoice.creditNotes.map((note) => creditNoteDocument(orderId, invoice, note, issuer)),
  ];
}

/** The documents that changes of invoices issue, to be written with them. */
export function issuedWrites(changes: readonly RowChange<Invoice>[], issuer: Issuer): Write[] {
  const issued: Document[] = [];
  for (const { before, after } of changes) {
    const invoice = after.state!;
    if (!before.state) issued.push(invoiceDocument(after.id, invoice, undefined, issuer));
    for (const further of (invoice.further ?? []).slice(before.state?.further?.length ?? 0))
      issued.push(invoiceDocument(after.id, invoice, further, issuer));
    for (const note of invoice.creditNotes.slice(before.state?.creditNotes.length ?? 0))
      issued.push(creditNoteDocument(after.id, invoice, note, issuer));
  }
  return documentWrites(issued);
}

/** What is written of documents; of one that is there already, nothing. */
export function documentWrites(documents: readonly Document[]): Write[] {
  if (documents.length === 0) return [];
  const rows = documents.map((document) => ({
    number: document.number,
    kind: document.kind,
    order_id: document.orderId,
    issued_at: document.issuedAt,
    currency: document.currency,
    net: document.totals.net,
    tax: document.totals.tax,
    total: document.totals.total,
    content: JSON.stringify(document),
    hash: hashOf(document),
  }));
  const taxes = documents.flatMap(({ number, taxes: all }) =>
    all.map(({ category, rate, base, tax }) => ({ number, category, rate, base, tax })),
  );
  const once = { onConflict: 'do nothing' } as const;
  return [
    insertRows('issued', 'billing.documents', COLUMNS, rows, once),
    ...(taxes.length > 0 ? [insertRows('issued_taxes', 'billing.document_taxes', TAX_COLUMNS, taxes, once)] : []),
  ];
}

/** A document by its number, which is written as it was issued. */
export async function readDocument(database: Database, number: string): Promise<Document | undefined> {
  const [row] = await database.query<{ content: string }>('select content from billing.documents where number = $1', [
    number,
  ]);
  return row && (JSON.parse(row.content) as Document);
}

const UNPROVEN_MAX = 20;

/** Documents whose content is not what their hash was made of. */
export async function changedDocuments(database: Database): Promise<{ readonly number: string }[]> {
  return database.query<{ number: string }>(
    `select number from billing.documents where encode(sha256(convert_to(content, 'UTF8')), 'hex') <> hash limit ${UNPROVEN_MAX}`,
  );
}
