import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ciiOf } from '#billing/documents/cii.ts';
import { pdfOf } from '#billing/documents/pdf.ts';
import { ublOf } from '#billing/documents/ubl.ts';
import { seeded } from '#tests/support/seeded.ts';
import { LANGUAGES } from '#contracts/languages.ts';
import { randomDocuments } from './random-documents.ts';

/** Writes documents of so many orders of chance into a folder: CII and UBL of each, and a PDF of every tenth. */
export async function writeDocuments(folder: string, orders: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const random = seeded(381);
  for (let order = 0; order < orders; order++)
    // Amounts with three decimals are exact, and so beyond what EN 16931 allows for.
    for (const document of randomDocuments(random, random.pick(['EUR', 'EUR', 'JPY']))) {
      const name = join(folder, `${order}-${document.number}`);
      writeFileSync(`${name}.cii.xml`, ciiOf(document));
      writeFileSync(`${name}.ubl.xml`, ublOf(document));
      if (order % 10 === 0) writeFileSync(`${name}.pdf`, await pdfOf(document, ciiOf(document)));
    }
}

/** Countries whose paper is A4 and Letter. */
const COUNTRIES = ['DE', 'US'] as const;

/** Writes an invoice and a credit note in each language on each paper, with their XML in them: `invoice-de-A4.pdf`. */
export async function writeOfEachKind(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const random = seeded(19005);
  for (const kind of ['invoice', 'credit-note'] as const)
    for (const locale of LANGUAGES)
      for (const countryCode of COUNTRIES) {
        let document;
        do document = randomDocuments(random, 'EUR').find((one) => one.kind === kind);
        while (!document);
        const written = { ...document, locale, buyer: { ...document.buyer, countryCode } };
        const paper = countryCode === 'US' ? 'Letter' : 'A4';
        writeFileSync(join(folder, `${kind}-${locale}-${paper}.pdf`), await pdfOf(written, ciiOf(written)));
      }
}
