import { describe, expect, test } from 'vitest';
import { type CsvRecord, readCsv } from './csv.ts';
import { type FileOrder, orders, survey, type Survey } from './group.ts';
import { chooseLayout, type LayoutChoice, placesOf } from './layouts.ts';

async function* streamed(records: readonly CsvRecord[]): AsyncGenerator<CsvRecord> {
  yield* records;
}

interface Read {
  readonly layout: string;
  readonly surveyed: Survey;
  readonly orders: FileOrder[];
}

async function read(text: string, choice: LayoutChoice = {}): Promise<Read> {
  const bytes = ReadableStream.from([new TextEncoder().encode(text)]);
  const [header, ...records] = await Array.fromAsync(readCsv(bytes));
  const layout = chooseLayout(header!.fields, choice);
  const shape = { layout, places: placesOf(header!.fields, layout, choice), columns: header!.fields.length };
  const surveyed = await survey(streamed(records), shape);
  return { layout: layout.name, surveyed, orders: await Array.fromAsync(orders(streamed(records), shape, surveyed)) };
}

const RETAIL = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n';
const retail = (...lines: string[]): Promise<Read> => read(`${RETAIL}${lines.join('\n')}\n`);

describe('lines of a file', () => {
  test('become orders by their invoice, also where they do not stand together', async () => {
    const {
      orders: found,
      surveyed,
      layout,
    } = await retail(
      '1,A,Cup,2,d,1.50,7.0,UK',
      '2,B,Pot,1,d,3,,France',
      '1,B,Pot,4,d,3.00,7.0,UK',
      '3,A,Cup,1,d,1,8,UK',
      '2,A,Cup,1,d,1.5,,France',
    );
    expect(layout).toBe('online-retail');
    // In the order in which their last lines came.
    expect(found.map((order) => [order.invoice, order.lines.map(({ line }) => line)])).toEqual([
      ['1', [2, 4]],
      ['3', [5]],
      ['2', [3, 6]],
    ]);
    expect(found[0]!.values).toMatchObject({ customer: '7.0', country: 'UK', date: 'd' });
    expect([...surveyed.articles.values()]).toEqual([
      { sku: 'A', name: 'Cup', quantity: 4 },
      { sku: 'B', name: 'Pot', quantity: 5 },
    ]);
  });

  test('of one article in one invoice stay separate lines', async () => {
    const { orders: found } = await retail('1,A,Cup,2,d,1,7,UK', '1, A ,Cup,3,d,1,7,UK');
    expect(found[0]!.lines).toMatchObject([
      { sku: 'A', quantity: 2 },
      { sku: 'A', quantity: 3 },
    ]);
  });

  test.each([
    ['C1,A,Cup,-1,d,1,7,UK', 'cancellation'],
    ['1,,Cup,1,d,1,7,UK', 'no_sku'],
    [`1,${'x'.repeat(101)},Cup,1,d,1,7,UK`, 'sku_invalid'],
    ['1,A,Cup,1.5,d,1,7,UK', 'quantity_malformed'],
    ['1,A,Cup,one,d,1,7,UK', 'quantity_malformed'],
    ['1,A,Cup,,d,1,7,UK', 'quantity_malformed'],
    ['1,A,Cup,0,d,1,7,UK', 'quantity_not_positive'],
    ['1,A,Cup,-3,d,1,7,UK', 'quantity_not_positive'],
    ['1,A,Cup,1000001,d,1,7,UK', 'quantity_too_large'],
    ['1,A,Cup,1,d,"1,50",7,UK', 'price_malformed'],
    ['1,A,Cup,1,d,1e3,7,UK', 'price_malformed'],
    ['1,A,Cup,1,d,NaN,7,UK', 'price_malformed'],
    ['1,A,Cup,1,d,0,7,UK', 'price_not_positive'],
    ['1,A,Cup,1,d,0.0000,7,UK', 'price_not_positive'],
    ['1,A,Cup,1,d,-5,7,UK', 'price_not_positive'],
    ['1,A,Cup,1,d,0.00001,7,UK', 'price_too_fine'],
  ])('are refused: %s', async (line, reason) => {
    const { orders: found } = await retail(line);
    expect(found[0]!.refused).toMatchObject([{ line: 2, reason }]);
    expect(found[0]!.lines).toEqual([]);
  });

  test('are refused without an invoice, or with another number of columns', async () => {
    const { surveyed, orders: found } = await retail(
      ',A,Cup,1,d,1,7,UK',
      '1,A,Cup,1,d,1',
      '2,A,Cup,1,d,1,7,UK',
      '2,A,Cup,1,d,1,7,UK,more',
    );
    expect(surveyed.refused.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'no_invoice'],
      [3, 'column_count'],
      [5, 'column_count'],
    ]);
    expect(found.map((order) => order.invoice)).toEqual(['2']);
  });

  test.each([
    ['1,A,Cup,+6.0,d,+2.5500000,7,UK', 6, '2.55'],
    ['1,A,Cup,6.,d,.5,7,UK', 6, '0.5'],
    ['1,A,Cup,1,d,0.0375,7,UK', 1, '0.0375'],
    ['1,A,Cup,1,d,007,7,UK', 1, '007'],
  ])('may write their numbers as %s', async (line, quantity, unitPrice) => {
    expect((await retail(line)).orders[0]!.lines).toMatchObject([{ quantity, unitPrice }]);
  });

  test('are refused alone; the order goes on with the others', async () => {
    const { orders: found } = await retail('1,A,Cup,0,d,1,7,UK', '1,B,Pot,1,d,1,7,UK');
    expect(found[0]).toMatchObject({ lines: [{ line: 3, sku: 'B' }], refused: [{ line: 2 }] });
  });
});

