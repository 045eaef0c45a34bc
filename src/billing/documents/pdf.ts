import { currencyExponent } from '#contracts/currencies.ts';
import type { Language } from '#contracts/languages.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import {
  addressLines,
  BODY,
  type Column,
  GRAY,
  joined,
  LINE_HEIGHT,
  paperOf,
  printed,
  type Sheet,
  SMALL,
  STRONG,
} from '#platform/paper/sheet.ts';
import type { Style } from '#platform/paper/typesetter.ts';
import type { AllowanceOrCharge, Document, DocumentLine } from './document.ts';
import { FACTUR_X } from './factur-x.ts';
import { languageOf, type Words, wordsOf } from './words.ts';

/** A document as PDF/A-3, with the XML of Factur-X in it where it is given: the same whenever it is drawn. */

/** The bytes of the PDF. Takes some milliseconds for every page. */
export function pdfOf(document: Document, xml: string | undefined): Promise<Buffer> {
  const at = new Date(document.issuedAt);
  return printed(
    {
      title: document.number,
      language: languageOf(document.locale),
      paper: paperOf(document.buyer.countryCode),
      at,
    },
    (sheet) => new Drawing(sheet, document).draw(),
    (doc) => {
      if (xml === undefined) return;
      doc.file(Buffer.from(xml), {
        name: 'factur-x.xml',
        type: 'text/xml',
        relationship: 'Alternative',
        description: 'The invoice as data (Factur-X, profile EN 16931)',
        creationDate: at,
        modifiedDate: at,
      } as Parameters<typeof doc.file>[1]);
      (doc as unknown as { appendXML(text: string): void }).appendXML(FACTUR_X);
    },
  );
}

class Drawing {
  readonly #sheet: Sheet;
  readonly #document: Document;
  readonly #words: Words;
  readonly #language: Language;
  readonly #locale: string;
  readonly #numbers: Intl.NumberFormat;
  readonly #rates: Intl.NumberFormat;

