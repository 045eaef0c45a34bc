import { currencyExponent } from '#contracts/currencies.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import type { Address } from '#contracts/order-events.ts';
import type { AllowanceOrCharge, Document, DocumentLine } from './document.ts';
import { FACTUR_X } from './factur-x.ts';
import { type Style, Typesetter } from './pdf-text.ts';
import { isRightToLeft } from '#contracts/languages.ts';
import { languageOf, type Words, wordsOf } from './words.ts';

/**
 * A document as PDF/A-3, with the XML of Factur-X in it where it is given. What is drawn follows from the document alone, so
 * it is the same whenever it is drawn.
 */

const MARGIN = 56;
const FOOTER = 64;
const GRAY = '#5c6370';
const RULE = '#c9ced6';
const BODY: Style = { size: 9 };
const STRONG: Style = { size: 9, weight: 'bold' };
const SMALL: Style = { size: 7.5, color: GRAY };
const LINE_HEIGHT = 13;
/** Where paper is Letter; everywhere else it is A4. */
const LETTER = new Set(['US', 'CA', 'MX', 'CL', 'CO', 'VE', 'PH']);

/** The bytes of the PDF. Takes some milliseconds for every page. */
export async function pdfOf(document: Document, xml: string | undefined): Promise<Buffer> {
  const { default: PDFDocument } = await import('pdfkit');
  const issuedAt = new Date(document.issuedAt);
  const doc = new PDFDocument({
    size: LETTER.has(document.buyer.countryCode) ? 'LETTER' : 'A4',
    margin: 0,
    autoFirstPage: false,
    bufferPages: true,
    pdfVersion: '1.7',
    subset: 'PDF/A-3b',
    lang: languageOf(document.locale),
    info: { Title: document.number, Creator: 'OLMS', Producer: 'OLMS', CreationDate: issuedAt, ModDate: issuedAt },
  });
  const chunks: Buffer[] = [];
  const ended = new Promise<Buffer>((resolve, reject) => {
    doc.on('data', (chunk: Buffer) => chunks.push(chunk));
    doc.on('end', () => resolve(Buffer.concat(chunks)));
    doc.on('error', reject);
  });
  new Sheet(new Typesetter(doc, isRightToLeft(languageOf(document.locale))), document).draw();
  if (xml !== undefined) {
    doc.file(Buffer.from(xml), {
      name: 'factur-x.xml',
      type: 'text/xml',
      relationship: 'Alternative',
      description: 'The invoice as data (Factur-X, profile EN 16931)',
      creationDate: issuedAt,
      modifiedDate: issuedAt,
    } as Parameters<typeof doc.file>[1]);
    (doc as unknown as { appendXML(text: string): void }).appendXML(FACTUR_X);
  }
  doc.end();
  return ended;
}

interface Column {
  readonly head: string;
  readonly width: number;
  readonly align: 'start' | 'end';
}

class Sheet {
  readonly #set: Typesetter;
  readonly #document: Document;
  readonly #words: Words;
  readonly #locale: string;
  readonly #numbers: Intl.NumberFormat;
  readonly #rates: Intl.NumberFormat;
  #y = 0;

