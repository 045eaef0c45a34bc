/** What may be said of an error to people other than those whose data it is about. */

/** PostgreSQL's data exceptions (class 22) quote the value that is none. */
const DATA_EXCEPTION = /^22[0-9A-Z]{3}$/;
/** From the first quote to the last: what is quoted may hold quotes itself. */
const QUOTED = /(["'`]).*(["'`])/s;
/** What a parser says of a text that it cannot read; the text may stand in it without quotes, too. */
const PARSED_NUMBER = /^Cannot convert .* to a BigInt$/s;

/**
 * The message of an error without what it quotes of the data that led to it: for log lines, readiness, and the reason why
 * an order is parked. Names of tables, columns and constraints stay.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, code } = error as Error & { readonly code?: unknown };
  const quotes = error instanceof SyntaxError || (typeof code === 'string' && DATA_EXCEPTION.test(code));
  if (!quotes) return message;
  return message.replace(PARSED_NUMBER, 'Cannot convert a text to a BigInt').replace(QUOTED, '"…"');
}
