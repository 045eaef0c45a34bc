/**
 * What a failed statement says, and so what helps: waiting, less at a time, a person who mends the database, or parking
 * what is at fault. By the codes of sockets and of PostgreSQL ("Error Codes").
 */

/**
 * - `away`: connection lost, server starting or stopping, read-only as during a failover, out of resources, deadlock. It
 *   passes by waiting and says nothing about the data.
 * - `late`: the statement took longer than it may. Less at a time may help.
 * - `misfit`: the schema or the rights are not those that this version needs. Everything fails alike until somebody
 *   mends it; no order is at fault.
 * - `data`: anything else. What it is about does not pass by waiting.
 */
export type FailureKind = 'away' | 'late' | 'misfit' | 'data';

/** The first that matches counts; of the socket they come first, because EPIPE is as long as an SQLSTATE. */
const CODES: readonly (readonly [FailureKind, RegExp])[] = [
  ['away', /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|ENOENT|EHOSTUNREACH|ENETUNREACH)/],
  // Cancelled, by its time limit nearly always.
  ['late', /^57014$/],
  // No right, no table, no column, no type, no function, no schema; and prepared statements that a pooler has mixed up.
  ['misfit', /^(42501|42P01|42703|42704|42883|3F000|26000|42P05)$/],
  // Read-only; connection, rollback, resources, object not in the state, operator, system.
  ['away', /^(25006|(08|40|53|55|57|58)[0-9A-Z]{3})$/],
];

/** What the driver says without a code. */
const WORDS: readonly (readonly [FailureKind, RegExp])[] = [
  ['late', /^Query read timeout$/],
  ['away', /Connection terminated|timeout exceeded when trying to connect|Client has encountered|not queryable/i],
];

export function failureKind(error: unknown): FailureKind {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string') return CODES.find(([, pattern]) => pattern.test(code))?.[0] ?? 'data';
  if (!(error instanceof Error)) return 'data';
  return WORDS.find(([, pattern]) => pattern.test(error.message))?.[0] ?? 'data';
}

/** True for failures that pass by waiting: they park no order, and a caller is asked to try again. */
export function isTransient(error: unknown): boolean {
  const kind = failureKind(error);
  return kind === 'away' || kind === 'late';
}

/** True where nothing that this version does can work before somebody mends the database. */
export function isMisfit(error: unknown): boolean {
  return failureKind(error) === 'misfit';
}

/** A misfit in words for whoever mends it. */
export function misfitReason(error: unknown): string {
  const { message, code } = error as { message: string; code: string };
  return `the database does not fit this version (${code}): ${message}. Run its migrations (olms migrate), or give the role its rights; nothing is lost meanwhile.`;
}

/**
 * What PostgreSQL cannot hold: too much of something (class 54), and texts, numbers and times that are none or out of its
 * range. Other data exceptions, such as a division by zero, are mistakes of a statement.
 */
const UNSTORABLE = /^(54...|22001|22003|22007|22008|22021|22P02|22P05)$/;

/** True where what was sent cannot be stored: the database refused it for what it holds, or it is nested deeper than we can follow. */
export function isUnstorable(error: unknown): boolean {
  if (error instanceof RangeError) return error.message.includes('call stack');
  return UNSTORABLE.test(String((error as { code?: unknown } | undefined)?.code));
}

export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown })?.code === '23505';
}
