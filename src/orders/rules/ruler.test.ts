import { describe, expect, test } from 'vitest';
import { amountMinor, formatAmount, largestRemainder, lineAmount } from '#contracts/money.ts';
import type { LinePart } from '#contracts/order-events.ts';
import { seeded, type Seeded } from '#tests/support/seeded.ts';
import {
  cancelledPart,
  creditedParts,
  creditRoom,
  goodwillParts,
  marksOf,
  type MarkedRuler,
  piecesOf,
  returnablePieces,
  rulersOf,
  shippingParts,
  unshippedPieces,
} from './ruler.ts';

type Content = Parameters<typeof marksOf>[0];

/** An order as the ruler sees it: what it holds, and what has happened to its pieces. */
class Paper {
  order: Content;

  constructor(
    currency: string,
    lines: readonly (readonly [sku: string, quantity: number, unitPrice: string])[],
    charges: { readonly discount?: string; readonly tax?: string; readonly shipping?: string } = {},
  ) {
    const of = (amount: string | undefined): { amount: string }[] | undefined =>
      amount === undefined ? undefined : [{ amount }];
    this.order = {
      currency,
      items: lines.map(([sku, quantity, unitPrice], index) => ({
        line: index + 1,
        sku,
        quantity,
        unitPrice,
        amount: formatAmount(lineAmount(quantity, unitPrice, currency)!, currency),
      })),
      discountLines: of(charges.discount),
      taxLines: of(charges.tax),
      shippingLines: of(charges.shipping),
      shipments: [],
      returns: [],
      refunds: [],
    };
  }

  get rulers(): readonly MarkedRuler[] {
    return marksOf(this.order);
  }

  at(line: number): MarkedRuler {
    return this.rulers.find((ruler) => ruler.line === line)!;
  }

  ship(sku: string, quantity: number): this {
    const parcel = { shipmentId: 's', carrier: 'c', trackingNumber: 't', delivered: false, items: [{ sku, quantity }] };
    this.order = { ...this.order, shipments: [...this.order.shipments, parcel] };
    return this;
  }

  shipAll(): this {
    for (const { line, sku } of this.rulers) {
      const left = line === undefined ? 0 : unshippedPieces(this.at(line));
      if (left > 0) this.ship(sku!, left);
    }
    return this;
  }

  cancel(line: number, quantity: number): LinePart {
    const gone = cancelledPart(this.at(line), quantity, this.order.currency);
    this.order = { ...this.order, cancelled: [...(this.order.cancelled ?? []), gone] };
    return gone;
  }

  sendBack(line: number, quantity: number, waived = false): LinePart[] {
    const credited = creditedParts(this.order, [{ line, quantity }], waived);
    const entry = { returnId: 'r', items: [], reason: '', received: true, credited };
    this.order = { ...this.order, returns: [...this.order.returns, entry] };
    return credited;
  }

  give(amount: string): LinePart[] {
    const credited = goodwillParts(this.order, amountMinor(amount, this.order.currency), false);
    const entry = { refundId: 'f', amount, reason: '', status: 'DONE', credited } as const;
    this.order = { ...this.order, refunds: [...this.order.refunds, entry] };
    return credited;
  }

  minor(amount: string | undefined): bigint {
    return amount === undefined ? 0n : amountMinor(amount, this.order.currency);
  }

  totals(): string[] {
    return this.rulers.map(({ total }) => formatAmount(total, this.order.currency));
  }
}

const amounts = (parts: readonly LinePart[]): string[] => parts.map(({ amount }) => amount);

