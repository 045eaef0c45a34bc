import type { AuthType } from '#contracts/envelope.ts';
import { formatAmount } from '#contracts/money.ts';
import { addAuditEntries, type AuditAction, type NewAuditEntry } from '#platform/log/audit-log.ts';
import type { Write } from '#platform/database/statement.ts';
import type { Audited } from './batch.ts';

/** What the audit keeps of the commands of a batch. */

const KINDS: Readonly<Record<Exclude<AuthType, 'system'>, string>> = {
  api_key: 'key',
  user: 'person',
  app_user: 'customer',
};
/** A longer value is not repeated: the events of the order have it. */
const VALUE_MAX = 4_000;

/** Whom an order is for: the audit says that this changed, and the events of the order, where it can be looked after, say how. */
const PERSONAL: ReadonlySet<string> = new Set(['contact', 'shippingAddress', 'billingAddress', 'metadata']);
const PERSONAL_SHOWN = 'personal data; see the events of the order';

/** What payments are made with is in no entry, wherever it stands. */
const NEVER: ReadonlySet<string> = new Set(['token', 'action', 'clientSecret']);

/** The entries of a batch: of each change the fields that are others now, and why. */
export function auditChanges<State>(changes: readonly Audited<State>[]): Write {
  return addAuditEntries(changes.map(entryOf));
}

function entryOf<State>({ orderId, cause, before, after, events }: Audited<State>): NewAuditEntry {
  const [event] = events;
  const was: Record<string, unknown> = {};
  const is: Record<string, unknown> = {};
  const fieldsBefore = (before ?? {}) as Readonly<Record<string, unknown>>;
  const fieldsAfter = (after ?? {}) as Readonly<Record<string, unknown>>;
  const json = jsonOf(after ?? before);
  for (const name of new Set([...Object.keys(fieldsBefore), ...Object.keys(fieldsAfter)])) {
    if (fieldsBefore[name] === fieldsAfter[name]) continue;
    const [left, right] = [json(fieldsBefore[name]), json(fieldsAfter[name])];
    if (left === right) continue;
    if (left !== undefined) was[name] = PERSONAL.has(name) ? PERSONAL_SHOWN : shown(left);
    if (right !== undefined) is[name] = PERSONAL.has(name) ? PERSONAL_SHOWN : shown(right);
  }
  const { reason } = event!.data as { readonly reason?: unknown };
  if (typeof reason === 'string') is['reason'] = reason;
  return {
    actor: cause.authid!,
    actorKind: KINDS[cause.authtype as keyof typeof KINDS],
    action: event!.type as AuditAction,
    subject: orderId,
    before: before === undefined ? null : was,
    after: is,
    correlationId: cause.correlationid,
  };
}

/** How values of a state are written: amounts are decimal strings in its currency, as everywhere outside of rules. */
function jsonOf(state: unknown): (value: unknown) => string | undefined {
  const { currency } = (state ?? {}) as { readonly currency?: unknown };
  const amount = (value: bigint): string =>
    typeof currency === 'string' ? formatAmount(value, currency) : String(value);
  return (value) =>
    JSON.stringify(value, (name, each: unknown) =>
      NEVER.has(name) ? undefined : typeof each === 'bigint' ? amount(each) : each,
    );
}

function shown(json: string): unknown {
  return json.length <= VALUE_MAX
    ? (JSON.parse(json) as unknown)
    : `(${json.length} characters; see the events of the order)`;
}