  constructor(sheet: Sheet, document: Document) {
    this.#sheet = sheet;
    this.#document = document;
    this.#words = wordsOf(document.locale);
    const digits = currencyExponent(document.currency) ?? 2;
    // Digits as the rest of the world reads them, whatever the language.
    this.#language = languageOf(document.locale);
    this.#locale = `${this.#language}-u-nu-latn`;
    this.#rates = new Intl.NumberFormat(this.#locale, { maximumFractionDigits: 4 });
    this.#numbers = new Intl.NumberFormat(this.#locale, {
      minimumFractionDigits: digits,
      maximumFractionDigits: 4,
    });
  }

  draw(): void {
    this.#letterhead();
    this.#deliveredTo();
    this.#table();
    this.#totals();
    const { seller } = this.#document;
    const numbers = [seller.vatId, seller.taxNumber, seller.register];
    const account = [seller.bank, seller.iban, seller.bic];
    const lines = [[seller.name, seller.email, seller.phone], numbers, account].map(joined);
    this.#sheet.feet(
      lines.filter((line) => line !== ''),
      this.#words.page,
    );
  }

  #letterhead(): void {
    const sheet = this.#sheet;
    const { seller, buyer, kind, number } = this.#document;
    sheet.text(seller.name, { size: 13, weight: 'bold' });
    sheet.y += 20;
    const place = [seller.street, [seller.postalCode, seller.city].filter(Boolean).join(' '), seller.country];
    sheet.text(joined(place), SMALL);
    sheet.y += 44;
    const half = sheet.width / 2;
    const top = sheet.y;
    for (const line of addressLines(buyer, this.#language)) {
      sheet.text(line, { size: 10 }, 0, half);
      sheet.y += 14;
    }
    const below = sheet.y;
    sheet.y = top;
    sheet.pairs(this.#facts(), half + 20, half - 20);
    sheet.y = Math.max(below, sheet.y, top + 84) + 16;
    const title = kind === 'invoice' ? this.#words.invoice : this.#words.creditNote;
    sheet.text(`${title} ${number}`, { size: 16, weight: 'bold' });
    sheet.y += 32;
  }

  /** Number, date and what else it is found by. */
  #facts(): readonly (readonly [string, string | undefined])[] {
    const { number, issuedAt, orderNumber, reference, buyer, invoices } = this.#document;
    const words = this.#words;
    const day = new Intl.DateTimeFormat(this.#locale, { dateStyle: 'medium', timeZone: 'UTC' });
    const date = day.format(new Date(issuedAt));
    return [
      [words.number, number],
      [words.date, date],
      [words.delivered, invoices ? undefined : date],
      [words.invoices, invoices?.map((invoice) => invoice.number).join(', ')],
      [words.order, orderNumber],
      [words.reference, reference],
      [words.customer, buyer.customerId],
    ];
  }

  #deliveredTo(): void {
    const { delivery, buyer } = this.#document;
    if (!delivery) return;
    const there = addressLines(delivery, this.#language).join(', ');
    if (there === addressLines(buyer, this.#language).join(', ')) return;
    this.#sheet.lines(`${this.#words.deliveredTo}: ${there}`, BODY);
    this.#sheet.y += 8;
  }

  get #columns(): readonly Column[] {
    const { item, quantity, price, rate, amount } = this.#words;
    const rest = this.#sheet.width - 52 - 78 - 52 - 84;
    return [
      { head: item, width: rest, align: 'start' },
      { head: quantity, width: 52, align: 'end' },
      { head: price, width: 78, align: 'end' },
      { head: rate, width: 52, align: 'end' },
      { head: amount, width: 84, align: 'end' },
    ];
  }

  #row(cells: readonly string[], style: Style): void {
    this.#sheet.row(this.#columns, cells, style);
  }

  #table(): void {
    const sheet = this.#sheet;
    const { lines, currency } = this.#document;
    sheet.head(this.#columns);
    let carried = 0n;
    for (const line of lines) {
      const { unitPrice, amount } = shownOf(line);
      const cells = [
        String(line.quantity),
        this.#number(unitPrice),
        `${this.#numbersOf(line.rate)} %`,
        this.#number(amount),
      ];
      const article = sheet.article(this.#columns, line, cells);
      // Room for the line and for what is carried over.
      if (!sheet.fits(article.height + LINE_HEIGHT)) {
        this.#carry(carried);
        sheet.nextPage();
        sheet.head(this.#columns);
        this.#carry(carried);
      }
      article.draw();
      carried += amountMinor(amount, currency);
    }
  }

  #carry(carried: bigint): void {
    const { currency } = this.#document;
    this.#row([this.#words.carried, '', '', '', this.#number(formatAmount(carried, currency))], {
      ...STRONG,
      color: GRAY,
    });
    this.#sheet.y += LINE_HEIGHT + 4;
  }

  #number(amount: string | undefined): string {
    return amount === undefined ? '' : this.#numbers.format(amount as `${number}`);
  }

  #numbersOf(rate: string): string {
    return this.#rates.format(rate as `${number}`);
  }

  #totals(): void {
    const sheet = this.#sheet;
    const { kind, totals, taxes, allowances, charges, currency, pricesIncludeTax } = this.#document;
    const words = this.#words;
    const shown = ({ name, amount, gross }: AllowanceOrCharge, sign = ''): [string, string] => [
      name,
      `${sign}${this.#number(gross ?? amount)}`,
    ];
    const rows: [string, string, Style?][] = [
      ...allowances.map((one) => shown(one, '−')),
      ...charges.map((one) => shown(one)),
    ];
    const money = (amount: string): string => `${this.#number(amount)} ${currency}`;
    rows.push([words.net, this.#number(totals.net)]);
    for (const { rate, base, tax, exemption } of taxes)
      rows.push([
        exemption ?? words.taxOn.replace('{rate}', this.#numbersOf(rate)).replace('{base}', this.#number(base)),
        this.#number(tax),
      ]);
    rows.push([words.total, money(totals.total), { size: 11, weight: 'bold' }]);
    if (kind === 'credit-note') rows.push([words.refunded, money(totals.paid)]);
    else if (amountMinor(totals.paid, currency) > 0n) rows.push([words.paid, money(totals.paid)]);
    if (kind === 'invoice') rows.push([words.due, money(totals.due), STRONG]);

    const [labelWidth, amountWidth] = [230, 110];
    const from = sheet.width - labelWidth - amountWidth;
    if (!sheet.fits(rows.length * 15 + 20)) sheet.nextPage();
    sheet.rule();
    sheet.y += 8;
    for (const [label, amount, style = BODY] of rows) {
      sheet.text(amount, { ...style, isNumber: true }, from + labelWidth, amountWidth - 6, 'end');
      sheet.lines(label, style, { from, width: labelWidth, height: style.size + 6 });
    }
    if (!pricesIncludeTax) return;
    sheet.y += 6;
    sheet.text(words.pricesWithTax, { ...BODY, color: GRAY });
  }
}

/** What a line shows: prices with tax, where those are what the customer was shown. */
function shownOf({ gross, amount, price, priceFor, quantity }: DocumentLine): {
  unitPrice: string | undefined;
  amount: string;
} {
  if (gross) return { unitPrice: gross.unitPrice ?? (quantity === 1 ? gross.amount : undefined), amount: gross.amount };
  return { unitPrice: priceFor === 1 ? price : undefined, amount };
}
