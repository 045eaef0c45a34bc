/**
 * Which column of a file holds what: one entry per known layout. Adding a layout is adding an entry; a file
 * of no known layout is described by `--map field=Column` alone.
 */

/** What a line of a file can say, by the name used in `--map`. */
export const FIELDS = {
  invoice: 'number of the order; lines that share it are one order',
  sku: 'article number',
  name: 'what the customer calls the article',
  quantity: 'pieces',
  price: 'price of one piece',
  date: 'when the order was placed, kept as text',
  customer: 'customer number; empty: a guest',
  country: 'country of the customer',
  currency: 'ISO 4217 code',
  email: 'e-mail of the customer',
  phone: 'phone of the customer',
  recipient: 'name on the parcel',
  company: 'company on the parcel',
  street: 'street and number',
  street2: 'second line of the street',
  city: 'city',
  region: 'state or province',
  postalCode: 'postal code',
  tax: 'tax of the whole order',
  shipping: 'shipping cost of the whole order',
  discount: 'discount on the whole order',
  total: 'total the shop charged; checked against the lines',
  paymentState: 'whether the order was paid, voided or refunded',
  cancelledAt: 'filled in where the order was cancelled',
} as const;
export type Field = keyof typeof FIELDS;

export const REQUIRED_FIELDS = ['invoice', 'sku', 'quantity', 'price'] as const satisfies readonly Field[];

export interface Layout {
  /** Also the first part of idempotency keys, so it never changes. */
  readonly name: string;
  readonly columns: Readonly<Partial<Record<Field, string>>>;
  /** Where no column says it. */
  readonly currency?: string;
  /** Invoice numbers that take a sale back. */
  readonly cancellation?: RegExp;
  /** Payment states of orders that were no sale in the end. */
  readonly noSaleStates?: readonly string[];
}

export const LAYOUTS: readonly Layout[] = [
  {
    // https://archive.ics.uci.edu/dataset/352/online+retail
    name: 'online-retail',
    columns: {
      invoice: 'InvoiceNo',
      sku: 'StockCode',
      name: 'Description',
      quantity: 'Quantity',
      date: 'InvoiceDate',
      price: 'UnitPrice',
      customer: 'CustomerID',
      country: 'Country',
    },
    currency: 'GBP',
    cancellation: /^C/i,
  },
  {
    // https://help.shopify.com/en/manual/fulfillment/managing-orders/exporting-orders
    name: 'shopify',
    columns: {
      invoice: 'Name',
      sku: 'Lineitem sku',
      name: 'Lineitem name',
      quantity: 'Lineitem quantity',
      price: 'Lineitem price',
      date: 'Created at',
      customer: 'Email',
      email: 'Email',
      phone: 'Phone',
      currency: 'Currency',
      recipient: 'Shipping Name',
      company: 'Shipping Company',
      street: 'Shipping Street',
      city: 'Shipping City',
      region: 'Shipping Province',
      postalCode: 'Shipping Zip',
      country: 'Shipping Country',
      tax: 'Taxes',
      shipping: 'Shipping',
      discount: 'Discount Amount',
      total: 'Total',
      paymentState: 'Financial Status',
      cancelledAt: 'Cancelled at',
    },
    noSaleStates: ['voided', 'refunded', 'expired'],
  },
];

/** Where each field is found in the records of a file. */
export type Places = ReadonlyMap<Field, number>;

export interface LayoutChoice {
  readonly preset?: string | undefined;
  /** `field=Column` pairs that win over the preset's. */
  readonly map?: readonly string[];
}

function parseMap(pairs: readonly string[]): Partial<Record<Field, string>> {
  const columns: Partial<Record<Field, string>> = {};
  for (const pair of pairs) {
    const split = pair.indexOf('=');
    const field = pair.slice(0, Math.max(split, 0));
    if (!(field in FIELDS)) {
      throw new Error(`--map ${pair}: write field=Column, with a field out of ${Object.keys(FIELDS).join(', ')}.`);
    }
    columns[field as Field] = pair.slice(split + 1);
  }
  return columns;
}

/** The layout asked for, or the one whose required columns the header has. */
export function chooseLayout(header: readonly string[], choice: LayoutChoice): Layout {
  const mapped = parseMap(choice.map ?? []);
  if (choice.preset !== undefined) {
    const layout = LAYOUTS.find(({ name }) => name === choice.preset);
    if (!layout) {
      throw new Error(`There is no preset ${choice.preset}; there are ${LAYOUTS.map(({ name }) => name).join(', ')}.`);
    }
    return { ...layout, columns: { ...layout.columns, ...mapped } };
  }
  if (REQUIRED_FIELDS.every((field) => mapped[field] !== undefined)) return { name: 'csv', columns: mapped };
  const columnNames = new Set(header.map((column) => column.trim()));
  const known = LAYOUTS.find((layout) => REQUIRED_FIELDS.every((field) => columnNames.has(layout.columns[field]!)));
  if (known) return { ...known, columns: { ...known.columns, ...mapped } };
  throw new Error(
    `The columns (${header.join(', ')}) fit no preset (${LAYOUTS.map(({ name }) => name).join(', ')}); name them with --map invoice=… --map sku=… --map quantity=… --map price=…`,
  );
}

/** Finds the columns of a layout in a header. A missing required or mapped column is an error. */
export function placesOf(header: readonly string[], layout: Layout, choice: LayoutChoice): Places {
  const names = header.map((column) => column.trim());
  const demanded = new Set<Field>([...REQUIRED_FIELDS, ...(Object.keys(parseMap(choice.map ?? [])) as Field[])]);
  const places = new Map<Field, number>();
  for (const [field, column] of Object.entries(layout.columns) as [Field, string][]) {
    const place = names.indexOf(column);
    if (place >= 0) places.set(field, place);
    else if (demanded.has(field)) {
      throw new Error(`The file has no column "${column}" for the ${field}; its columns are: ${names.join(', ')}.`);
    }
  }
  return places;
}
