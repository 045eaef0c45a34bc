import { amountMinor } from '#contracts/money.ts';
import type { EventData, LinePart, OrderEvent, SkuQuantity } from '#contracts/order-events.ts';
import { fail } from './log.ts';

/**
 * What each step of an order is worth, computed a second time and in other words than the rules do it: every line of
 * goods and of shipping is a distance, and pieces that leave, are cancelled or come back move marks on it. An event that
 * says another amount, to the smallest unit of the currency, fails the story.
 */

type Content = Pick<
  EventData<'OrderCreated'>,
  'items' | 'taxLines' | 'shippingLines' | 'discountLines' | 'pricesIncludeTax'
>;

interface Line {
  readonly name: string;
  readonly sku: string | undefined;
  readonly pieces: number;
  /** What the customer pays for it, and the tax in that. */
  readonly total: bigint;
  readonly tax: bigint;
  shipped: number;
  cancelled: number;
  back: number;
  shipMark: bigint;
  cancelMark: bigint;
  creditMark: bigint;
}

export class Worth {
  readonly #name: string;
  readonly #minor: (amount: string) => bigint;
  readonly #lines: Line[];
  /** Pieces on their way back by line, by return. */
  readonly #returns = new Map<string, Map<number, number>>();
  readonly #claimed = new Map<string, EventData<'OrderClaimOpened'>['items']>();
  readonly #refunds = new Map<string, { amount: bigint }>();
  /** What the order is over: placed less cancelled. */
  standing = 0n;
  /** Given back in worth, and not in money: goods taken back without a refund, refunds that the provider refused. */
  leftToPerson = 0n;

  /** `created`: what the order was placed with, here or elsewhere. */
  constructor(name: string, created: EventData<'OrderCreated'> | EventData<'OrderImported'>) {
    this.#name = name;
    this.#minor = (amount) => amountMinor(amount, created.currency);
    this.#lines = linesOf(created, this.#minor);
    for (const { total } of this.#lines) this.standing += total;
    this.#same('its total is', created.totalAmount, this.standing);
    // What was refunded elsewhere lies on all of it, and all of it was shipped there.
    if ('refundedAmount' in created) {
      if (created.status === 'COMPLETED')
        for (const line of this.#lines) [line.shipped, line.shipMark] = [line.pieces, line.total];
      const totals = this.#lines.map(({ total }) => total);
      spread(this.#minor(created.refundedAmount), totals).forEach(
        (share, index) => (this.#lines[index]!.creditMark += share),
      );
    }
  }

  /** Nothing of it is with the customer, and nothing is to be sent. */
  get #isAllBack(): boolean {
    return this.#lines.every(({ sku, pieces, cancelled, back }) => sku === undefined || pieces - cancelled === back);
  }

  /** How many pieces have neither left nor been cancelled. */
  get open(): number {
    let open = 0;
    for (const { sku, pieces, cancelled, shipped } of this.#lines)
      if (sku !== undefined) open += pieces - cancelled - shipped;
    return open;
  }

  /** Takes the order's own events, from the first behind `OrderCreated`. */
  apply(event: OrderEvent): void {
    switch (event.type) {
      case 'OrderPartiallyShipped':
      case 'OrderShipped':
        return this.#ship(event.data);
      case 'OrderReturnRequested':
        return this.#expect(event.data);
      case 'OrderReturnClosed':
        return void this.#returns.delete(event.data.returnId);
      case 'OrderReturnReceived':
        this.#receive(event.data);
        this.#piecesOf(event.data.credited ?? [], arrived(event.data), `return ${event.data.returnId}`);
        return this.#giveBack(event.data.credited ?? []);
      case 'OrderChanged':
        this.#cancel(event.data);
        return this.#giveBack(event.data.credited ?? []);
      case 'OrderClaimOpened':
        return this.#claim(event.data);
      case 'OrderFollowUpClosed':
        return this.#endFollowUp(event.data);
      case 'OrderRefundRequested':
        return this.#refund(event.data);
      case 'OrderRefundFailed':
        return this.#refused(event.data.refundId);
      default:
        return;
    }
  }

  #ship({ items, amount }: EventData<'OrderShipped'>): void {
    const before = this.#sum(({ shipMark }) => shipMark);
    for (const { sku, quantity } of items) {
      let left = quantity;
      for (const line of this.#lines) {
        if (line.sku !== sku) continue;
        const taken = Math.min(left, line.pieces - line.cancelled - line.shipped);
        line.shipped += taken;
        left -= taken;
      }
      if (left > 0) fail(`${this.#name}: ${left} ${sku} more left than it still wanted`);
    }
    for (const line of this.#lines) {
      if (line.sku === undefined) line.shipped = 1;
      line.shipMark = rounded(line.total * BigInt(line.shipped), line.pieces);
    }
    if (amount !== undefined) this.#same('its parcel asks for', amount, this.#sum(({ shipMark }) => shipMark) - before);
  }

  #cancel({ removed, totalAmount }: EventData<'OrderChanged'>): void {
    for (const { quantity, ...part } of removed) {
      const line = this.#lineOf(part);
      line.cancelled += quantity;
      const kept = rounded(line.total * BigInt(line.pieces - line.cancelled), line.pieces);
      if (line.cancelled + line.shipped > line.pieces)
        fail(`${this.#name}: of ${line.name} more is cancelled and shipped than was ordered`);
      const to = [kept, line.shipMark, line.creditMark].reduce((most, mark) => (mark > most ? mark : most));
      const low = to < line.cancelMark ? to : line.cancelMark;
      this.#step(`${quantity} of ${line.name} cancelled are worth`, line, low, line.cancelMark, part);
      this.standing -= line.cancelMark - low;
      line.cancelMark = low;
    }
    this.#same('what stands is', totalAmount, this.standing);
  }

  #claim({ claimId, resolution, items, credited = [] }: EventData<'OrderClaimOpened'>): void {
    this.#claimed.set(claimId, items);
    this.#piecesOf(credited, resolution === 'refund' ? items : [], `claim ${claimId}`);
    this.#giveBack(credited);
  }

