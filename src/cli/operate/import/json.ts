import { currencyExponent } from '#contracts/currencies.ts';
import { parseAmount } from '#contracts/money.ts';
import type { ImportedOrder, ImportKind } from '#orders/rules/imports.ts';
import type { Input } from './input.ts';
import type { Reason } from './reasons.ts';
import type { ReadOrder } from './request.ts';

/** Orders out of a JSON file as `olms export orders` writes it: a list with one order on each line, read line by line. */

const LINE_CHARS_MAX = 4 * 1024 * 1024;

export interface JsonSettings {
  readonly as: ImportKind;
  readonly channel: string | undefined;
  readonly payment: { readonly provider?: string; readonly token: string };
}

/** The orders of the file. Throws for what is no such list, with the line at fault. */
export async function* readJson(input: Input, settings: JsonSettings): AsyncGenerator<ReadOrder> {
  let line = 0;
  for await (const text of linesOf(input)) {
    line++;
    const plain = text.trim().replace(/^\[/, '').replace(/,$/, '').replace(/\]$/, '').trim();
    if (plain === '') continue;
    let order: ImportedOrder;
    try {
      order = JSON.parse(plain) as ImportedOrder;
    } catch {
      throw new Error(`line ${line}: is no order; a JSON file holds a list with one order on each line.`);
    }
    if (typeof order.number !== 'string' || !Array.isArray(order.items))
      throw new Error(`line ${line}: an order has a number and items.`);
    yield readOf(order, settings);
  }
}

async function* linesOf(input: Input): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const chunk of input.read()) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = lines.pop()!;
    if (rest.length > LINE_CHARS_MAX) throw new Error('A JSON file holds a list with one order on each line.');
    yield* lines;
  }
  yield rest + decoder.decode();
}

function readOf(order: ImportedOrder, { as, channel, payment }: JsonSettings): ReadOrder {
  const currency = currencyExponent(order.currency) === undefined ? undefined : order.currency;
  const total = currency === undefined ? undefined : parseAmount(order.totalAmount ?? '0', currency);
  const read = {
    number: order.number,
    currency,
    total: total ?? 0n,
    lines: order.items.length,
    articles: [],
    notes: [],
    refusedLines: [],
  };
  const reason = whyNot(order, as);
  if (reason) return { ...read, refused: { reason, detail: order.status ?? '' } };
  const { status: _s, refunds: _r, paidAmount: _p, endReason: _e, ...content } = order;
  const sent = as === 'history' ? order : content;
  return {
    ...read,
    order: { ...sent, ...(channel !== undefined && { channel }), ...(as === 'live' && { payment }) },
  };
}

function whyNot({ status, createdAt, refunds = [] }: ImportedOrder, as: ImportKind): Reason | undefined {
  if (as === 'history') return status === undefined ? 'still_open' : createdAt === undefined ? 'no_date' : undefined;
  if (as === 'open') return status === undefined ? undefined : 'ended';
  return status === undefined || (status === 'COMPLETED' && refunds.length === 0)
    ? undefined
    : status === 'CANCELLED'
      ? 'cancelled'
      : 'no_sale';
}
