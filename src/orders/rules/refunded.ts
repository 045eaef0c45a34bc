import { amountMinor, formatAmount, largestRemainder, part, sumOf } from '#contracts/money.ts';
import type { LinePart } from '#contracts/order-events.ts';
import type { Order } from './state.ts';

/** What a refund is for, line by line, so that the credit note about it can say so and take back the right tax. */

interface Open {
  readonly part: LinePart;
  amount: bigint;
  tax: bigint;
  pieces: number;
}

/**
 * The parts of lines that a refund pays: what it credits itself, else what was credited before and no refund has paid
 * yet. Undefined where its amount goes beyond those: then it is for no certain lines. Their sum is its amount.
 */
export function refundedLines(order: Order, refund: Order['refunds'][number]): LinePart[] | undefined {
  const { currency } = order;
  const amount = amountMinor(refund.amount, currency);
  if (refund.credited?.length && sumOf(refund.credited, currency) === amount) return [...refund.credited];
  // What came back without a refund is paid where a person gives more than the rest.
  const open = [false, true].map((waived) => openCredits(order, waived)).find((some) => sumOfOpen(some) >= amount);
  if (!open || amount <= 0n) return undefined;
  const shares = largestRemainder(
    amount,
    open.map((one) => one.amount),
  );
  return open.flatMap(({ part: { line, shipping }, amount: whole, tax, pieces }, index): LinePart[] => {
    const share = shares[index]!;
    if (share === 0n) return [];
    const taxHere = part(tax, share, whole);
    return [
      {
        ...(line === undefined ? { shipping: shipping! } : { line }),
        ...(share === whole && pieces > 0 && { quantity: pieces }),
        amount: formatAmount(share, currency),
        ...(taxHere > 0n && { tax: formatAmount(taxHere, currency) }),
      },
    ];
  });
}

function sumOfOpen(open: readonly Open[]): bigint {
  return open.reduce((total, { amount }) => total + amount, 0n);
}

/** What was credited for each line and is not paid by a refund that was carried out. */
function openCredits({ currency, returns, credits, refunds }: Order, withWaived: boolean): Open[] {
  const byLine = new Map<string, Open>();
  const move = (parts: readonly LinePart[] | undefined, sign: 1n | -1n): void => {
    for (const one of parts ?? []) {
      if (one.waived && !withWaived) continue;
      const key = one.line === undefined ? `shipping ${one.shipping}` : `line ${one.line}`;
      let open = byLine.get(key);
      if (!open) byLine.set(key, (open = { part: one, amount: 0n, tax: 0n, pieces: 0 }));
      open.amount += sign * amountMinor(one.amount, currency);
      open.tax += sign * amountMinor(one.tax ?? '0', currency);
      open.pieces += Number(sign) * (one.quantity ?? 0);
    }
  };
  for (const { credited } of returns) move(credited, 1n);
  move(credits, 1n);
  for (const { status, credited, lines, returned } of refunds) {
    if (status !== 'FAILED') move(credited, 1n);
    // One whose money came back stays for what it was for.
    if (status === 'DONE' || returned !== undefined) move(lines, -1n);
  }
  return [...byLine.values()].filter(({ amount }) => amount > 0n);
}
