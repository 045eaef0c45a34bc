import { cut } from '#contracts/text.ts';
import { currencyExponent } from '#contracts/currencies.ts';
import { formatAmount, formatUnitPrice, lineAmount, parseAmount, parseUnitPrice } from '#contracts/money.ts';
import { valueOf } from './group.ts';
import type { CsvRecord } from './csv.ts';
import type { Mapping } from './mapping.ts';
import { decimalOf, plainText, SCIENTIFIC, wholeOf } from './numbers.ts';
import type { Field } from './presets.ts';
import type { Reason } from './reasons.ts';

/** What lines sell. */

export interface Item {
  readonly sku: string;
  readonly name: string | undefined;
  readonly quantity: number;
  readonly unitPrice: string;
}

/** A line, or why it sells nothing. Amounts are minor units; they are there as far as they could be read. */
export interface ReadLine {
  readonly line: number;
  readonly items: readonly Item[];
  /** What its pieces cost together, before its discount. */
  readonly amount: bigint;
  readonly discount: bigint;
  readonly refused?: { readonly reason: Reason; readonly value: string } | undefined;
}

const SKU_MAX = 100;
const NAME_MAX = 300;
const QUANTITY_MAX = 1_000_000;
const PERCENT_SCALE = 10_000n;
const PRICE_SCALE = 10_000n;
// oxlint-disable-next-line no-control-regex -- what no order may hold
export const CONTROL = /[\u0000-\u001f\u007f]/;

type Cells = (field: Field) => string;

/** The lines of a row: one, or as many as are packed in its cell; none where it only heads the others. */
export function readRow(record: CsvRecord, mapping: Mapping, currency: string): ReadLine[] {
  const cells: Cells = (field) => valueOf(record, mapping.places, field);
  const packed = cells('packed');
  if (packed === '' || cells('sku') !== '') {
    const isHead = mapping.preset?.headRows === true && cells('sku') === '' && cells('name') === '';
    return isHead ? [] : [readLine(record.line, cells, mapping, currency)];
  }
  const items = unpacked(packed);
  if (!items)
    return [
      {
        line: record.line,
        items: [],
        amount: 0n,
        discount: 0n,
        refused: { reason: 'items_malformed', value: packed.slice(0, 80) },
      },
    ];
  return items.map((item) => readLine(record.line, (field) => item[field] ?? '', mapping, currency));
}

function readLine(line: number, cells: Cells, mapping: Mapping, currency: string): ReadLine {
  let amount = 0n;
  let discount = 0n;
  const refuse = (reason: Reason, value: string): ReadLine => ({
    line,
    items: [],
    amount,
    discount,
    refused: { reason, value },
  });
  const { decimal, skuFromName } = mapping;
  const name = cut(cells('name').replaceAll('\0', ''), NAME_MAX);
  const sku = cells('sku') === '' && skuFromName ? name : cells('sku');

  const quantityText = cells('quantity');
  const quantity = wholeOf(quantityText, decimal);
  const amountText = cells('amount');
  const priceText = cells('price');
  const given = amountText === '' ? undefined : decimalOf(amountText, decimal);
  const price = priceText === '' ? undefined : decimalOf(priceText, decimal);
  const sum = given === undefined ? undefined : parseAmount(given, currency);
  if (sum !== undefined) amount = sum;
  else if (quantity !== undefined && price !== undefined) amount = signedAmount(quantity, price, currency) ?? 0n;

  if (sku === '') return refuse('no_sku', name);
  if (sku.length > SKU_MAX || CONTROL.test(sku)) return refuse('sku_invalid', sku.slice(0, SKU_MAX));
  if (SCIENTIFIC.test(sku)) return refuse('sku_rounded', sku);
  if (quantity === undefined) return refuse('quantity_malformed', quantityText);
  if (quantity <= 0) return refuse('quantity_not_positive', quantityText);
  if (quantity > QUANTITY_MAX) return refuse('quantity_too_large', quantityText);
  const named = name === '' ? undefined : name;
  let items: Item[];
  if (amountText !== '') {
    if (given === undefined || sum === undefined) return refuse('price_malformed', amountText);
    if (sum < 0n) return refuse('price_negative', amountText);
    items = shared(sum, quantity, currency).map((part) => ({ sku, name: named, ...part }));
  } else {
    if (price === undefined) return refuse('price_malformed', priceText);
    if (price.startsWith('-')) return refuse('price_negative', priceText);
    if (parseUnitPrice(price) === undefined) return refuse('price_too_fine', priceText);
    if (lineAmount(quantity, price, currency) === undefined) return refuse('amount_too_large', priceText);
    items = [{ sku, name: named, quantity, unitPrice: formatUnitPrice(price, currency)! }];
  }
  const reduction = discountOf(cells, { quantity, price, amount, currency, decimal });
  if (reduction === undefined) return refuse('discount_malformed', cells('discountPercent') || cells('lineDiscount'));
  discount = reduction;
  return { line, items, amount, discount };
}

