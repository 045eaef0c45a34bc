import type { DayOrder } from './dates.ts';
import type { DecimalMark } from './numbers.ts';
import { OPEN_WORDS, type State, STATUS_WORDS } from './states.ts';

/**
 * Which column of a file holds what: one entry per known layout. Adding a layout is adding an entry; a file of no known
 * layout is described by a mapping alone.
 */

/** What a line of a file can say, by the name used in `--map`. */
export const FIELDS = {
  invoice: 'number of the order; lines that share it are one order',
  sku: 'article number',
  name: 'what the customer calls the article',
  quantity: 'pieces',
  price: 'price of one piece; this or amount',
  amount: 'price of all pieces of the line',
  discountPercent: 'discount on the line, in percent',
  lineDiscount: 'discount on the line',
  packed: 'all items of the order in one cell',
  date: 'when the order was placed',
  status: 'where the order stands',
  delivery: 'whether it was delivered',
  paymentState: 'whether it was paid, voided or refunded',
  shippedAt: 'filled in where it was shipped',
  cancelledAt: 'filled in where it was cancelled',
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
  tax: 'tax, of the line or of the order',
  shipping: 'shipping cost, of the line or of the order',
  discount: 'discount, of the line or of the order',
  total: 'total the shop charged; checked against the lines',
  refunded: 'what was given back of it',
} as const;
export type Field = keyof typeof FIELDS;

/** A column, or several: their texts are joined, their amounts added. */
export type Columns = string | readonly string[];

export interface Preset {
  /** Also the first part of the keys of orders, so it never changes. */
  readonly name: string;
  /** By field the columns that may hold it; the first that the file has. */
  readonly columns: Readonly<Partial<Record<Field, readonly Columns[]>>>;
  /** Words of its status beside those that all have, in small letters. */
  readonly status?: Readonly<Record<string, State>>;
  /** Where its orders stand as far as no column says otherwise. */
  readonly state?: State;
  /** Where no column says it. */
  readonly currency?: string;
  readonly decimal?: DecimalMark;
  readonly days?: DayOrder;
  readonly prices?: 'include-tax' | 'exclude-tax';
  /** Order numbers that take a sale back. */
  readonly cancellation?: RegExp;
  /** An order of several items begins with a row of its own that names none. */
  readonly headRows?: true;
}

