import type { Order, OrderForecast } from '#client';
import { useMoney, useNumber, useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { isPositive, less, refundable, sum } from './money.ts';
import { MAILED } from './tables.ts';

/** What a command will do, in sentences, from what the API forecasts of it. */

/** Makes the sentences of a forecast. */
export function useEffectsOf(): (before: Order, forecast: OrderForecast) => string[] {
  const { effects: words, status: statusNames } = useText();
  const money = useMoney();
  const count = useNumber();
  const { exact } = useTimes();

  const differences = (before: Order, after: Order): string[] => {
    const of = (amount: string): string => money(amount, before.currency);
    const said: (string | false | undefined)[] = [];
    const refunds = newOf(before.refunds, after.refunds, ({ refundId }) => refundId);
    const refunded = sum(
      refunds.map(({ amount }) => amount),
      before.totalAmount,
    );
    const released = pieces(before.allocations) - pieces(after.allocations);
    const ends = after.status === 'CANCELLED' && before.status !== 'CANCELLED';
    if (ends) {
      said.push(words.cancelled(before.number));
      const set = pieces(before.allocations);
      said.push(set > 0 && words.released(count(set)));
      said.push(givenUp(before, of));
    } else said.push(released > 0 && words.released(count(released)));
    if (after.totalAmount !== before.totalAmount) said.push(words.total(of(before.totalAmount), of(after.totalAmount)));
    said.push(isPositive(refunded) && words.refunded(of(refunded), before.payment.provider));
    for (const hold of newOf(before.holds, after.holds, ({ type }) => type))
      said.push(hold.steps.length > 0 ? words.held : words.heldNothing(hold.type));
    for (const hold of newOf(after.holds, before.holds, ({ type }) => type)) said.push(words.holdEnds(hold.type));
    const paused = after.holds.filter(({ steps }) => steps.length > 0);
    if (after.holds.length < before.holds.length && paused.length > 0)
      said.push(words.stillHeld(paused.map(({ type }) => `“${type}”`).join(', ')));
    for (const claim of newOf(before.claims ?? [], after.claims ?? [], ({ claimId }) => claimId))
      said.push(claim.resolution === 'reship' ? words.reship(count(pieces(claim.items))) : words.claimed);
    for (const entry of newOf(before.returns, after.returns, ({ returnId }) => returnId)) {
      said.push(words.expected(count(pieces(entry.items))));
      said.push(entry.deadlineAt !== undefined && words.expectedUntil(exact(entry.deadlineAt)));
    }
    for (const entry of after.returns) said.push(...received(before, entry));
    said.push(...amended(before, after));
    if (after.status !== before.status && !ends)
      said.push(words.becomes(statusNames[before.status] ?? before.status, statusNames[after.status] ?? after.status));
    if (after.deadlineAt !== undefined && after.deadlineAt !== before.deadlineAt && after.status === before.status)
      said.push(words.waitsUntil(exact(after.deadlineAt)));
    return texts(said);
  };

  const givenUp = (before: Order, of: (amount: string) => string): string | false => {
    const left = refundable(before);
    if (isPositive(left)) return words.refunded(of(left), before.payment.provider);
    if (before.paymentStatus === 'AUTHORIZED') return words.voided(of(before.totalAmount));
    return before.paymentStatus === 'PENDING' && words.inFlight;
  };

  const received = (before: Order, entry: Order['returns'][number]): (string | false)[] => {
    const was = before.returns.find(({ returnId }) => returnId === entry.returnId);
    if (!was) return [];
    const fresh = (entry.receipts ?? []).slice(was.receipts?.length ?? 0);
    const of = (condition: string): number => pieces(fresh.filter((each) => each.condition === condition));
    const back = pieces(
      fresh.filter(
        ({ condition, disposition }) => (disposition ?? (condition === 'sellable' && 'restock')) === 'restock',
      ),
    );
    const kept = of('damaged') + of('unchecked');
    return [
      back > 0 && words.restocked(count(back)),
      kept > 0 && words.kept(count(kept)),
      of('missing') > 0 && words.missing(count(of('missing'))),
      (entry.closed ?? false) && !was.closed && words.returnCloses,
      entry.received && !entry.closed && !was.received && words.returnComplete,
    ];
  };

  const amended = (before: Order, after: Order): string[] => {
    const parts = [
      ['address', line(before.shippingAddress), line(after.shippingAddress)],
      ['contact', line(before.contact), line(after.contact)],
      ['reference', before.reference ?? '', after.reference ?? ''],
    ] as const;
    const said = parts.filter(([, was, is]) => was !== is).map(([name, was, is]) => words.changes(name, was, is));
    const names = new Set([...Object.keys(before.metadata), ...Object.keys(after.metadata)]);
    const entries = [...names].filter(
      (name) => JSON.stringify(before.metadata[name]) !== JSON.stringify(after.metadata[name]),
    );
    return entries.length > 0 ? [...said, words.entries(entries.join(', '))] : said;
  };

  return (before, { events, after, ifStopped }) => {
    const happens = new Set(events);
    const said = differences(before, after);
    if (happens.has('OrderPaymentRequested'))
      said.push(
        words.charged(money(less(after.totalAmount, before.refundedAmount), before.currency), after.payment.provider),
      );
    if (happens.has('OrderReadyForShipment')) said.push(words.toWarehouse);
    if (happens.has('OrderCompleted')) said.push(words.invoiced);
    if (ifStopped)
      said.push(
        words.askedFirst,
        ...differences(before, ifStopped)
          .filter((sentence) => !said.includes(sentence))
          .map((sentence) => words.ifStopped(sentence)),
      );
    const mailed =
      ifStopped !== undefined || events.some((event) => MAILED.has(event)) || happens.has('OrderRefundRequested');
    const { email } = after.contact ?? {};
    if (mailed) said.push(email === undefined ? words.mailedNowhere : words.mailed(email));
    else said.push(words.notMailed);
    return said;
  };
}

/** What is in the second list and not in the first. */
function newOf<Item>(before: readonly Item[], after: readonly Item[], idOf: (item: Item) => string): Item[] {
  const known = new Set(before.map(idOf));
  return after.filter((item) => !known.has(idOf(item)));
}
function pieces(items: readonly { readonly quantity: number }[]): number {
  return items.reduce((total, { quantity }) => total + quantity, 0);
}
function texts(said: readonly (string | false | undefined)[]): string[] {
  return said.flatMap((sentence) => (typeof sentence === 'string' ? [sentence] : []));
}
function line(fields: object | undefined): string {
  return Object.values(fields ?? {})
    .filter((value) => typeof value === 'string')
    .join(', ');
}