  /** What a replacement did not send, and has not come back meanwhile, is credited. */
  #endFollowUp({ claimId, status, credited = [] }: EventData<'OrderFollowUpClosed'>): void {
    const items = status === 'COMPLETED' ? [] : this.#claimed.get(claimId)!;
    const out = items.map((item) => {
      const { shipped, back } = this.#lineOf({ line: item.line });
      return { ...item, quantity: Math.min(item.quantity, shipped - back - this.#returning(item.line)) };
    });
    this.#piecesOf(credited, out, `the replacement for claim ${claimId}`);
    this.#giveBack(credited);
  }

  #expect({ returnId, lines = [] }: EventData<'OrderReturnRequested'>): void {
    const expected = new Map<number, number>();
    for (const { line, quantity } of lines) expected.set(line, (expected.get(line) ?? 0) + quantity);
    this.#returns.set(returnId, expected);
  }

  /** What arrives is no longer on its way; only what is sound goes back into stock. */
  #receive({ returnId, received = [], items }: EventData<'OrderReturnReceived'>): void {
    const expected = this.#returns.get(returnId)!;
    const shelved = new Map<string, number>();
    for (const { line, sku, quantity, condition, disposition } of received) {
      if (condition === 'missing') continue;
      expected.set(line, (expected.get(line) ?? 0) - quantity);
      if (expected.get(line)! < 0) fail(`${this.#name}: more of line ${line} came back than was to come`);
      if (disposition === 'restock') shelved.set(sku, (shelved.get(sku) ?? 0) + quantity);
    }
    for (const { sku, quantity } of items) shelved.set(sku, (shelved.get(sku) ?? 0) - quantity);
    for (const [sku, quantity] of shelved)
      if (quantity !== 0) fail(`${this.#name}: ${-quantity} more ${sku} go back into stock than came back sound`);
  }

  /** Pieces of a line that are on their way back. */
  #returning(line: number): number {
    let pieces = 0;
    for (const expected of this.#returns.values()) pieces += expected.get(line) ?? 0;
    return pieces;
  }

  /** Pieces that came back or never arrived, with shipping where nothing is left with the customer. */
  #giveBack(parts: readonly LinePart[]): void {
    for (const part of parts) {
      const line = this.#lineOf(part);
      const { quantity = 1 } = part;
      const out = line.shipped - line.back;
      if (quantity > out)
        fail(`${this.#name}: ${quantity} of ${line.name} are given back, ${out} are with the customer`);
      if (line.sku === undefined && !this.#isAllBack) fail(`${this.#name}: shipping is given back, and goods are not`);
      const room = line.shipMark > line.creditMark ? line.shipMark - line.creditMark : 0n;
      const to = line.creditMark + rounded(room * BigInt(quantity), out);
      this.#step(`${quantity} of ${line.name} given back are worth`, line, line.creditMark, to, part);
      line.creditMark = to;
      line.back += quantity;
      if (part.waived) this.leftToPerson += this.#minor(part.amount);
    }
  }

  /** Fails where other pieces are given back than those that came or were lost. */
  #piecesOf(parts: readonly LinePart[], items: readonly SkuQuantity[], what: string): void {
    const left = new Map<string, number>();
    for (const { sku, quantity } of items) left.set(sku, (left.get(sku) ?? 0) + quantity);
    for (const part of parts) {
      const { sku } = this.#lineOf(part);
      if (sku !== undefined) left.set(sku, (left.get(sku) ?? 0) - part.quantity!);
    }
    for (const [sku, quantity] of left)
      if (quantity !== 0) fail(`${this.#name}: ${what} gives back ${-quantity} more ${sku} than there are in it`);
  }

  /** What a person gives beyond what is owed lies on what the customer keeps; its spreading is free. */
  #refund({ refundId, amount, cause, credited = [] }: EventData<'OrderRefundRequested'>): void {
    let own = 0n;
    for (const part of credited) {
      const line = this.#lineOf(part);
      const given = this.#minor(part.amount);
      this.#step(`what is given for ${line.name} is`, line, line.creditMark, line.creditMark + given, part);
      line.creditMark += given;
      own += given;
      if (line.creditMark > line.cancelMark) fail(`${this.#name}: more is given for ${line.name} than it is worth`);
    }
    const pays = this.#minor(amount) - own;
    if (pays < 0n) fail(`${this.#name}: a refund of ${amount} credits ${own}`);
    if (cause === undefined) this.leftToPerson -= pays;
    this.#refunds.set(refundId, { amount: this.#minor(amount) });
  }

  #refused(refundId: string): void {
    const refund = this.#refunds.get(refundId);
    // Payments' own, which gives back what an order that ended holds.
    if (!refund) return;
    this.leftToPerson += refund.amount;
  }

  /** What was given back in all. */
  get credited(): bigint {
    return this.#sum(({ creditMark }) => creditMark);
  }

  /** Nothing is left with the customer, so nothing is left to be paid for shipping. */
  checkEnd(): void {
    if (!this.#isAllBack) return;
    for (const { name, shipMark, creditMark } of this.#lines)
      if (shipMark > creditMark) fail(`${this.#name}: all came back, and ${name} is still paid for`);
  }

  #lineOf({ line, shipping }: Pick<LinePart, 'line' | 'shipping'>): Line {
    const name = line === undefined ? `shipping ${shipping}` : `line ${line}`;
    return this.#lines.find((one) => one.name === name) ?? fail(`${this.#name} has no ${name}`);
  }

  #step(
    what: string,
    { total, tax }: Line,
    from: bigint,
    to: bigint,
    { amount, tax: taxed }: Pick<LinePart, 'amount' | 'tax'>,
  ): void {
    this.#same(what, amount, to - from);
    const taxAt = (mark: bigint): bigint => (total === 0n ? 0n : rounded(tax * mark, total));
    if (taxed !== undefined) this.#same(`of ${what} the tax is`, taxed, taxAt(to) - taxAt(from));
  }

  #sum(of: (line: Line) => bigint): bigint {
    return this.#lines.reduce((sum, line) => sum + of(line), 0n);
  }

  #same(what: string, said: string, right: bigint): void {
    if (this.#minor(said) !== right) fail(`${this.#name}: ${what} ${said}, ${right} in the smallest unit is right`);
  }
}