export const PRESETS: readonly Preset[] = [
  {
    // What `olms export orders` writes.
    name: 'olms',
    columns: {
      invoice: ['number'],
      sku: ['sku'],
      name: ['name'],
      quantity: ['quantity'],
      price: ['unitPrice'],
      date: ['createdAt'],
      status: ['status'],
      customer: ['customerId'],
      currency: ['currency'],
      email: ['email'],
      phone: ['phone'],
      recipient: ['recipient'],
      company: ['company'],
      street: ['line1'],
      street2: ['line2'],
      city: ['city'],
      region: ['region'],
      postalCode: ['postalCode'],
      country: ['country'],
      tax: ['tax'],
      shipping: ['shipping'],
      discount: ['discount'],
      total: ['totalAmount'],
      refunded: ['refundedAmount'],
    },
  },
  {
    // https://archive.ics.uci.edu/dataset/352/online+retail
    name: 'online-retail',
    columns: {
      invoice: ['InvoiceNo', 'Invoice'],
      sku: ['StockCode'],
      name: ['Description'],
      quantity: ['Quantity'],
      date: ['InvoiceDate'],
      price: ['UnitPrice', 'Price'],
      customer: ['CustomerID', 'Customer ID'],
      country: ['Country'],
    },
    currency: 'GBP',
    state: 'COMPLETED',
    cancellation: /^C/i,
  },
  {
    // https://help.shopify.com/en/manual/fulfillment/managing-orders/exporting-orders
    name: 'shopify',
    columns: {
      invoice: ['Name'],
      sku: ['Lineitem sku'],
      name: ['Lineitem name'],
      quantity: ['Lineitem quantity'],
      price: ['Lineitem price'],
      lineDiscount: ['Lineitem discount'],
      date: ['Created at'],
      delivery: ['Fulfillment Status'],
      paymentState: ['Financial Status'],
      cancelledAt: ['Cancelled at'],
      customer: ['Email'],
      email: ['Email'],
      phone: ['Phone', 'Shipping Phone'],
      currency: ['Currency'],
      recipient: ['Shipping Name'],
      company: ['Shipping Company'],
      street: ['Shipping Street', 'Shipping Address1'],
      city: ['Shipping City'],
      region: ['Shipping Province'],
      postalCode: ['Shipping Zip'],
      country: ['Shipping Country'],
      tax: ['Taxes'],
      shipping: ['Shipping'],
      discount: ['Discount Amount'],
      total: ['Total'],
      refunded: ['Refunded Amount'],
    },
  },
  {
    // The exports of its plugins: a row per line, or a row per order with the items packed in a cell.
    name: 'woocommerce',
    columns: {
      invoice: ['Order Number', 'order_number', 'Order ID', 'order_id', 'Order #'],
      sku: ['SKU', 'Product SKU', 'sku', 'item_sku', 'Item SKU'],
      name: ['Item Name', 'Product Name', 'item_name', 'Product Name(main)'],
      quantity: ['Quantity', 'Quantity (- Refund)', 'quantity', 'item_quantity', 'Item Quantity'],
      price: ['Item Cost', 'Item Price', 'item_price', 'Product Current Price', 'Price'],
      amount: ['Order Line Subtotal', 'Item Subtotal', 'item_subtotal', 'Order Line Total', 'item_total', 'Item Total'],
      packed: ['line_items', 'Line Items', 'Items', 'items', 'Products', 'products'],
      date: ['Order Date', 'order_date', 'date', 'Date'],
      status: ['Order Status', 'order_status', 'status', 'Status'],
      customer: ['Customer User ID', 'customer_user', 'customer_id', 'Customer User', 'Customer ID'],
      currency: ['Order Currency', 'order_currency', 'currency', 'Currency'],
      email: ['Email (Billing)', 'billing_email', 'Billing Email', 'Billing Email Address', 'customer_email'],
      phone: ['Phone (Billing)', 'billing_phone', 'Billing Phone'],
      recipient: [
        ['First Name (Shipping)', 'Last Name (Shipping)'],
        ['shipping_first_name', 'shipping_last_name'],
        ['Shipping First Name', 'Shipping Last Name'],
        ['First Name (Billing)', 'Last Name (Billing)'],
        ['billing_first_name', 'billing_last_name'],
      ],
      company: ['shipping_company', 'Company (Billing)', 'Shipping Company'],
      street: ['Address 1&2 (Shipping)', 'shipping_address_1', 'Shipping Address 1', 'Address 1&2 (Billing)'],
      street2: ['shipping_address_2', 'Shipping Address 2'],
      city: ['City (Shipping)', 'shipping_city', 'Shipping City'],
      region: ['State Code (Shipping)', 'shipping_state', 'Shipping State'],
      postalCode: ['Postcode (Shipping)', 'shipping_postcode', 'Shipping Postcode'],
      country: ['Country Code (Shipping)', 'shipping_country', 'Shipping Country'],
      tax: ['Order Total Tax Amount', 'tax_total', 'order_tax', 'Order Tax', 'total_tax'],
      shipping: ['Order Shipping Amount', 'shipping_total', 'order_shipping', 'Order Shipping'],
      discount: ['Cart Discount Amount', 'discount_total', 'cart_discount', 'Order Discount'],
      total: ['Order Total Amount', 'order_total', 'Order Total', 'total'],
      refunded: ['Order Refund Amount', 'refunded_total', 'total_refunded', 'Refund Amount'],
    },
  },
  {
    // https://developer-docs.amazon.com: flat file of all orders
    name: 'amazon',
    columns: {
      invoice: ['amazon-order-id', 'order-id'],
      sku: ['sku'],
      name: ['product-name'],
      quantity: ['quantity', 'quantity-purchased'],
      amount: ['item-price'],
      date: ['purchase-date'],
      status: ['order-status'],
      currency: ['currency'],
      email: ['buyer-email'],
      phone: ['buyer-phone-number', 'ship-phone-number'],
      recipient: ['recipient-name'],
      street: ['ship-address-1'],
      street2: ['ship-address-2'],
      city: ['ship-city'],
      region: ['ship-state'],
      postalCode: ['ship-postal-code'],
      country: ['ship-country'],
      tax: [['item-tax', 'shipping-tax'], 'item-tax'],
      shipping: ['shipping-price'],
      discount: [['item-promotion-discount', 'ship-promotion-discount'], 'item-promotion-discount'],
    },
    status: { unshipped: 'OPEN', 'partially shipped': 'OPEN', 'pending availability': 'OPEN' },
  },
  {
    // https://help.etsy.com: sold order items
    name: 'etsy',
    columns: {
      invoice: ['Order ID'],
      sku: ['SKU'],
      name: ['Item Name'],
      quantity: ['Quantity'],
      price: ['Price'],
      date: ['Sale Date'],
      shippedAt: ['Date Shipped'],
      customer: ['Buyer'],
      currency: ['Currency'],
      recipient: ['Ship Name'],
      street: ['Ship Address1'],
      street2: ['Ship Address2'],
      city: ['Ship City'],
      region: ['Ship State'],
      postalCode: ['Ship Zipcode'],
      country: ['Ship Country'],
      tax: ['Order Sales Tax'],
      shipping: ['Order Shipping'],
      discount: ['Discount Amount'],
      total: ['Order Total'],
    },
    state: 'OPEN',
    days: 'month-first',
  },
  {
    // https://www.ebay.com/help: orders report
    name: 'ebay',
    columns: {
      invoice: ['Order Number', 'Sales Record Number'],
      sku: ['Custom Label', 'Custom label (SKU)', 'Custom Label (SKU)'],
      name: ['Item Title', 'Item title'],
      quantity: ['Quantity'],
      price: ['Sold For', 'Sold for'],
      date: ['Sale Date', 'Sale date'],
      shippedAt: ['Shipped On Date', 'Shipped on date', 'Shipped On'],
      customer: ['Buyer Username', 'Buyer username'],
      currency: ['Currency'],
      email: ['Buyer Email', 'Buyer email'],
      phone: ['Ship To Phone', 'Ship to phone'],
      recipient: ['Ship To Name', 'Ship to name'],
      street: ['Ship To Address 1', 'Ship to address 1'],
      street2: ['Ship To Address 2', 'Ship to address 2'],
      city: ['Ship To City', 'Ship to city'],
      region: ['Ship To State', 'Ship to state'],
      postalCode: ['Ship To Zip', 'Ship to zip'],
      country: ['Ship To Country', 'Ship to country'],
      tax: ['Seller Collected Tax', 'Seller collected tax'],
      shipping: ['Shipping And Handling', 'Postage and packaging', 'Shipping and handling'],
      total: ['Total Price', 'Total price'],
    },
    state: 'OPEN',
    days: 'month-first',
    headRows: true,
  },
  {
    // https://squareup.com/help: items detail
    name: 'square',
    columns: {
      invoice: ['Transaction ID'],
      sku: ['SKU'],
      name: ['Item'],
      quantity: ['Qty'],
      amount: ['Gross Sales'],
      date: [['Date', 'Time'], 'Date'],
      status: ['Event Type'],
      customer: ['Customer ID'],
      currency: ['Currency'],
      recipient: ['Customer Name'],
      tax: ['Tax'],
      discount: ['Discounts'],
    },
    status: { payment: 'COMPLETED', refund: 'REFUNDED' },
    state: 'COMPLETED',
    days: 'month-first',
  },
  {
    // Sales orders; what an order says once stands in its first row.
    name: 'odoo',
    columns: {
      invoice: ['Order Reference', 'name'],
      sku: ['Order Lines/Product/Internal Reference', 'order_line/product_id/default_code'],
      name: ['Order Lines/Product', 'Order Lines/Description', 'order_line/product_id', 'order_line/name'],
      quantity: ['Order Lines/Quantity', 'order_line/product_uom_qty'],
      price: ['Order Lines/Unit Price', 'order_line/price_unit'],
      discountPercent: ['Order Lines/Discount (%)', 'order_line/discount'],
      date: ['Order Date', 'date_order'],
      status: ['Status', 'state'],
      delivery: ['Delivery Status', 'delivery_status'],
      customer: ['Customer', 'partner_id'],
      email: ['Customer/Email', 'partner_id/email'],
      currency: ['Currency', 'currency_id'],
      tax: ['Taxes', 'amount_tax'],
      total: ['Total', 'amount_total'],
    },
    status: {
      'sales order': 'OPEN',
      sale: 'OPEN',
      locked: 'COMPLETED',
      quotation: 'UNPAID',
      'quotation sent': 'UNPAID',
      draft: 'UNPAID',
      sent: 'UNPAID',
    },
  },
  {
    // Data export of sales orders or sales invoices.
    name: 'erpnext',
    columns: {
      invoice: ['ID', 'name'],
      sku: ['Item Code (Items)', 'Item (Items)'],
      name: ['Item Name (Items)', 'Description (Items)'],
      quantity: ['Quantity (Items)', 'Qty (Items)'],
      price: ['Rate (Items)'],
      amount: ['Amount (Items)'],
      date: ['Date', 'Posting Date', 'Transaction Date'],
      status: ['Status'],
      customer: ['Customer'],
      email: ['Contact Email'],
      currency: ['Currency'],
      tax: ['Total Taxes and Charges'],
      discount: ['Additional Discount Amount'],
      total: ['Grand Total', 'Rounded Total'],
    },
    status: {
      'to deliver and bill': 'OPEN',
      'to deliver': 'OPEN',
      'to bill': 'COMPLETED',
      closed: 'CANCELLED',
      draft: 'UNPAID',
      unpaid: 'UNPAID',
      overdue: 'UNPAID',
      return: 'REFUNDED',
      'credit note issued': 'REFUNDED',
    },
  },
];

/** Where an order stands by a word of its file; undefined for a word that nobody explained. */
export function stateOfWord(
  word: string,
  own: Readonly<Record<string, State>>,
  preset: Preset | undefined,
): State | undefined {
  const plain = word
    .trim()
    .toLowerCase()
    .replace(/^wc-/, '')
    .replace(/[\s_-]+/g, ' ');
  const listed = own[plain] ?? preset?.status?.[plain] ?? STATUS_WORDS[plain];
  if (listed) return listed;
  // `Shipped - Delivered to Buyer`: what stands first is the status.
  const [first, ...details] = word.toLowerCase().split(' - ');
  if (details.length > 0 && /returned/.test(details.join(' '))) return 'REFUNDED';
  return details.length > 0 ? STATUS_WORDS[first!.trim()] : OPEN_WORDS.has(plain) ? 'OPEN' : undefined;
}
