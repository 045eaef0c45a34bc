import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ImportKind } from '#orders/rules/imports.ts';
import { readOrders } from '#tests/support/read-orders.ts';
import type { MappingOptions } from './mapping.ts';
import type { ReadOrder } from './request.ts';

/** Small files of every known layout, as their systems write them; each total is the file's own. */

interface Seen {
  readonly number: string;
  readonly total: string;
  readonly [field: string]: unknown;
}

function seen({ number, total, currency, refused, order }: ReadOrder): Seen {
  const minor = total.toString();
  if (refused) return { number, total: minor, refused: refused.reason, detail: refused.detail };
  const { status, refunds, createdAt, items } = order!;
  return {
    number,
    total: minor,
    currency,
    items: items.map(({ sku, quantity, unitPrice }) => `${quantity} ${sku} ${unitPrice}`),
    ...(status !== undefined && { status }),
    ...(createdAt !== undefined && { createdAt }),
    ...(refunds && { refunded: refunds.map(({ amount }) => amount) }),
  };
}

async function read(
  lines: readonly string[],
  options: MappingOptions = {},
  as: ImportKind = 'history',
  currency?: string,
): Promise<{ preset: string; orders: Seen[]; first: ReadOrder }> {
  const { preset, orders } = await readOrders(`${lines.join('\n')}\n`, options, { as, currency });
  return { preset, orders: orders.map(seen), first: orders[0]! };
}

