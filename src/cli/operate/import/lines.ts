import { parseUnitPrice } from '#contracts/money.ts';
import type { CsvRecord } from './csv.ts';
import type { Field, Layout, Places } from './layouts.ts';

/** Why a line or an order of a file is not taken. The names are stable; programs read them in the report. */
export const REASONS = {
  column_count: 'other number of columns than the header',
  no_invoice: 'no invoice number',
  cancellation: 'cancellation invoice',
  no_sku: 'no article number',
  sku_invalid: 'article number too long or with control characters',
  quantity_malformed: 'quantity is not a whole number',
  quantity_not_positive: 'quantity is not positive',
  quantity_too_large: 'quantity above 1,000,000',
  price_malformed: 'price is not a decimal number',
  price_not_positive: 'price is not positive, so it is no sale',
  price_too_fine: 'price has more than four decimals',
  amount_too_large: 'the amount of a line is too large',
  no_line_left: 'no line left to sell',
  invoice_invalid: 'invoice number too long or with control characters',
  currency_unknown: 'no currency, or one that ISO 4217 does not list',
  cancelled: 'the order was cancelled in the shop',
  no_sale: 'the order was voided or refunded in the shop',
  charge_malformed: 'tax, shipping or discount is not an amount in the currency',
  total_mismatch: "the shop's total is not what the lines add up to",
} as const;
export type Reason = keyof typeof REASONS;

/** A line that can be sold. */
export interface SoldLine {
  readonly line: number;
  readonly sku: string;
  readonly name: string | undefined;
  readonly quantity: number;
  readonly unitPrice: string;
}

const SKU_MAX = 100;
const NAME_MAX = 300;
const QUANTITY_MAX = 1_000_000;
const WHOLE = /^([+-]?\d{1,15})(?:\.0*)?$/;
const DECIMAL = /^[+-]?(?:\d{1,16}(?:\.\d{0,30})?|\.\d{1,30})$/;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

export function fieldOf(record: CsvRecord, places: Places, field: Field): string {
  const place = places.get(field);
  return place === undefined ? '' : (record.fields[place] ?? '').trim();
}

/** "2.50" of "+2.5" or ".5", without what a float column of a spreadsheet adds; undefined for anything else. */
function decimalOf(text: string): string | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const negative = text.startsWith('-');
  const [whole = '', fraction = ''] = text.replace(/^[+-]/, '').split('.');
  const digits = fraction.replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole === '' ? '0' : whole}${digits === '' ? '' : `.${digits}`}`;
}

/** What a line sells, or why it sells nothing. */
export function readLine(record: CsvRecord, places: Places, layout: Layout): SoldLine | Reason {
  const text = (field: Field): string => fieldOf(record, places, field);
  if (layout.cancellation?.test(text('invoice'))) return 'cancellation';
  const sku = text('sku');
  if (sku === '') return 'no_sku';
  if (sku.length > SKU_MAX || CONTROL.test(sku)) return 'sku_invalid';
  const pieces = WHOLE.exec(text('quantity'));
  if (!pieces) return 'quantity_malformed';
  const quantity = Number(pieces[1]);
  if (quantity <= 0) return 'quantity_not_positive';
  if (quantity > QUANTITY_MAX) return 'quantity_too_large';
  const unitPrice = decimalOf(text('price'));
  if (unitPrice === undefined) return 'price_malformed';
  if (unitPrice.startsWith('-') || /^0*(\.0*)?$/.test(unitPrice)) return 'price_not_positive';
  if (parseUnitPrice(unitPrice) === undefined) return 'price_too_fine';
  const name = text('name').replaceAll('\0', '').slice(0, NAME_MAX);
  return { line: record.line, sku, name: name === '' ? undefined : name, quantity, unitPrice };
}

/** "2.55" of "2.550"; for amounts of the whole order. */
export function amountText(text: string): string | undefined {
  return decimalOf(text);
}
