import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';

/**
 * The audit entries of a database: who changed what, when and why, from what to what. An entry is written in the
 * statement of the change, so neither is there without the other; the database adds it to a chain of hashes.
 */

/** What happens beside orders, as `action` of an entry; what happens to an order is named by the event that says so. */
export const ACTIONS_BESIDE_ORDERS = [
  'api_key.created',
  'api_key.rotated',
  'api_key.revoked',
  'person.invited',
  'person.password_set',
  'person.disabled',
  'person.link_made',
  'person.passkey_added',
  'person.passkey_removed',
  'person.roles_changed',
  'person.sessions_ended',
  'bulk.started',
  'consumer.rewound',
  'location.put',
  'notification.resent',
  'parked.retried',
  'parked.skipped',
  'product.put',
  'projection.rebuilt',
  'stock.adjusted',
] as const;

export type AuditAction = (typeof ACTIONS_BESIDE_ORDERS)[number] | keyof typeof ORDER_EVENTS;

export const AUDIT_ACTIONS: readonly AuditAction[] = [
  ...ACTIONS_BESIDE_ORDERS,
  ...(Object.keys(ORDER_EVENTS) as (keyof typeof ORDER_EVENTS)[]),
];

/** An entry to be written. Of `before` and `after` null means that there was, or is, nothing. */
export interface NewAuditEntry {
  readonly actor: string;
  /** What kind of principal that is; undefined: not known. */
  readonly actorKind?: string | undefined;
  readonly action: AuditAction;
  /** Id of the order, or name of what was changed. */
  readonly subject: string;
  readonly before?: object | null;
  readonly after?: object | null;
  readonly correlationId: string;
}

/** The entries as part of a save. */
export function addAuditEntries(entries: readonly NewAuditEntry[]): Write {
  return insertRows(
    'audited',
    'log.audit_entries',
    {
      actor: 'text',
      actor_kind: 'text',
      action: 'text',
      subject: 'text',
      before: 'json',
      after: 'json',
      correlationid: 'text',
    },
    entries.map(({ actorKind, correlationId, ...entry }) => ({
      ...entry,
      actor_kind: actorKind,
      correlationid: correlationId,
    })),
  );
}
