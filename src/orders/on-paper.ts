import { formerNumber, returnNumberOf } from '#contracts/order-number.ts';
import type { OrderOnPaper, ReturnOnPaper } from '#contracts/peers.ts';
import { awaitedPieces } from './rules/receipts.ts';
import type { Order } from './rules/state.ts';

/** What slips print of an order: whoever prints them asks for it, and knows nothing else of orders. */
export function orderOnPaper(id: string, order: Order): OrderOnPaper {
  const { number = formerNumber(id), reference, locale, shippingAddress, items } = order;
  return {
    number,
    ...(reference !== undefined && { reference }),
    ...(locale !== undefined && { locale }),
    ...(shippingAddress && { shippingAddress }),
    items: items.map(({ sku, name, quantity }) => ({ sku, quantity, ...(name !== undefined && { name }) })),
    returns: order.returns.map((entry, index) => ({
      returnId: entry.returnId,
      number: returnNumberOf(number, index + 1),
      items: awaitedItems(order, entry),
    })),
  };
}

function awaitedItems(order: Order, entry: Order['returns'][number]): ReturnOnPaper['items'] {
  const codes = new Map(entry.lines?.map(({ line, reasonCode }) => [line, reasonCode]));
  return [...awaitedPieces(order, entry)].map(([line, quantity]) => {
    const { sku, name } = order.items.find((item) => item.line === line)!;
    const reasonCode = codes.get(line);
    return { sku, quantity, ...(name !== undefined && { name }), ...(reasonCode !== undefined && { reasonCode }) };
  });
}