describe('a file of', () => {
  test('Shopify: charges once, discounts of lines, states out of two columns', async () => {
    const header =
      'Name,Email,Financial Status,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem discount,Shipping Name,Shipping Zip,Cancelled at,Refunded Amount';
    const { preset, orders, first } = await read([
      header,
      "#1001,ada@example.com,paid,fulfilled,EUR,25.00,4.90,4.77,29.90,TEN,5.00,2024-03-05 10:20:30 +0100,2,Mug,10.00,MUG,0.00,Ada,'01067,,0.00",
      '#1001,ada@example.com,,,,,,,,,,,1,Cup,10.00,CUP,0.00,,,,',
      '#1002,bob@example.com,partially_refunded,fulfilled,EUR,18.00,0.00,0.00,18.00,,0.00,2024-03-06 00:00:00 +0100,2,Mug,10.00,MUG,2.00,Bob,,,3.50',
      '#1003,,refunded,unfulfilled,EUR,10.00,0.00,0.00,10.00,,0.00,2024-03-06 01:00:00 +0100,1,Mug,10.00,MUG,0.00,,,,10.00',
      '#1004,,voided,unfulfilled,EUR,10.00,0.00,0.00,10.00,,0.00,2024-03-06 01:00:00 +0100,1,Mug,10.00,MUG,0.00,,,2024-03-07 01:00:00 +0100,0.00',
      '#1005,,paid,unfulfilled,EUR,10.00,0.00,0.00,10.00,,0.00,2024-03-06 01:00:00 +0100,1,Mug,10.00,MUG,0.00,,,,0.00',
    ]);
    expect(preset).toBe('shopify');
    expect(orders).toEqual([
      {
        number: '#1001',
        total: '2990',
        currency: 'EUR',
        items: ['2 MUG 10.00', '1 CUP 10.00'],
        status: 'COMPLETED',
        createdAt: '2024-03-05T09:20:30.000Z',
      },
      expect.objectContaining({ number: '#1002', total: '1800', status: 'COMPLETED', refunded: ['3.50'] }),
      expect.objectContaining({ number: '#1003', status: 'COMPLETED', refunded: ['10.00'] }),
      expect.objectContaining({ number: '#1004', status: 'CANCELLED' }),
      { number: '#1005', total: '1000', refused: 'still_open', detail: expect.anything() },
    ]);
    // 30.00 + 4.90 − 5.00 is the total already, so its tax is in the prices.
    expect(first.order).toMatchObject({
      customerId: 'ada@example.com',
      contact: { email: 'ada@example.com' },
      shippingAddress: { name: 'Ada', postalCode: '01067' },
      discountLines: [{ amount: '5.00' }],
      shippingLines: [{ amount: '4.90' }],
      metadata: { taxIncluded: '4.77' },
    });
    expect(first.order!.taxLines).toBeUndefined();
  });

  test('WooCommerce with a row per line, charges repeated on every row', async () => {
    const { preset, orders, first } = await read([
      'Order Number,Order Status,Order Date,Email (Billing),SKU,Item Name,Quantity,Item Cost,Cart Discount Amount,Order Shipping Amount,Order Total Tax Amount,Order Total Amount,Order Refund Amount,Order Currency',
      '501,Completed,2024-01-05 09:30,a@b.c,MUG,Mug,2,10.00,3.00,5.00,4.40,31.40,0.00,USD',
      '501,Completed,2024-01-05 09:30,a@b.c,CUP,Cup,1,5.00,3.00,5.00,4.40,31.40,0.00,USD',
      '502,wc-refunded,2024-01-05 09:30,a@b.c,MUG,Mug,1,10.00,0,0,0,10.00,10.00,USD',
      '503,processing,2024-01-05 09:30,a@b.c,MUG,Mug,1,10.00,0,0,0,10.00,0,USD',
      '504,failed,2024-01-05 09:30,a@b.c,MUG,Mug,1,10.00,0,0,0,10.00,0,USD',
    ]);
    expect(preset).toBe('woocommerce');
    expect(orders).toMatchObject([
      { number: '501', total: '3140', status: 'COMPLETED', createdAt: '2024-01-05T09:30:00.000Z' },
      { number: '502', total: '1000', status: 'COMPLETED', refunded: ['10.00'] },
      { number: '503', refused: 'still_open', detail: 'processing' },
      { number: '504', status: 'PAYMENT_FAILED' },
    ]);
    expect(first.order).toMatchObject({
      taxLines: [{ amount: '4.40' }],
      shippingLines: [{ amount: '5.00' }],
      discountLines: [{ amount: '3.00' }],
    });
  });

  test.each([
    [
      'pairs',
      '"id:1|name:Mug|sku:MUG|quantity:2|subtotal:20.00|total:18.00; id:2|name:Cup|sku:CUP|quantity:1|subtotal:5.00|total:5.00"',
    ],
    [
      'JSON',
      '"[{""name"":""Mug"",""sku"":""MUG"",""quantity"":2,""subtotal"":""20.00"",""total"":""18.00""},{""name"":""Cup"",""sku"":""CUP"",""quantity"":1,""subtotal"":""5.00""}]"',
    ],
  ])('WooCommerce with the items packed in a cell as %s', async (_, cell) => {
    const { preset, orders } = await read([
      'order_id,order_number,date,status,shipping_total,tax_total,discount_total,order_total,refunded_total,order_currency,customer_id,billing_email,line_items',
      `77,77,2024-05-01 12:00:00,completed,4.00,0.00,2.00,27.00,0.00,EUR,9,a@b.c,${cell}`,
    ]);
    expect(preset).toBe('woocommerce');
    expect(orders).toMatchObject([
      { number: '77', total: '2700', items: ['2 MUG 10.00', '1 CUP 5.00'], status: 'COMPLETED' },
    ]);
  });

  test('Amazon: tabs, an inch sign, the price of the line, charges per line', async () => {
    const { preset, orders, first } = await read([
      'amazon-order-id\tpurchase-date\torder-status\tproduct-name\tsku\tquantity\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax\titem-promotion-discount\tship-promotion-discount\tship-city',
      '112-1\t2024-02-01T10:00:00+00:00\tShipped - Delivered to Buyer\tScreen 24" wide\tTV-24\t2\tUSD\t42.00\t3.36\t5.00\t0.40\t1.00\t0\tAustin',
      '112-1\t2024-02-01T10:00:00+00:00\tShipped\tCable\tCAB\t1\tUSD\t7.00\t0.56\t2.00\t0.16\t0\t0\tAustin',
      '112-2\t2024-02-01T10:00:00+00:00\tCancelled\tCable\tCAB\t1\tUSD\t7.00\t0\t0\t0\t0\t0\tAustin',
      '112-3\t2024-02-01T10:00:00+00:00\tUnshipped\tCable\tCAB\t1\tUSD\t7.00\t0\t0\t0\t0\t0\tAustin',
    ]);
    expect(preset).toBe('amazon');
    expect(orders).toMatchObject([
      // 42 + 7 + tax 3.36 + 0.40 + 0.56 + 0.16 + shipping 7 − 1
      { number: '112-1', total: '5948', items: ['2 TV-24 21.00', '1 CAB 7.00'], status: 'COMPLETED' },
      { number: '112-2', status: 'CANCELLED' },
      { number: '112-3', refused: 'still_open' },
    ]);
    expect(first.order!.items[0]!.name).toBe('Screen 24" wide');
  });

  test('Etsy: articles known by their name, shipped where it says so', async () => {
    const header =
      'Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Order Shipping,Order Sales Tax,Currency,Order ID,Date Shipped,Ship Name,SKU';
    const lines = [
      header,
      '03/05/24,"Mug, blue",ada,2,12.00,0.00,4.00,0.00,EUR,3001,03/07/2024,Ada,',
      '03/06/24,Cup,bob,1,5.00,0.00,0.00,0.00,EUR,3002,,Bob,CUP',
    ];
    const { preset, orders } = await read(lines, { skuFrom: 'name' });
    expect(preset).toBe('etsy');
    expect(orders).toMatchObject([
      {
        number: '3001',
        total: '2800',
        items: ['2 Mug, blue 12.00'],
        status: 'COMPLETED',
        createdAt: '2024-03-05T00:00:00.000Z',
      },
      { number: '3002', refused: 'still_open' },
    ]);
    expect((await read(lines)).orders[0]).toMatchObject({ refused: 'no_sku', total: '2800' });
    expect((await read(lines, {}, 'open')).orders[1]).toMatchObject({ total: '500', items: ['1 CUP 5.00'] });
  });

  test('eBay: blank lines above, a row that heads the items, a footer', async () => {
    const { preset, orders } = await read(
      [
        '',
        'Sales Record Number,Order Number,Buyer Username,Buyer Email,Item Number,Item Title,Custom Label,Quantity,Sold For,Shipping And Handling,Seller Collected Tax,Total Price,Sale Date,Paid On Date,Shipped On Date',
        '',
        '101,11-1,ada,a@b.c,,,,3,,$4.00,$0.00,$29.00,Jan-05-24,Jan-05-24,Jan-06-24',
        '101,11-1,,,900,Mug,MUG,2,$10.00,,,,,,',
        '101,11-1,,,901,Cup,CUP,1,$5.00,,,,,,',
        '',
        '1,record(s) downloaded,,,,,,,,,,,,,',
      ],
      {},
      'history',
      'USD',
    );
    expect(preset).toBe('ebay');
    expect(orders).toMatchObject([
      {
        number: '11-1',
        total: '2900',
        items: ['2 MUG 10.00', '1 CUP 5.00'],
        status: 'COMPLETED',
        createdAt: '2024-01-05T00:00:00.000Z',
      },
    ]);
  });

  test('Square: dollars, brackets, date and time apart', async () => {
    const { preset, orders } = await read(
      [
        'Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Gross Sales,Discounts,Net Sales,Tax,Transaction ID,Payment ID,Event Type,Customer ID',
        '2024-06-01,10:15:00,Eastern Time,Drinks,Coffee,2,,COF,"$1,212.50",($2.00),"$1,210.50",$1.00,T1,P1,Payment,C1',
        '2024-06-01,10:15:00,Eastern Time,Food,Cake,1,,CAKE,$4.00,$0.00,$4.00,$0.40,T1,P1,Payment,C1',
        '2024-06-01,11:15:00,Eastern Time,Food,Cake,-1,,CAKE,-$4.00,$0.00,-$4.00,-$0.40,T2,P2,Refund,C1',
      ],
      { timeZone: 'America/New_York' },
      'history',
      'USD',
    );
    expect(preset).toBe('square');
    expect(orders).toMatchObject([
      {
        number: 'T1',
        total: '121590',
        items: ['2 COF 606.25', '1 CAKE 4.00'],
        status: 'COMPLETED',
        createdAt: '2024-06-01T14:15:00.000Z',
      },
      { number: 'T2', total: '-400', refused: 'quantity_not_positive' },
    ]);
  });

  test('Odoo: follow-on lines without a number, discounts in percent', async () => {
    const { preset, orders, first } = await read(
      [
        'Order Reference,Order Date,Customer,Order Lines/Product/Internal Reference,Order Lines/Product,Order Lines/Quantity,Order Lines/Unit Price,Order Lines/Discount (%),Taxes,Total,Status,Delivery Status',
        'S00021,2024-04-01 08:00:00,Azure Interior,DESK,Desk,2.00,100.00,10.00,34.20,214.14,Sales Order,Fully Delivered',
        ',,,LAMP,Lamp,3.00,0.3333,33.00,,,,',
        ',,,FREE,Gift,1.00,0.00,0.00,,,,',
        'S00022,2024-04-02 08:00:00,Gemini,DESK,Desk,1.00,100.00,0.00,19.00,119.00,Sales Order,Not Delivered',
        'S00023,2024-04-02 08:00:00,Gemini,DESK,Desk,1.00,100.00,0.00,19.00,119.00,Cancelled,',
      ],
      {},
      'history',
      'EUR',
    );
    expect(preset).toBe('odoo');
    // 180.00 + 0.67 + 0.00 is 180.67; the total says 214.14, and with tax it is 214.87.
    expect(orders[0]).toMatchObject({ number: 'S00021', refused: 'total_mismatch', total: '21414' });
    expect(orders[0]!['detail']).toContain('214.14');
    expect(orders.slice(1)).toMatchObject([
      { number: 'S00022', refused: 'still_open' },
      { number: 'S00023', status: 'CANCELLED' },
    ]);
    expect(first.lines).toBe(3);
    const right = await read(
      [
        'Order Reference,Order Date,Order Lines/Product/Internal Reference,Order Lines/Quantity,Order Lines/Unit Price,Order Lines/Discount (%),Taxes,Total,Status',
        'S00021,2024-04-01 08:00:00,DESK,2.00,100.00,10.00,34.33,215.00,Locked',
        ',,LAMP,3.00,0.3333,33.00,,,',
      ],
      {},
      'history',
      'EUR',
    );
    expect(right.orders[0]).toMatchObject({
      total: '21500',
      status: 'COMPLETED',
      items: ['2 DESK 100.00', '3 LAMP 0.3333'],
    });
    expect(right.first.order!.discountLines).toEqual([{ name: 'Discount', amount: '20.33' }]);
  });

  test('ERPNext: follow-on lines, amounts of lines, status of the document', async () => {
    const { preset, orders } = await read([
      'ID,Customer,Date,Status,Currency,Grand Total,Total Taxes and Charges,Additional Discount Amount,Item Code (Items),Item Name (Items),Quantity (Items),Rate (Items),Amount (Items)',
      'SO-1,Palmer,2024-04-01,Completed,INR,"1,180.00",180.00,0,DESK,Desk,3,300.00,900.00',
      ',,,,,,,,LAMP,Lamp,1,100.00,100.00',
      'SO-2,Palmer,2024-04-01,To Deliver and Bill,INR,118.00,18.00,0,LAMP,Lamp,1,100.00,100.00',
    ]);
    expect(preset).toBe('erpnext');
    expect(orders).toMatchObject([
      { number: 'SO-1', total: '118000', items: ['3 DESK 300.00', '1 LAMP 100.00'], status: 'COMPLETED' },
      { number: 'SO-2', total: '11800', refused: 'still_open' },
    ]);
  });

  test('Online Retail: everything sold is history, what takes it back is none', async () => {
    const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
    const { preset, orders, first } = await read([
      header,
      '536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
      'C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527.0,United Kingdom',
      '536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom',
      '536589,21777,,-10,2010-12-01 16:50:00,0.0,,United Kingdom',
      '536365,71053,"LANTERN, METAL",6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom',
    ]);
    expect(preset).toBe('online-retail');
    expect(orders).toMatchObject([
      { number: 'C536379', total: '-2750', refused: 'cancellation' },
      { number: '536414', total: '0', status: 'COMPLETED' },
      { number: '536589', total: '0', refused: 'quantity_not_positive' },
      { number: '536365', total: '3564', currency: 'GBP', createdAt: '2010-12-01T08:26:00.000Z' },
    ]);
    expect(first.order).toBeUndefined();
  });
});