/** All pieces that arrived, whatever became of them; those that are missing did not. */
function arrived({ items, received }: EventData<'OrderReturnReceived'>): readonly SkuQuantity[] {
  return received ? received.filter(({ condition }) => condition !== 'missing') : items;
}

/** The lines with what the customer pays for each: discounts and taxes of the order lie on them. */
function linesOf(
  { items, taxLines, shippingLines = [], discountLines, pricesIncludeTax }: Content,
  minor: (amount: string) => bigint,
): Line[] {
  const sum = (lines: readonly { amount: string }[] = []): bigint =>
    lines.reduce((total, { amount }) => total + minor(amount), 0n);
  const goods = items.map(({ amount }) => minor(amount));
  const shipping = shippingLines.map(({ amount }) => minor(amount));
  const discount = sum(discountLines);
  const [ofGoods, ofShipping] = [sum(items), sum(shippingLines)];
  const onGoods = discount < ofGoods ? discount : ofGoods;
  const onShipping = discount - onGoods < ofShipping ? discount - onGoods : ofShipping;
  const net = [...minus(goods, spread(onGoods, goods)), ...minus(shipping, spread(onShipping, shipping))];
  const pieces = [...items.map(({ quantity }) => quantity), ...shipping.map(() => 1)];
  const weights = net.some((amount) => amount > 0n) ? net : pieces.map(BigInt);
  const rates = [...items, ...shippingLines].map(({ taxRate }) => taxRate && BigInt(Math.round(Number(taxRate) * 1e4)));
  const taxes = rates.some((rate) => rate !== undefined)
    ? net.map((amount, index) => taxAt(amount, rates[index] as bigint, pricesIncludeTax))
    : spread(sum(taxLines) - (discount - onGoods - onShipping), weights);
  return net.map((amount, index) => {
    const item = items[index];
    return {
      name: item ? `line ${item.line}` : `shipping ${index - items.length + 1}`,
      sku: item?.sku,
      pieces: pieces[index]!,
      total: pricesIncludeTax ? amount : amount + taxes[index]!,
      tax: taxes[index]!,
      shipped: 0,
      cancelled: 0,
      back: 0,
      shipMark: 0n,
      cancelMark: pricesIncludeTax ? amount : amount + taxes[index]!,
      creditMark: 0n,
    };
  });
}