describe('the rulers of an order', () => {
  test('take discount, tax and shipping of the order in, and add up to its total', () => {
    // Discount 0.50/0.25/0.25, tax 1.49/0.75/0.74 and 0.63 for shipping.
    const paper = new Paper(
      'EUR',
      [
        ['A', 1, '10'],
        ['B', 1, '5'],
        ['C', 1, '5'],
      ],
      {
        discount: '1.00',
        tax: '3.61',
        shipping: '4.00',
      },
    );
    expect(paper.rulers.map(({ tax }) => tax)).toEqual([149n, 75n, 74n, 63n]);
    expect(paper.rulers.map(({ discount }) => discount)).toEqual([50n, 25n, 25n, 0n]);
    expect(paper.totals()).toEqual(['10.99', '5.50', '5.49', '4.63']);
  });

  test('let a discount beyond the goods lie on shipping, then lessen the tax', () => {
    const items: [string, number, string][] = [
      ['A', 1, '10'],
      ['B', 1, '0'],
    ];
    const of = (discount: string): string[] =>
      new Paper('EUR', items, { discount, tax: '3.00', shipping: '4.00' }).totals();
    expect(of('10.00')).toEqual(['0.00', '0.00', '7.00']);
    expect(of('12.00')).toEqual(['0.00', '0.00', '5.00']);
    // Nothing weighs any more: by quantity.
    expect(of('15.50')).toEqual(['0.50', '0.50', '0.50']);
    expect(of('17.00')).toEqual(['0.00', '0.00', '0.00']);
  });

  test('freeze the shares of a discount: a cancelled line takes its own along', () => {
    const paper = new Paper(
      'EUR',
      [
        ['A', 1, '50'],
        ['B', 1, '10'],
      ],
      { discount: '10.00' },
    );
    expect(paper.cancel(1, 1)).toEqual({ line: 1, quantity: 1, amount: '41.67' });
    expect(paper.at(2).cancelMark).toBe(833n);
  });
});

