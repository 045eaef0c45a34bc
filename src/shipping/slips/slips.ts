import type { Address } from '#contracts/order-events.ts';
import type { Language } from '#contracts/languages.ts';
import type { OrderOnPaper, ReturnOnPaper } from '#contracts/peers.ts';
import {
  addressLines,
  type Column,
  joined,
  type Paper,
  printed,
  type Sheet,
  SMALL,
  STRONG,
} from '#platform/paper/sheet.ts';
import type { Shipment } from '#shipping/rules/model.ts';
import { reasonWords, SLIP_WORDS } from './words.ts';

/** Slips that lie in parcels, as PDF: what is in one, without prices, and what comes back with one. Bar codes say which order or return. */

/** Where a parcel leaves from, or comes back to. */
export interface Place {
  readonly location: string;
  readonly address: Address | undefined;
}

interface Slip {
  readonly order: OrderOnPaper;
  readonly place: Place;
  /** Empty: the place says who sends. */
  readonly shopName: string;
  readonly language: Language;
  readonly paper: Paper;
  readonly at: Date;
}

export interface PackingSlip extends Slip {
  readonly shipment: Shipment;
  /** Which of the order's parcels it is, counting from 1. */
  readonly nth: number;
  readonly parcels: number;
}

export interface ReturnSlip extends Slip {
  readonly entry: ReturnOnPaper;
}

type Facts = readonly (readonly [string, string | undefined])[];

/** The bytes of the slip of a parcel. */
export function packingSlipOf(slip: PackingSlip): Promise<Buffer> {
  const { order, shipment, place, nth, parcels } = slip;
  const words = SLIP_WORDS[slip.language];
  const names = new Map(order.items.map(({ sku, name }) => [sku, name]));
  return paper(slip, words.packingSlip, order.number, (sheet) => {
    const facts: Facts = [
      [words.order, order.number],
      [words.reference, order.reference],
      [words.parcel, words.parcelOf.replace('{nth}', String(nth)).replace('{all}', String(parcels))],
      [words.date, dateOf(slip)],
      [words.location, place.address ? undefined : place.location],
      [words.carrier, joined([shipment.carrier, shipment.trackingNumber]) || undefined],
    ];
    top(sheet, slip, order.shippingAddress, facts, order.number);
    title(sheet, `${words.packingSlip} ${order.number}`);
    table(
      sheet,
      [
        { head: words.item, width: sheet.width - 70, align: 'start' },
        { head: words.quantity, width: 70, align: 'end' },
      ],
      shipment.items.map(({ sku, quantity }) => ({ sku, name: names.get(sku) ?? sku, cells: [String(quantity)] })),
    );
  });
}

/** The bytes of the slip of a return. */
export function returnSlipOf(slip: ReturnSlip): Promise<Buffer> {
  const { order, entry, place } = slip;
  const words = SLIP_WORDS[slip.language];
  return paper(slip, words.returnSlip, entry.number, (sheet) => {
    const sender = order.shippingAddress && addressLines(order.shippingAddress, slip.language).join(', ');
    const facts: Facts = [
      [words.returnNumber, entry.number],
      [words.order, order.number],
      [words.reference, order.reference],
      [words.date, dateOf(slip)],
      [words.location, place.address ? undefined : place.location],
      [words.returnFrom, sender],
    ];
    top(sheet, slip, { ...(slip.shopName !== '' && { name: slip.shopName }), ...place.address }, facts, entry.number);
    title(sheet, `${words.returnSlip} ${entry.number}`);
    table(
      sheet,
      [
        { head: words.item, width: sheet.width - 70 - 150, align: 'start' },
        { head: words.reason, width: 150, align: 'start' },
        { head: words.quantity, width: 70, align: 'end' },
      ],
      entry.items.map(({ sku, name = sku, quantity, reasonCode }) => ({
        sku,
        name,
        cells: [reasonWords(words, reasonCode), String(quantity)],
      })),
    );
    if (!sheet.fits(40)) sheet.nextPage();
    sheet.y += 10;
    sheet.lines(words.inclosed, STRONG);
  });
}

function paper(
  { language, paper: size, at }: Slip,
  what: string,
  number: string,
  draw: (sheet: Sheet) => void,
): Promise<Buffer> {
  return printed({ title: `${what} ${number}`, language, paper: size, at }, (sheet) => {
    draw(sheet);
    sheet.feet([], SLIP_WORDS[language].page);
  });
}

/** Who sends and the bar code, and below who receives and the facts. */
function top(
  sheet: Sheet,
  { shopName, place, language }: Slip,
  to: Address | undefined,
  facts: Facts,
  number: string,
): void {
  const half = sheet.width / 2;
  const start = sheet.y;
  sheet.barcode(number, half, half);
  const codeEnds = sheet.y;
  sheet.y = start;
  const from = place.address ? addressLines(place.address, language) : [];
  const name = shopName || from[0] || place.location;
  sheet.text(name, { size: 13, weight: 'bold' }, 0, half);
  sheet.y += 20;
  const rest = from.filter((line) => line !== name);
  if (rest.length > 0) sheet.lines(joined(rest), SMALL, { width: half - 10, height: 10 });
  sheet.y = Math.max(sheet.y, codeEnds) + 24;
  const below = sheet.y;
  for (const line of to ? addressLines(to, language) : []) sheet.lines(line, { size: 10 }, { width: half, height: 14 });
  const ends = sheet.y;
  sheet.y = below;
  sheet.pairs(facts, half + 20, half - 20);
  sheet.y = Math.max(ends, sheet.y, below + 84) + 16;
}

function title(sheet: Sheet, text: string): void {
  sheet.text(text, { size: 16, weight: 'bold' });
  sheet.y += 32;
}

function table(
  sheet: Sheet,
  columns: readonly Column[],
  rows: readonly { readonly sku: string; readonly name: string; readonly cells: readonly string[] }[],
): void {
  sheet.head(columns);
  for (const row of rows) {
    const article = sheet.article(columns, row, row.cells);
    if (!sheet.fits(article.height)) {
      sheet.nextPage();
      sheet.head(columns);
    }
    article.draw();
  }
}

function dateOf({ language, at }: Slip): string {
  // Digits as the rest of the world reads them, whatever the language.
  return new Intl.DateTimeFormat(`${language}-u-nu-latn`, { dateStyle: 'medium', timeZone: 'UTC' }).format(at);
}