describe('the layout of a file', () => {
  test('is found by its header, in any order of columns', async () => {
    expect((await read('Lineitem sku,Lineitem price,Name,Lineitem quantity,Lineitem name\nS,1,#1,1,x\n')).layout).toBe(
      'shopify',
    );
  });

  test('takes what an order says once from its first line that says it', async () => {
    const { orders: found } = await read(
      'Name,Email,Currency,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Shipping Name,Cancelled at\n' +
        '#1,a@b.c,EUR,1,Cup,2.50,CUP,Ann,\n#1,,,2,Pot,5,POT,,\n',
    );
    expect(found).toMatchObject([
      {
        invoice: '#1',
        lines: [{ sku: 'CUP' }, { sku: 'POT' }],
        values: { email: 'a@b.c', currency: 'EUR', recipient: 'Ann' },
      },
    ]);
    expect(found[0]!.values.cancelledAt).toBeUndefined();
  });

  test('may be given column by column', async () => {
    const map = ['invoice=No', 'sku=Art', 'quantity=Pcs', 'price=Each', 'customer=Who'];
    const { layout, orders: found } = await read('No,Art,Pcs,Each,Who\n1,A,2,3,me\n', { map });
    expect(layout).toBe('csv');
    expect(found).toMatchObject([{ lines: [{ sku: 'A', quantity: 2, unitPrice: '3' }], values: { customer: 'me' } }]);
  });

  test('may be a preset with columns of its own', async () => {
    const { orders: found } = await read(`${RETAIL.replace('StockCode', 'EAN')}1,400,Cup,1,d,1,7,UK\n`, {
      preset: 'online-retail',
      map: ['sku=EAN'],
    });
    expect(found[0]!.lines).toMatchObject([{ sku: '400' }]);
  });

  test.each([
    ['no preset fits', 'a,b\n', {}, 'fit no preset'],
    ['a preset is unknown', 'a,b\n', { preset: 'amazon' }, 'There is no preset amazon'],
    ['a field is unknown', 'a,b\n', { map: ['colour=a'] }, 'write field=Column'],
    ['a mapped column is missing', RETAIL, { preset: 'online-retail', map: ['date=When'] }, 'no column "When"'],
    ['a needed column is missing', 'InvoiceNo,StockCode\n', { preset: 'online-retail' }, 'no column "Quantity"'],
  ])('is refused where %s', async (_, text, choice, message) => {
    await expect(read(text, choice)).rejects.toThrow(message);
  });
});