describe('parts of a line', () => {
  test('sent back one by one add up to it', () => {
    const yen = new Paper('JPY', [['A', 3, '333']], { discount: '100' }).shipAll();
    expect([1, 2, 3].map(() => amounts(yen.sendBack(1, 1)))).toEqual([['300'], ['300'], ['299']]);
    const screws = new Paper('KWD', [['A', 7, '0.0375']]);
    expect(screws.ship('A', 3).at(1).shipMark).toBe(113n);
    expect(screws.cancel(1, 2).amount).toBe('0.075');
    expect(screws.ship('A', 2).at(1).shipMark).toBe(188n);
    const dinar = new Paper('KWD', [['A', 3, '1.2505']], { tax: '0.188' }).shipAll();
    expect([1, 2, 3].map(() => dinar.sendBack(1, 1))).toEqual([
      [{ line: 1, quantity: 1, amount: '1.313', tax: '0.063' }],
      [{ line: 1, quantity: 1, amount: '1.314', tax: '0.062' }],
      [{ line: 1, quantity: 1, amount: '1.313', tax: '0.063' }],
    ]);
  });

  test('know the line of their SKU: two prices of one SKU stay apart', () => {
    const paper = new Paper('EUR', [
      ['A', 1, '10'],
      ['A', 1, '1'],
    ]).shipAll();
    expect(amounts(paper.sendBack(2, 1))).toEqual(['1.00']);
    expect(amounts(paper.sendBack(1, 1))).toEqual(['10.00']);
  });

  test('share what was given for the line before', () => {
    const paper = new Paper('EUR', [['A', 3, '20']]).shipAll();
    expect(paper.give('5.00')).toEqual([{ line: 1, amount: '5.00' }]);
    expect([1, 2, 3].map(() => amounts(paper.sendBack(1, 1)))).toEqual([['18.33'], ['18.34'], ['18.33']]);
    const kept = new Paper(
      'EUR',
      [
        ['A', 1, '22.20'],
        ['B', 1, '14.87'],
      ],
      { shipping: '5.83' },
    ).shipAll();
    expect(amounts(kept.give('10.00'))).toEqual(['5.17', '3.47', '1.36']);
  });

  test('are where the money says, at every step of an order and without it once all has left', () => {
    const lines = [
      ['MUG', 3, '20.00'],
      ['MUG', 1, '15.00'],
      ['CUP', 2, '7.45'],
    ] as const;
    const paper = new Paper('EUR', lines, { discount: '5.00', shipping: '4.90' });
    const same = (): void => {
      const shown = paper.rulers.filter(({ line }) => line !== undefined);
      for (const [index, { line, pieces, cancelled, shipped, back, returning }] of shown.entries())
        expect(piecesOf(paper.order)[index]).toMatchObject({ line, pieces, cancelled, shipped, back, returning });
    };
    same();
    for (const [sku, quantity] of [
      ['CUP', 1],
      ['MUG', 2],
      ['MUG', 2],
      ['CUP', 1],
    ] as const) {
      paper.ship(sku, quantity);
      same();
    }
    expect(paper.at(1).shipped + paper.at(2).shipped + paper.at(3).shipped).toBe(6);
    paper.order = {
      ...paper.order,
      returns: [{ returnId: 'r', items: [{ sku: 'MUG', quantity: 1 }], reason: 'x', received: false }],
    };
    same();
    expect(paper.rulers.some(({ returning }) => returning === 1)).toBe(true);
  });

  test('bring shipping back with the last piece', () => {
    const paper = new Paper(
      'EUR',
      [
        ['A', 2, '5'],
        ['B', 1, '5'],
      ],
      { shipping: '4.90' },
    ).ship('A', 2);
    paper.sendBack(1, 2);
    paper.ship('B', 1);
    expect(paper.sendBack(2, 1)).toEqual([
      { line: 2, quantity: 1, amount: '5.00' },
      { shipping: 1, amount: '4.90' },
    ]);
    const partly = new Paper('EUR', [['A', 2, '5']], { shipping: '4.90' }).ship('A', 1);
    partly.cancel(1, 1);
    expect(amounts(partly.sendBack(1, 1, true))).toEqual(['5.00', '4.90']);
  });

  test('count what was refunded before lines had parts as credited: nothing is paid once more', () => {
    const entry = { returnId: 'r', reason: '', received: true } as const;
    const refund = { refundId: 'f', reason: '', status: 'DONE' } as const;
    const paper = new Paper(
      'EUR',
      [
        ['A', 1, '60'],
        ['B', 1, '40'],
      ],
      { discount: '50.00' },
    ).shipAll();
    paper.order = {
      ...paper.order,
      returns: [{ ...entry, items: [{ sku: 'A', quantity: 1 }] }],
      refunds: [{ ...refund, amount: '50.00' }],
    };
    expect(paper.rulers.map(({ creditMark }) => creditMark)).toEqual([3000n, 2000n]);
    expect(amounts(paper.sendBack(2, 1))).toEqual(['0.00']);
    const right = new Paper('EUR', [
      ['A', 1, '10'],
      ['B', 1, '90'],
    ]).shipAll();
    right.order = {
      ...right.order,
      returns: [{ ...entry, items: [{ sku: 'A', quantity: 1 }] }],
      refunds: [
        { ...refund, amount: '10.00' },
        { ...refund, amount: '7.00', status: 'FAILED' },
      ],
    };
    expect(amounts(right.sendBack(2, 1))).toEqual(['90.00']);
  });
});

describe('largest remainders', () => {
  test('give missing units to the largest remainder, of equal ones to the first', () => {
    expect(largestRemainder(10n, [1n, 1n, 1n])).toEqual([4n, 3n, 3n]);
    expect(largestRemainder(1000n, [2220n, 1487n, 583n])).toEqual([517n, 347n, 136n]);
    expect(largestRemainder(5n, [0n, 0n], [1, 3])).toEqual([1n, 4n]);
    expect(() => largestRemainder(5n, [0n, 0n])).toThrow('Nothing weighs');
  });
});

const PRICES = ['0', '0.01', '0.0375', '1', '9.95', '19.99', '333', '1499.5'];

function randomPaper(random: Seeded): Paper {
  const currency = random.pick(['EUR', 'JPY', 'KWD']);
  const skus = ['A', 'A', 'B', 'C'];
  const lines = Array.from({ length: random.between(1, 4) }, (): [string, number, string] => [
    random.pick(skus),
    random.between(1, 7),
    random.pick(PRICES),
  ]);
  const plain = new Paper(currency, lines);
  const goods = plain.rulers.reduce((sum, { total }) => sum + total, 0n);
  const upTo = (most: bigint): bigint => BigInt(random.between(0, Number(most)));
  const shipping = upTo(900n);
  const tax = upTo(goods / 5n + 3n);
  const discount = random.chance(0.8) ? upTo(goods) : upTo(goods + shipping + tax);
  const text = (minor: bigint): string => formatAmount(minor, currency);
  return new Paper(currency, lines, {
    ...(random.chance(0.6) && { discount: text(discount) }),
    tax: text(tax),
    shipping: text(shipping),
  });
}