describe('an order of a file', () => {
  const HEADER = 'No,Art,Pcs,Each,Sum,Tax,Ship,Disc,Total,Cur,When,Stat';
  const map = ['invoice=No', 'sku=Art', 'quantity=Pcs'];
  const more = ['tax=Tax', 'shipping=Ship', 'discount=Disc', 'total=Total', 'currency=Cur', 'date=When', 'status=Stat'];
  const byPrice = [...map, 'price=Each', ...more];
  const byAmount = [...map, 'amount=Sum', ...more];
  const one = async (
    lines: readonly string[],
    options: MappingOptions = {},
    as: ImportKind = 'history',
  ): Promise<Seen> => (await read([HEADER, ...lines], { map: byPrice, ...options }, as, 'EUR')).orders[0]!;

  test.each([
    [
      'adds what differs per line',
      ['1,A,1,10,,1.90,,,,,2024-01-01,shipped', '1,B,1,20,,3.80,,,,,2024-01-01,shipped'],
      '3570',
    ],
    [
      'adds what repeats, where no total says otherwise',
      ['1,A,1,10,,1,,,,,2024-01-01,shipped', '1,B,1,20,,1,,,,,2024-01-01,shipped'],
      '3200',
    ],
    [
      'counts once what repeats, where the total says so',
      ['1,A,1,10,,1,,,31,,2024-01-01,shipped', '1,B,1,20,,1,,,31,,2024-01-01,shipped'],
      '3100',
    ],
    [
      'adds what repeats, where the total says so',
      ['1,A,1,10,,1,,,32,,2024-01-01,shipped', '1,B,1,20,,1,,,32,,2024-01-01,shipped'],
      '3200',
    ],
    ['takes a discount as it is written', ['1,A,1,10,,,,-2,8,,2024-01-01,shipped'], '800'],
    [
      'does not add a tax that the total shows to be included',
      ['1,A,1,11.90,,1.90,,,11.90,,2024-01-01,shipped'],
      '1190',
    ],
  ])('%s', async (_, lines, total) => {
    expect(await one(lines)).toMatchObject({ total, status: 'COMPLETED' });
  });

  test('says by --prices whether tax is in its prices', async () => {
    const lines = ['1,A,1,11.90,,1.90,,,,,2024-01-01,shipped'];
    expect(await one(lines, { prices: 'include-tax' })).toMatchObject({ total: '1190' });
    expect(await one(lines, { prices: 'exclude-tax' })).toMatchObject({ total: '1380' });
  });

  test.each([
    ['42.00', '2', ['2 A 21.00'], '4200'],
    ['10.00', '3', ['3 A 3.3333'], '1000'],
    ['10.01', '1000', ['1 A 0.02', '999 A 0.01'], '1001'],
    ['0', '5', ['5 A 0.00'], '0'],
  ])(
    'of which only the amount of a line is known (%s for %s) costs exactly that',
    async (sum, pieces, items, total) => {
      expect(await one([`1,A,${pieces},,${sum},,,,,,2024-01-01,shipped`], { map: byAmount })).toMatchObject({
        items,
        total,
      });
    },
  );

  test.each([
    ['$12.50', '1250'],
    ['"1.234,50"', '123450'],
    ['"1,234.50"', '123450'],
    ['"12,5"', '1250'],
    ['12.50 €', '1250'],
    ['EUR 12.50', '1250'],
    ["1'234.50", '123450'],
    ['="12.50"', '1250'],
  ])('is read with a price of %s', async (price, total) => {
    expect(
      await one([
        `1,A,1,${price.startsWith('=') ? `"${price.replaceAll('"', '""')}"` : price},,,,,,,2024-01-01,shipped`,
      ]),
    ).toMatchObject({ total });
  });

  test('says by --decimal what a comma is', async () => {
    expect(await one(['1,A,1,"1,234",,,,,,,2024-01-01,shipped'])).toMatchObject({
      refused: 'price_malformed',
      detail: 'line 2: 1,234',
    });
    expect(await one(['1,A,1,"1,234",,,,,,,2024-01-01,shipped'], { decimal: '.' })).toMatchObject({ total: '123400' });
    expect(await one(['1,A,1,"1,234",,,,,,,2024-01-01,shipped'], { decimal: ',' })).toMatchObject({ total: '123' });
  });

  test.each([
    ['its number was rounded', ['2.01E+11,A,1,1,,,,,,,2024-01-01,shipped'], 'invoice_rounded', '2.01E+11'],
    ['its article was rounded', ['1,4.01E+12,1,1,,,,,,,2024-01-01,shipped'], 'sku_rounded', '4.01E+12'],
    ['a line has no article number', ['1,A,1,1,,,,,,,2024-01-01,shipped', '1,,1,1,,,,,,,,'], 'no_sku', 'line 3'],
    [
      'two currencies meet',
      ['1,A,1,1,,,,,,EUR,2024-01-01,shipped', '1,B,1,1,,,,,,USD,,'],
      'orders_merged',
      'EUR and USD',
    ],
    [
      'the total is another',
      ['1,A,1,1,,,,,2,,2024-01-01,shipped'],
      'total_mismatch',
      'the total is 2.00, the lines add up to 1.00',
    ],
    ['a charge is none', ['1,A,1,1,,,free,,,,2024-01-01,shipped'], 'charge_malformed', 'free'],
    ['it is still open', ['1,A,1,1,,,,,,,2024-01-01,processing'], 'still_open', 'processing'],
    ['nobody knows where it stands', ['1,A,1,1,,,,,,,2024-01-01,'], 'still_open', ''],
    ['its status is a foreign word', ['1,A,1,1,,,,,,,2024-01-01,versandt'], 'status_unknown', 'versandt'],
    ['it has no date', ['1,A,1,1,,,,,,,,shipped'], 'no_date', ''],
    ['its date can be read in two ways', ['1,A,1,1,,,,,,,03/04/2024,shipped'], 'date_malformed', '03/04/2024'],
    ['it has more fields than columns', ['1,A,1,1,,,,,,,2024-01-01,shipped,x'], 'column_count', 'line 2'],
    ['its price is negative', ['1,A,1,-5,,,,,,,2024-01-01,shipped'], 'price_negative', '-5'],
    ['its price is too fine', ['1,A,1,0.00001,,,,,,,2024-01-01,shipped'], 'price_too_fine', '0.00001'],
    ['a quantity is none', ['1,A,1.5,5,,,,,,,2024-01-01,shipped'], 'quantity_malformed', '1.5'],
  ])('is refused whole where %s', async (_, lines, refused, detail) => {
    const found = await one(lines);
    expect(found).toMatchObject({ refused });
    expect(found['detail']).toContain(detail);
  });

  test('under --as live and open is what these take', async () => {
    const live = (status: string): Promise<Seen> => one([`1,A,1,1,,,,,,,,${status}`], {}, 'live');
    const open = (status: string): Promise<Seen> => one([`1,A,1,1,,,,,,,,${status}`], {}, 'open');
    expect(await live('')).toMatchObject({ total: '100', items: ['1 A 1.00'] });
    expect(await live('shipped')).toMatchObject({ total: '100', items: ['1 A 1.00'] });
    expect(await live('cancelled')).toMatchObject({ refused: 'cancelled' });
    expect(await live('refunded')).toMatchObject({ refused: 'no_sale' });
    expect(await open('paid')).toMatchObject({ items: ['1 A 1.00'] });
    expect(await open('')).toMatchObject({ items: ['1 A 1.00'] });
    expect(await open('shipped')).toMatchObject({ refused: 'ended' });
    expect(await open('on-hold')).toMatchObject({ refused: 'unpaid' });
  });

  test('has lines that follow without its number, and one without a number has no order', async () => {
    const { orders } = await read(
      [
        HEADER,
        ',Z,1,1,,,,,,EUR,,',
        '1,A,1,1,,,,,,,2024-01-01,shipped',
        ',B,1,2,,,,,,,,',
        ',C,1,4,,,,,,,2024-01-02,shipped',
        ',,,,,,,,99,,,',
      ],
      { map: byPrice },
      'history',
      'EUR',
    );
    expect(orders).toMatchObject([
      { number: '', refused: 'no_invoice' },
      { number: '1', items: ['1 A 1.00', '1 B 2.00'] },
      { number: '', refused: 'no_invoice' },
    ]);
  });

  test('of more than 2,000 lines is refused, and its lines are not kept', async () => {
    const lines = Array.from({ length: 2_001 }, () => '1,A,1,1,,,,,,,2024-01-01,shipped');
    expect(await one(lines)).toMatchObject({ refused: 'too_many_lines', detail: '2001' });
  });

  test('leaves out a contact that nothing could reach, and says so', async () => {
    const lines = ['No,Art,Pcs,Each,Mail,Tel', '1,A,1,1,nobody,call me'];
    const { first } = await read(lines, { map: [...map, 'price=Each', 'email=Mail', 'phone=Tel'] }, 'open', 'EUR');
    expect(first.order!.contact).toBeUndefined();
    expect(first.notes).toEqual(['email_left_out', 'phone_left_out']);
  });
});

