import { afterAll, expect, test } from 'vitest';
import { Mailbox } from '#tests/support/mailbox.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** Invoices and credit notes go with mails, once each. */

const mailbox = new Mailbox();
const system = useSystem({ env: { SMTP_URL: await mailbox.listen(), BILLING_INVOICE_AT: 'dispatch' } });
afterAll(() => mailbox.close());

/** The files in a mail by their names. */
function filesIn(mail: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const parts = /Content-Type: application\/pdf; name=(\S+)\r\n((?:[^\r\n]+\r\n)*)\r\n([A-Za-z0-9+/=\r\n]+?)\r\n--/g;
  for (const [, name, , content] of mail.matchAll(parts)) files.set(name!, Buffer.from(content!, 'base64'));
  return files;
}

test('the mail about a parcel carries its invoice, that about a refund its credit note, as the API has them', async () => {
  const { api } = system;
  const sku = await api.product(10);
  const contact = { email: 'ada@example.com' };
  const { id } = await api.placeOrder({ sku, quantity: 2, unitPrice: '10.00', contact });
  await api.untilStatus(id, 'COMPLETED');
  await api.command(id, 'refunds', { amount: '3.00', reason: 'kind' });
  const { invoiceNumber, creditNotes } = await until('the credit note', async () => {
    const invoice = await api.invoice(id);
    return invoice.creditNotes.length === 1 && invoice;
  });
  const { creditNoteNumber } = creditNotes[0]!;
  const subjects: readonly (readonly [RegExp, string | undefined])[] = [
    [/^Subject: .* is on its way/m, invoiceNumber],
    [/^Subject: .* is complete/m, undefined],
    // With the sign of the euro in it, a subject is encoded.
    [/^Subject: =\?UTF-8\?Q\?We_have_refunded_/m, creditNoteNumber],
  ];
  for (const [subject, number] of subjects) {
    const mails = await until(String(subject), () => {
      const found = mailbox.mails.filter((mail) => subject.test(mail));
      return found.length > 0 && found;
    });
    expect(mails).toHaveLength(1);
    const files = filesIn(mails[0]!);
    expect([subject, [...files.keys()]]).toEqual([subject, number === undefined ? [] : [`${number}.pdf`]]);
    if (number === undefined) continue;
    const answer = await fetch(`${api.url}/invoices/${number}`, {
      headers: { authorization: `Bearer ${system.key}`, accept: 'application/pdf' },
    });
    expect(Buffer.from(await answer.arrayBuffer()).equals(files.get(`${number}.pdf`)!)).toBe(true);
  }
});
