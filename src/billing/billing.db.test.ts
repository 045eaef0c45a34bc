import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { billingProjection } from './projection.ts';
import { billing } from './service.ts';

describe('billing on a real database', () => {
  const one = useOneService(billing);

  test('an invoice and its credit notes are read as they were issued', async () => {
    const app = one.api(await one.start());
    const order = uuidv7();
    const read = async (headers: Record<string, string> = {}) =>
      (await app.inject({ url: `/orders/${order}/invoice`, headers })).json() as Record<string, unknown>;
    expect(await read()).toMatchObject({ code: 'INVOICE_NOT_ISSUED', status: 404 });

    const items = [{ line: 1, sku: 'MUG-1', quantity: 2, unitPrice: '9.95', amount: '19.90' }];
    await one.happen(
      one.event(order, 'OrderCompleted', { items, totalAmount: '19.90', taxLines: [{ name: 'VAT', amount: '3.18' }] }),
    );
    const invoice = await one.eventually(read, (found) => 'invoiceNumber' in found);
    expect(invoice).toMatchObject({
      invoiceNumber: 'INV-00000001',
      orderId: order,
      totalAmount: '19.90',
      currency: 'EUR',
      lines: items,
      taxLines: [{ name: 'VAT', amount: '3.18' }],
      creditNotes: [],
    });

    await one.happen(one.event(order, 'OrderRefunded', { amount: '9.95' }));
    const credited = await one.eventually(read, (found) => (found['creditNotes'] as unknown[]).length === 1);
    expect(credited).toMatchObject({
      ...invoice,
      creditNotes: [{ creditNoteNumber: 'CRN-00000001', amount: '9.95', currency: 'EUR' }],
    });
    expect(await read({ accept: 'text/html' })).toMatchObject({ code: 'NOT_ACCEPTABLE', status: 406 });
    expect(await read({ accept: 'application/xml' })).toMatchObject({ code: 'SELLER_INCOMPLETE', status: 409 });

    const get = async (url: string, accept: string) => app.inject({ url, headers: { accept } });
    const pdf = await get('/invoices/CRN-00000001', 'application/pdf');
    expect([pdf.headers['content-type'], pdf.body.slice(0, 5)]).toEqual(['application/pdf', '%PDF-']);
    // Drawn again, it is the same to the byte.
    expect((await get('/invoices/crn-1', 'application/pdf')).rawPayload.equals(pdf.rawPayload)).toBe(true);
    const note = (await get('/invoices/CRN-00000001', 'application/json')).json() as Record<string, unknown>;
    expect(note).toMatchObject({
      kind: 'credit-note',
      invoices: [{ number: 'INV-00000001' }],
      totals: { total: '9.95' },
    });
    expect((await get('/invoices/INV-00000077', '*/*')).json()).toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });

    // What was issued stays, whoever writes.
    for (const sql of [
      "update billing.documents set content = ''",
      'delete from billing.documents',
      'truncate billing.document_taxes',
    ])
      await expect(one.database.query(sql)).rejects.toThrow('is not changed');
  });

  test('parcels have invoices of their own, whose sum is stored, and which can be built from the log again', async () => {
    const app = one.api(await one.start());
    const order = uuidv7();
    await one.happen(
      one.event(order, 'OrderPartSold', { totalAmount: '5.00' }),
      one.event(order, 'OrderPartSold', { totalAmount: '14.90' }),
      one.event(order, 'OrderCompleted', { totalAmount: '19.90' }),
    );
    const read = async () => (await app.inject({ url: `/orders/${order}/invoice` })).json() as Record<string, unknown>;
    const invoice = await one.eventually(read, (found) => 'furtherInvoices' in found);
    const [numbers] = await one.database.query<{ total: string; number: string; further: string }>(
      "select total::text, number, body->'further'->0->>'number' as further from billing.invoices where order_id = $1",
      [order],
    );
    expect(invoice).toMatchObject({
      invoiceNumber: numbers!.number,
      totalAmount: '5.00',
      furtherInvoices: [{ invoiceNumber: numbers!.further, totalAmount: '14.90' }],
    });
    expect(numbers!.total).toBe('19.90');
    expect(Number(numbers!.further.slice(4))).toBe(Number(numbers!.number.slice(4)) + 1);

    const log = await one.database.query<OutboxRow>(
      `select ${OUTBOX_COLUMNS} from log.order_outbox where subject = $1`,
      [order],
    );
    const built = billingProjection.build(order, log.map(fromRow));
    const [row] = built!['billing.invoices'] as { total: string; body: { further: unknown[] } }[];
    expect([row!.total, row!.body.further]).toMatchObject(['19.90', [{ totalAmount: '14.90' }]]);
  });

  test('numbers have no gaps and no doubles while two processes issue them', async () => {
    await one.start();
    await one.start();
    const orders = Array.from({ length: 400 }, () => uuidv7());
    for (let from = 0; from < orders.length; from += 40)
      await one.happen(...orders.slice(from, from + 40).map((order) => one.event(order, 'OrderCompleted')));
    const read = (): Promise<{ number: string }[]> =>
      one.database.query<{ number: string }>(
        'select number from billing.invoices where order_id = any($1::uuid[]) order by number',
        [orders],
      );
    const issued = await one.eventually(read, (found) => found.length === orders.length);
    const numbers = issued.map((row) => Number(row.number.slice(4)));
    expect(numbers.every((number, index) => index === 0 || number === numbers[index - 1]! + 1)).toBe(true);
    const [counter] = await one.database.query<{ value: number }>(
      "select value from billing.counters where key = 'invoice'",
    );
    expect(counter!.value).toBe(numbers.at(-1));
    expect(await one.emitted(orders[0]!)).toMatchObject([{ type: 'InvoiceIssued', sequence: 1 }]);
  });
});
