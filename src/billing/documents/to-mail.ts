import type { DocumentWish, MailedDocuments } from '#contracts/peers.ts';
import { findInvoice } from '#billing/store.ts';
import type { Invoice } from '#billing/rules.ts';
import { documentOf, type DocumentParts, pdfOfDocument } from './routes.ts';

/** What goes with the mails about sales and refunds. */

const DOCUMENTS_MAX = 4;
/** Of a mail in all; what is larger is read by `GET /orders/{id}/invoice` alone. */
const BYTES_MAX = 2 * 1024 * 1024;

/** Makes the documents of a mail, one after another: drawing keeps the process busy. */
export function documentsToMail(
  parts: DocumentParts,
): (wish: DocumentWish & { readonly orderId: string }) => Promise<MailedDocuments> {
  let before: Promise<unknown> = Promise.resolve();
  const make = async ({ orderId, ...wish }: DocumentWish & { readonly orderId: string }): Promise<MailedDocuments> => {
    const { numbers, awaited } = numbersFor(await findInvoice(parts.database, orderId), wish);
    const documents: MailedDocuments['documents'][number][] = [];
    let bytes = 0;
    for (const number of numbers.slice(0, DOCUMENTS_MAX)) {
      const pdf = await pdfOfDocument((await documentOf(parts, orderId, number))!);
      bytes += pdf.length;
      if (bytes > BYTES_MAX) break;
      documents.push({
        filename: `${number}.pdf`,
        contentType: 'application/pdf',
        content: pdf.toString('base64'),
      });
    }
    return { documents, awaited };
  };
  return (wish) => {
    const made = before.then(() => make(wish));
    before = made.catch(() => undefined);
    return made;
  };
}

/** The numbers of the documents that go with a mail, and whether there is to be one that is not issued yet. */
export function numbersFor(
  invoice: Invoice | undefined,
  { shipmentId, refundId }: DocumentWish,
): { readonly numbers: readonly string[]; readonly awaited: boolean } {
  if (refundId !== undefined) {
    const note = invoice?.creditNotes.find((one) => one.refundId === refundId);
    // What is refunded before the invoice is credited with it, and goes with its mail.
    return { numbers: note ? [note.number] : [], awaited: invoice !== undefined && !note };
  }
  if (!invoice) return { numbers: [], awaited: true };
  const invoices = [invoice, ...(invoice.further ?? [])];
  if (shipmentId !== undefined) {
    const ofParcel = invoices.filter((one) => one.shipmentId === shipmentId);
    return { numbers: ofParcel.map(({ number }) => number), awaited: ofParcel.length === 0 };
  }
  // Those over a parcel went with the mail about it.
  const whole = invoices.filter((one) => one.shipmentId === undefined);
  const notes = invoice.creditNotes.filter(({ issuedAt }) => whole.some((one) => one.issuedAt === issuedAt));
  return { numbers: [...whole, ...notes].map(({ number }) => number), awaited: false };
}