  constructor(set: Typesetter, document: Document) {
    this.#set = set;
    this.#document = document;
    this.#words = wordsOf(document.locale);
    const digits = currencyExponent(document.currency) ?? 2;
    // Digits as the rest of the world reads them, whatever the language.
    this.#locale = `${languageOf(document.locale)}-u-nu-latn`;
    this.#rates = new Intl.NumberFormat(this.#locale, { maximumFractionDigits: 4 });
    this.#numbers = new Intl.NumberFormat(this.#locale, {
      minimumFractionDigits: digits,
      maximumFractionDigits: 4,
    });
  }

  get #page(): { readonly width: number; readonly height: number } {
    return this.#set.doc.page;
  }
  get #width(): number {
    return this.#page.width - 2 * MARGIN;
  }

  draw(): void {
    const { doc } = this.#set;
    doc.addPage();
    this.#letterhead();
    this.#facts();
    this.#table();
    this.#totals();
    const { count } = doc.bufferedPageRange();
    for (let page = 0; page < count; page++) {
      doc.switchToPage(page);
      this.#footer(page + 1, count);
    }
  }

  /** A box that lies so far from the side where reading starts. */
  #box(from: number, width: number): number {
    return this.#set.isRtl ? this.#page.width - MARGIN - from - width : MARGIN + from;
  }

  #letterhead(): void {
    const { seller, buyer, kind, number } = this.#document;
    this.#y = MARGIN;
    this.#set.line(seller.name, this.#box(0, this.#width), this.#y, this.#width, 'start', { size: 13, weight: 'bold' });
    this.#y += 20;
    const place = [seller.street, [seller.postalCode, seller.city].filter(Boolean).join(' '), seller.country];
    this.#set.line(joined(place), this.#box(0, this.#width), this.#y, this.#width, 'start', SMALL);
    this.#y += 44;
    const half = this.#width / 2;
    const top = this.#y;
    for (const line of addressLines(buyer)) {
      this.#set.line(line, this.#box(0, half), this.#y, half, 'start', { size: 10 });
      this.#y += 14;
    }
    const below = this.#y;
    this.#y = top;
    this.#pairs(half + 20, half - 20);
    this.#y = Math.max(below, this.#y, top + 84) + 16;
    const title = kind === 'invoice' ? this.#words.invoice : this.#words.creditNote;
    this.#set.line(`${title} ${number}`, this.#box(0, this.#width), this.#y, this.#width, 'start', {
      size: 16,
      weight: 'bold',
    });
    this.#y += 32;
  }

  /** Number, date and what else it is found by. */
  #pairs(from: number, width: number): void {
    const { number, issuedAt, orderNumber, reference, buyer, invoices } = this.#document;
    const words = this.#words;
    const day = new Intl.DateTimeFormat(this.#locale, {
      dateStyle: 'medium',
      timeZone: 'UTC',
    });
    const date = day.format(new Date(issuedAt));
    const pairs: readonly (readonly [string, string | undefined])[] = [
      [words.number, number],
      [words.date, date],
      [words.delivered, invoices ? undefined : date],
      [words.invoices, invoices?.map((invoice) => invoice.number).join(', ')],
      [words.order, orderNumber],
      [words.reference, reference],
      [words.customer, buyer.customerId],
    ];
    for (const [name, value] of pairs) {
      if (value === undefined) continue;
      this.#set.line(name, this.#box(from, 90), this.#y, 90, 'start', { ...BODY, color: GRAY });
      for (const line of this.#set.wrapped(value, width - 95, BODY)) {
        this.#set.line(line, this.#box(from + 95, width - 95), this.#y, width - 95, 'start', BODY);
        this.#y += LINE_HEIGHT;
      }
    }
  }

  #facts(): void {
    const { delivery, buyer } = this.#document;
    if (!delivery) return;
    const there = addressLines(delivery).join(', ');
    if (there === addressLines(buyer).join(', ')) return;
    for (const line of this.#set.wrapped(`${this.#words.deliveredTo}: ${there}`, this.#width, BODY)) {
      this.#set.line(line, this.#box(0, this.#width), this.#y, this.#width, 'start', BODY);
      this.#y += LINE_HEIGHT;
    }
    this.#y += 8;
  }

  get #columns(): readonly Column[] {
    const { item, quantity, price, rate, amount } = this.#words;
    const rest = this.#width - 52 - 78 - 52 - 84;
    return [
      { head: item, width: rest, align: 'start' },
      { head: quantity, width: 52, align: 'end' },
      { head: price, width: 78, align: 'end' },
      { head: rate, width: 52, align: 'end' },
      { head: amount, width: 84, align: 'end' },
    ];
  }

  #row(cells: readonly string[], style: Style, isData = true): void {
    let from = 0;
    for (const [index, { width, align }] of this.#columns.entries()) {
      const text = cells[index] ?? '';
      if (text !== '')
        this.#set.line(text, this.#box(from, width - 6), this.#y, width - 6, align, {
          ...style,
          isNumber: index > 0 && isData,
        });
      from += width;
    }
  }

  #rule(color = RULE): void {
    this.#set.doc
      .moveTo(MARGIN, this.#y)
      .lineTo(MARGIN + this.#width, this.#y)
      .lineWidth(0.6)
      .strokeColor(color)
      .stroke();
  }

  #head(): void {
    this.#row(
      this.#columns.map(({ head }) => head),
      { ...STRONG, color: GRAY },
      false,
    );
    this.#y += LINE_HEIGHT + 2;
    this.#rule();
    this.#y += 6;
  }

  /** Goes on on a new page where so much does not fit any more. True where it did. */
  #breaks(height: number): boolean {
    if (this.#y + height <= this.#page.height - MARGIN - FOOTER) return false;
    this.#set.doc.addPage();
    this.#y = MARGIN;
    return true;
  }

  #table(): void {
    const { lines, currency } = this.#document;
    this.#head();
    let carried = 0n;
    for (const line of lines) {
      const names = this.#set.wrapped(line.name, this.#columns[0]!.width - 12, BODY).slice(0, 6);
      const hasSku = line.sku !== undefined && line.sku !== line.name;
      const height = names.length * LINE_HEIGHT + (hasSku ? 10 : 0) + 5;
      // Room for the line and for what is carried over.
      if (this.#y + height + LINE_HEIGHT > this.#page.height - MARGIN - FOOTER) {
        this.#carry(carried);
        this.#breaks(Infinity);
        this.#head();
        this.#carry(carried);
      }
      const { unitPrice, amount } = shownOf(line);
      this.#row(
        [
          names[0]!,
          String(line.quantity),
          this.#number(unitPrice),
          `${this.#numbersOf(line.rate)} %`,
          this.#number(amount),
        ],
        BODY,
      );
      this.#y += LINE_HEIGHT;
      for (const name of names.slice(1)) {
        this.#row([name], BODY);
        this.#y += LINE_HEIGHT;
      }
      if (hasSku) {
        this.#y -= 1;
        this.#row([line.sku!], SMALL);
        this.#y += 11;
      }
      this.#y += 5;
      carried += amountMinor(amount, currency);
    }
  }

  #carry(carried: bigint): void {
    const { currency } = this.#document;
    this.#row([this.#words.carried, '', '', '', this.#number(formatAmount(carried, currency))], {
      ...STRONG,
      color: GRAY,
    });
    this.#y += LINE_HEIGHT + 4;
  }

  #number(amount: string | undefined): string {
    return amount === undefined ? '' : this.#numbers.format(amount as `${number}`);
  }

  #numbersOf(rate: string): string {
    return this.#rates.format(rate as `${number}`);
  }

  #totals(): void {
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
    const from = this.#width - labelWidth - amountWidth;
    this.#breaks(rows.length * 15 + 20);
    this.#rule();
    this.#y += 8;
    for (const [label, amount, style = BODY] of rows) {
      const lines = this.#set.wrapped(label, labelWidth, style);
      lines.forEach((line, index) => {
        this.#set.line(line, this.#box(from, labelWidth), this.#y, labelWidth, 'start', style);
        if (index === 0)
          this.#set.line(amount, this.#box(from + labelWidth, amountWidth - 6), this.#y, amountWidth - 6, 'end', {
            ...style,
            isNumber: true,
          });
        this.#y += style.size + 6;
      });
    }
    if (!pricesIncludeTax) return;
    this.#y += 6;
    this.#set.line(words.pricesWithTax, this.#box(0, this.#width), this.#y, this.#width, 'start', {
      ...BODY,
      color: GRAY,
    });
  }

  #footer(page: number, pages: number): void {
    const { seller } = this.#document;
    this.#y = this.#page.height - MARGIN - FOOTER + 24;
    this.#rule();
    this.#y += 7;
    const numbers = [seller.vatId, seller.taxNumber, seller.register];
    const account = [seller.bank, seller.iban, seller.bic];
    for (const parts of [[seller.name, seller.email, seller.phone], numbers, account]) {
      const text = joined(parts);
      if (text === '') continue;
      this.#set.line(text, MARGIN, this.#y, this.#width, 'center', SMALL);
      this.#y += 10;
    }
    const label = this.#words.page.replace('{page}', String(page)).replace('{pages}', String(pages));
    this.#set.line(label, MARGIN, this.#page.height - MARGIN + 4, this.#width, 'center', SMALL);
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

/** An address on several lines, as it is printed. */
function addressLines({ name, company, line1, line2, postalCode, city, region, country }: Address): string[] {
  return [
    name,
    company === name ? undefined : company,
    line1,
    line2,
    [postalCode, city].filter(Boolean).join(' '),
    region,
    country,
  ]
    .map((line) => line?.trim() ?? '')
    .filter((line) => line !== '');
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('  ·  ');
}
