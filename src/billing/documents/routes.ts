import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import { Address } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { Amount, Currency, Id, Time } from '#platform/http/schemas.ts';
import { readDocumentNumber } from '#billing/series.ts';
import { findInvoice, ordersOfDocument } from '#billing/store.ts';
import { ciiOf } from './cii.ts';
import type { Document } from './document.ts';
import type { Issuer } from './issue.ts';
import { MEDIA, type Wanted, wantedBy } from './media.ts';
import { documentsOf, documentWrites, readDocument } from './store.ts';
import { missingOf } from './terms.ts';
import { ublOf } from './ubl.ts';

/** Documents as they were issued, in the representation that the caller accepts. */

export const ACCEPT = {
  description:
    'What the caller can read: `application/json`, `application/pdf` (PDF/A-3 with the XML of Factur-X in it), `application/xml` (EN 16931 in CII; `application/xml;profile=ubl`: in UBL 2.1)',
};
export const DOCUMENT_REFUSALS = ['NOT_ACCEPTABLE', 'SELLER_INCOMPLETE'] as const;

/** What a route answers that has all representations: of JSON by this schema. */
export function documentAnswer(description: string, schema: TSchema): ReturnType<typeof answer> {
  const { content, ...head } = answer(description, schema) as ReturnType<typeof answer> & { content: object };
  const others = Object.fromEntries(MEDIA.slice(1).map((media) => [media, { schema: Type.String() }]));
  return { ...head, content: { ...content, ...others } } as ReturnType<typeof answer>;
}

const taxed = {
  category: Type.String({ enum: ['S', 'Z', 'E'], description: 'Standard rate, zero rate or exempt (UNTDID 5305)' }),
  rate: Type.String({ description: 'Percent' }),
};
const Party = { ...Address.properties, name: Type.String(), countryCode: Type.String({ description: 'ISO 3166-1' }) };
const Text = Type.Optional(Type.String());
const Charge = Type.Object({ name: Type.String(), amount: Amount, ...taxed, gross: Text });
const DocumentView = Type.Object(
  {
    kind: Type.String({ enum: ['invoice', 'credit-note'] }),
    number: Type.String(),
    issuedAt: Time,
    currency: Currency,
    locale: Text,
    orderId: Id,
    orderNumber: Text,
    reference: Text,
    invoices: Type.Optional(
      Type.Array(Type.Object({ number: Type.String(), issuedAt: Time }), { description: 'Of a credit note' }),
    ),
    shipmentId: Text,
    refundId: Text,
    seller: Type.Object({
      name: Type.String(),
      street: Text,
      city: Text,
      postalCode: Text,
      country: Text,
      vatId: Text,
      taxNumber: Text,
      register: Text,
      email: Text,
      phone: Text,
      bank: Text,
      iban: Text,
      bic: Text,
    }),
    buyer: Type.Object({ ...Party, customerId: Text }),
    delivery: Type.Optional(Type.Object({ ...Party, name: Text })),
    pricesIncludeTax: Type.Optional(Type.Boolean()),
    lines: Type.Array(
      Type.Object({
        name: Type.String(),
        sku: Text,
        quantity: Type.Integer(),
        price: Amount,
        priceFor: Type.Integer({ description: 'The price is of so many pieces' }),
        amount: Amount,
        ...taxed,
        gross: Type.Optional(Type.Object({ unitPrice: Text, amount: Amount })),
      }),
      { description: 'Without tax' },
    ),
    allowances: Type.Array(Charge),
    charges: Type.Array(Charge),
    taxes: Type.Array(Type.Object({ ...taxed, base: Amount, tax: Amount, exemption: Text })),
    totals: Type.Object({
      lines: Amount,
      allowances: Amount,
      charges: Amount,
      net: Amount,
      tax: Amount,
      total: Amount,
      paid: Amount,
      due: Amount,
    }),
    payment: Type.Optional(Type.Object({ provider: Type.String() })),
  },
  { title: 'Document', description: 'An invoice or a credit note as it was issued' },
);

export interface DocumentParts {
  readonly database: Database;
  readonly issuer: Issuer;
}

/** Throws NOT_ACCEPTABLE where the caller takes nothing that there is. */
export function wantedOf(request: FastifyRequest, reply: FastifyReply): Wanted {
  reply.header('vary', 'accept');
  const wanted = wantedBy(request.headers.accept);
  if (wanted) return wanted;
  throw new Problem(
    'NOT_ACCEPTABLE',
    `A document is available as ${MEDIA.join(', ')}, of which the profile is cii or ubl.`,
  );
}

/** A document as it was issued; one from before documents were kept is issued by its reader, with the seller of today. */
export async function documentOf(
  { database, issuer }: DocumentParts,
  orderId: string,
  number: string,
): Promise<Document | undefined> {
  const issued = await readDocument(database, number);
  if (issued) return issued;
  const invoice = await findInvoice(database, orderId);
  if (!invoice) return undefined;
  await database.write(documentWrites(documentsOf(orderId, invoice, issuer)));
  return readDocument(database, number);
}

/** The document as it was asked for; XML needs a seller that is named in full. */
export async function sendDocument(
  reply: FastifyReply,
  document: Document,
  { media, profile }: Wanted,
): Promise<unknown> {
  if (media === 'application/json') return document;
  const missing = missingOf(document.seller);
  if (media === 'application/xml') {
    if (missing.length > 0)
      throw new Problem(
        'SELLER_INCOMPLETE',
        `The document was issued without ${missing.join(', ')}. Those issued once they are set have all representations; this one has JSON and PDF.`,
      );
    return reply.type('application/xml; charset=utf-8').send(profile === 'ubl' ? ublOf(document) : ciiOf(document));
  }
  return reply
    .type('application/pdf')
    .header('content-disposition', `inline; filename="${document.number}.pdf"`)
    .send(await pdfOfDocument(document));
}

/** The document as PDF, with its XML in it where the seller is named in full. */
export async function pdfOfDocument(document: Document): Promise<Buffer> {
  const { pdfOf } = await import('./pdf.ts');
  return pdfOf(document, missingOf(document.seller).length === 0 ? ciiOf(document) : undefined);
}

const NumberParams = Type.Object({
  number: Type.String({ maxLength: 40, pattern: '^[A-Za-z][A-Za-z0-9-]*\\d$', examples: ['INV-00000001'] }),
});

/** `GET /invoices/{number}`: an invoice or a credit note by its number. */
export function documentRoutes(app: FastifyInstance, parts: DocumentParts): void {
  app.get<{ Params: Static<typeof NumberParams> }>(
    '/invoices/:number',
    {
      config: {
        permission: 'invoices:read',
        ofCustomer: 'filtered',
        whole: true,
        headers: { Accept: ACCEPT },
        refusals: ['DOCUMENT_NOT_FOUND', ...DOCUMENT_REFUSALS],
      },
      schema: {
        operationId: 'readDocument',
        tags: ['invoices'],
        summary: 'An invoice or a credit note, as it was issued',
        params: NumberParams,
        response: { 200: documentAnswer('The document', DocumentView) },
      },
    },
    async (request, reply) => {
      const wanted = wantedOf(request, reply);
      const number = readDocumentNumber(request.params.number);
      const orders = number === undefined ? [] : await ordersOfDocument(parts.database, number);
      const [orderId] = await request.server.ownOrders.among(request.principal, orders);
      const document = orderId === undefined ? undefined : await documentOf(parts, orderId, number!);
      if (!document) throw new Problem('DOCUMENT_NOT_FOUND', 'There is no invoice and no credit note of this number.');
      return sendDocument(reply, document, wanted);
    },
  );
}