/** Quantity × price, rounded once, half away from zero, whatever the sign. */
function signedAmount(quantity: number, price: string, currency: string): bigint | undefined {
  const negative = quantity < 0 !== price.startsWith('-');
  const amount = lineAmount(quantity < 0 ? -quantity : quantity, price.replace('-', ''), currency);
  return amount === undefined ? undefined : negative ? -amount : amount;
}

/** A price of one piece of which the line costs exactly the amount; two where no single one does. */
function shared(amount: bigint, quantity: number, currency: string): { quantity: number; unitPrice: string }[] {
  const pieces = BigInt(quantity);
  const minor = 10n ** BigInt(currencyExponent(currency)!);
  const fine = (amount * PRICE_SCALE * 2n + pieces * minor) / (2n * pieces * minor);
  const unitPrice = formatUnitPrice(decimalText(fine), currency)!;
  if (lineAmount(quantity, unitPrice, currency) === amount) return [{ quantity, unitPrice }];
  const [base, more] = [amount / pieces, Number(amount % pieces)];
  return [
    { quantity: more, unitPrice: formatAmount(base + 1n, currency) },
    { quantity: quantity - more, unitPrice: formatAmount(base, currency) },
  ];
}

function decimalText(scaled: bigint): string {
  const digits = scaled.toString().padStart(5, '0');
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`.replace(/\.?0+$/, '');
}

function discountOf(
  cells: Cells,
  {
    quantity,
    price,
    amount,
    currency,
    decimal,
  }: {
    readonly quantity: number;
    readonly price: string | undefined;
    readonly amount: bigint;
    readonly currency: string;
    readonly decimal: Mapping['decimal'];
  },
): bigint | undefined {
  const percentText = cells('discountPercent');
  const lineText = cells('lineDiscount');
  let discount = 0n;
  if (percentText !== '') {
    const percent = parseUnitPrice(decimalOf(percentText.replace('%', ''), decimal) ?? '');
    if (percent === undefined || percent > 100n * PERCENT_SCALE) return undefined;
    const unit = price === undefined ? undefined : parseUnitPrice(price);
    const kept = 100n * PERCENT_SCALE - percent;
    const minor = 10n ** BigInt(currencyExponent(currency)!);
    // As the shop does: the reduced price of the line is rounded once.
    const reduced =
      unit === undefined
        ? halfUp(amount * kept, 100n * PERCENT_SCALE)
        : halfUp(BigInt(quantity) * unit * minor * kept, PRICE_SCALE * 100n * PERCENT_SCALE);
    discount += amount - reduced;
  }
  if (lineText !== '') {
    const text = decimalOf(lineText, decimal)?.replace('-', '');
    const minor = text === undefined ? undefined : parseAmount(text, currency);
    if (minor === undefined || minor > amount) return undefined;
    discount += minor;
  }
  return discount;
}

function halfUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator * 2n + denominator) / (2n * denominator);
}

type PackedItem = Partial<Record<Field, string>>;

const PACKED_KEYS: Readonly<Record<string, Field>> = {
  sku: 'sku',
  product_sku: 'sku',
  name: 'name',
  product_name: 'name',
  quantity: 'quantity',
  qty: 'quantity',
  subtotal: 'amount',
  sub_total: 'amount',
  total: 'amount',
  price: 'price',
};

/** Items that stand in one cell: JSON, or `sku:CUP|quantity:2|total:5.00; sku:…`. Undefined for what is neither. */
export function unpacked(cell: string): PackedItem[] | undefined {
  const text = cell.trim();
  const lists = text.startsWith('[') || text.startsWith('{') ? fromJson(text) : fromPairs(text);
  if (!lists || lists.length === 0) return undefined;
  const items = lists.map((pairs): PackedItem => {
    const item: PackedItem = {};
    for (const [key, value] of pairs) {
      const field =
        PACKED_KEYS[
          key
            .trim()
            .toLowerCase()
            .replace(/[\s-]+/g, '_')
        ];
      // What the pieces cost before the discount says more than after it.
      const isWeaker = field === 'amount' && key.trim().toLowerCase() === 'total' && item.amount !== undefined;
      if (field && !isWeaker) item[field] = plainText(value);
    }
    if (item.amount !== undefined) delete item.price;
    return item;
  });
  return items.every((item) => item.quantity !== undefined && (item.amount ?? item.price) !== undefined)
    ? items
    : undefined;
}

function fromJson(text: string): (readonly [string, string])[][] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const list = Array.isArray(parsed) ? parsed : [parsed];
    return list.map((item) =>
      Object.entries(item as object).map(
        ([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)] as const,
      ),
    );
  } catch {
    return undefined;
  }
}

function fromPairs(text: string): (readonly [string, string])[][] {
  return text
    .split(/\s*(?:;|\n|\|\|)\s*(?=[\w ]+:)/)
    .filter((part) => part.trim() !== '')
    .map((part) =>
      part.split('|').map((pair) => {
        const split = pair.indexOf(':');
        return [pair.slice(0, Math.max(split, 0)), pair.slice(split + 1)] as const;
      }),
    );
}