describe('a mapping', () => {
  test('may stand in a file: lists of columns, words of a status, and how the file is written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'olms-mapping-'));
    try {
      const mapFile = join(folder, 'shop.json');
      const mapping = {
        map: {
          invoice: 'Beleg',
          sku: 'Artikel',
          quantity: 'Menge',
          amount: 'Betrag',
          recipient: ['Vorname', 'Nachname'],
          tax: ['Steuer 7', 'Steuer 19'],
          date: 'Datum',
          status: 'Stand',
        },
        status: { versandt: 'COMPLETED', Storniert: 'cancelled' },
        prices: 'exclude-tax',
        decimal: ',',
        delimiter: ';',
        timeZone: 'Europe/Berlin',
        skipLines: 2,
      };
      await writeFile(mapFile, JSON.stringify(mapping));
      const { orders, first } = await read(
        [
          'Auswertung;;',
          'Stand 1. Mai;;',
          'Beleg;Artikel;Menge;Betrag;Vorname;Nachname;Steuer 7;Steuer 19;Datum;Stand',
          'R1;A;2;1.000,00;Ada;Lovelace;7,00;19,00;01.05.2024 00:30;Versandt',
          'R2;A;1;1,50;Bob;B;;;01.05.2024;storniert',
        ],
        { mapFile },
        'history',
        'EUR',
      );
      expect(orders).toMatchObject([
        { number: 'R1', total: '102600', status: 'COMPLETED', createdAt: '2024-04-30T22:30:00.000Z' },
        { number: 'R2', total: '150', status: 'CANCELLED' },
      ]);
      expect(first.order!.shippingAddress).toEqual({ name: 'Ada Lovelace' });
      await writeFile(mapFile, '{"colums": {}}');
      await expect(read(['a'], { mapFile })).rejects.toThrow('"colums" is none of');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    ['no preset fits', ['a,b'], {}, 'fit no preset'],
    ['a preset is unknown', ['a,b'], { preset: 'magento' }, 'There is no preset magento'],
    ['a field is unknown', ['a,b'], { map: ['colour=a'] }, 'no field "colour"'],
    [
      'a mapped column is missing',
      ['InvoiceNo,StockCode,Quantity,UnitPrice'],
      { map: ['date=When'] },
      'no column "When"',
    ],
    [
      'a needed column is missing',
      ['InvoiceNo,StockCode'],
      { preset: 'online-retail' },
      'lack what online-retail needs',
    ],
    [
      'two columns have one name',
      ['InvoiceNo,StockCode,Quantity,UnitPrice,UnitPrice'],
      {},
      'Two columns of the file are named "UnitPrice"',
    ],
    ['a time zone is none', ['a,b'], { timeZone: 'Mars' }, 'no such zone'],
    ['a delimiter is none', ['a,b'], { delimiter: 'ab' }, 'write one character, or tab'],
  ])('is refused where %s', async (_, lines, options, message) => {
    await expect(read([...lines, '1,2,3,4,5'], options)).rejects.toThrow(message);
  });
});