function expectMarksInOrder(paper: Paper): void {
  for (const { line, shipping, total, tax, shipMark, cancelMark, creditMark, ...pieces } of paper.rulers) {
    const place = `${line ?? `shipping ${shipping}`}`;
    expect([place, shipMark >= 0n && shipMark <= cancelMark && cancelMark <= total]).toEqual([place, true]);
    expect([place, creditMark >= 0n && creditMark <= cancelMark]).toEqual([place, true]);
    expect([place, tax >= 0n && tax <= total]).toEqual([place, true]);
    expect(pieces.shipped + pieces.cancelled).toBeLessThanOrEqual(pieces.pieces);
    expect(pieces.back).toBeLessThanOrEqual(pieces.shipped);
  }
}

test.each(Array.from({ length: 400 }, (_, seed) => seed))(
  'in whatever order pieces go, are cancelled and come back, all of it adds up (seed %i)',
  (seed) => {
    const random = seeded(seed);
    const paper = randomPaper(random);
    const total = rulersOf(paper.order).reduce((sum, ruler) => sum + ruler.total, 0n);
    const sums = { cancelled: 0n, credited: 0n };
    const note = (kind: keyof typeof sums, parts: readonly LinePart[]): void => {
      for (const { amount, tax } of parts) {
        sums[kind] += paper.minor(amount);
        expect(paper.minor(amount)).toBeGreaterThanOrEqual(paper.minor(tax));
      }
      expectMarksInOrder(paper);
    };
    for (let step = 0; step < 30; step++) {
      const ruler = random.pick(paper.rulers.filter(({ line }) => line !== undefined));
      const open = unshippedPieces(ruler);
      const home = returnablePieces(ruler);
      const anywhere = paper.rulers.filter(({ sku }) => sku === ruler.sku).reduce((n, r) => n + unshippedPieces(r), 0);
      if (open > 0 && random.chance(0.3)) {
        note('cancelled', [paper.cancel(ruler.line!, random.between(1, open))]);
        const carriage = shippingParts(paper.order);
        paper.order = { ...paper.order, credits: [...(paper.order.credits ?? []), ...carriage] };
        note('credited', carriage);
      } else if (anywhere > 0 && random.chance(0.6)) paper.ship(ruler.sku!, random.between(1, anywhere));
      else if (home > 0) note('credited', paper.sendBack(ruler.line!, random.between(1, home), random.chance(0.2)));
      else {
        const room = creditRoom(paper.rulers, true);
        const amount = BigInt(random.between(0, Number(room)));
        if (amount > 0n && random.chance(0.3) && paper.order.shipments.length > 0) {
          const parts = goodwillParts(paper.order, amount, true);
          const entry = { refundId: 'f', amount: '', reason: '', status: 'DONE', credited: parts } as const;
          paper.order = { ...paper.order, refunds: [...paper.order.refunds, entry] };
          note('credited', parts);
        }
      }
    }
    paper.shipAll();
    const shipped = paper.rulers.reduce((sum, ruler) => sum + ruler.shipMark, 0n);
    const everLeft = paper.order.shipments.length > 0;
    // Shipping is neither cancelled nor shipped where nothing of the order ever left.
    const carriage = everLeft ? 0n : paper.rulers.reduce((sum, r) => sum + (r.shipping ? r.total : 0n), 0n);
    expect(shipped + sums.cancelled + carriage).toBe(total);
    for (const { line } of paper.rulers) {
      const home = line === undefined ? 0 : returnablePieces(paper.at(line));
      if (home > 0) note('credited', paper.sendBack(line!, home));
    }
    if (paper.rulers.some(({ back }) => back > 0)) expect(sums.credited).toBe(shipped);
  },
);