/** The tax on top of an amount, or inside it, by a rate in ten-thousandths of a percent. */
const taxAt = (amount: bigint, rate: bigint, isInside = false): bigint =>
  isInside ? amount - rounded(amount * 1_000_000n, 1_000_000n + rate) : rounded(amount * rate, 1_000_000n);

const minus = (amounts: readonly bigint[], less: readonly bigint[]): bigint[] =>
  amounts.map((amount, index) => amount - less[index]!);

/** Gives out an amount unit by unit, each to whom most is missing of an exact share. */
function spread(amount: bigint, weights: readonly bigint[]): bigint[] {
  const all = weights.reduce((sum, weight) => sum + weight, 0n);
  const shares = weights.map((weight) => (all === 0n ? 0n : (amount * weight) / all));
  for (let left = amount - shares.reduce((sum, share) => sum + share, 0n); left > 0n; left--) {
    let neediest = 0;
    const missing = (index: number): bigint => amount * weights[index]! - shares[index]! * all;
    for (let index = 1; index < weights.length; index++) if (missing(index) > missing(neediest)) neediest = index;
    shares[neediest]!++;
  }
  return shares;
}

/** The quotient to the nearest whole number, half up. */
function rounded(dividend: bigint, divisor: number | bigint): bigint {
  const by = BigInt(divisor);
  const quotient = dividend / by;
  return (dividend % by) * 2n >= by ? quotient + 1n : quotient;
}
