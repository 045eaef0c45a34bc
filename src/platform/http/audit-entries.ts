import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { AUDIT_ACTIONS } from '#platform/log/audit-log.ts';
import { exportAudit } from './audit-export.ts';
import { action, type AuditFilter, AuditQuery, subject } from './audit-filter.ts';
import { answer } from './description/openapi.ts';
import { pageOf, textCursor, textOfCursor } from './paging.ts';
import { kindOf, PRINCIPAL_KINDS, type PrincipalKind } from './principal.ts';
import { Problem } from './problems.ts';
import type { RemoteService } from './remote/client.ts';
import { Id, limitOf, PageOf, pageParameters, strict, Time, type View } from './schemas.ts';
import { fromMs, toMs } from './times.ts';

/**
 * Who changed what, when and why, from what to what: commands to orders, and what stands beside them (API keys, products,
 * stock, locations, runs, parked orders). Each database has its entries; a gateway merges those of all services by time.
 */

/** Columns of `log.audit_entries` that a change fills in beside `action`, `subject`, `before` and `after`. */
export interface AuditedBy {
  readonly actor: string;
  readonly actorKind: PrincipalKind;
  readonly correlationId: string;
}

export function auditedBy({ principal, correlationId }: FastifyRequest): AuditedBy {
  return { actor: principal.name, actorKind: kindOf(principal), correlationId };
}

const EntryView = Type.Object(
  {
    id: Id,
    at: Time,
    actor: Type.String({ description: 'Name of the API key, or of who has the token' }),
    actorKind: Type.String({ enum: [...PRINCIPAL_KINDS] }),
    action: Type.String({
      enum: [...AUDIT_ACTIONS],
      description: 'What happened to an order is named by the first event that says so',
    }),
    subject: Type.String({
      description: 'Id of the order; name of the API key, location or consumer, SKU, id of the run or notification',
    }),
    orderId: Type.Optional(Id),
    reason: Type.Optional(Type.String({ description: 'Why, where somebody said so' })),
    before: Type.Unknown({
      description: 'What it was; of an order the fields that changed; null where it was not there',
    }),
    after: Type.Unknown({ description: 'What it became; null where it is gone' }),
    correlationId: Type.String(),
  },
  { title: 'AuditEntry' },
);
type Entry = View<typeof EntryView>;
export type AuditEntry = Entry;
const EntryPage = Type.Object({
  ...PageOf(EntryView).properties,
  unreachable: Type.Optional(
    Type.Array(Type.String(), { description: 'Services that could not be asked; their entries are missing here' }),
  ),
});
const EntryQuery = Type.Object(
  { subject: Type.Optional(subject), action: Type.Optional(action), ...pageParameters },
  strict,
);

/** Where a page goes on: behind this entry, towards older ones. */
interface Place {
  readonly at: string;
  readonly id: string;
}

const PLACE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([0-9a-f-]{36})$/;

function placeInCursor(cursor: string): Place {
  const [, at, id] = PLACE.exec(textOfCursor(cursor)) ?? [];
  if (at === undefined)
    throw new Problem('VALIDATION_FAILED', 'The cursor is not one that this list gave; start without a cursor.', {
      errors: [{ pointer: '/cursor', detail: 'is unknown' }],
    });
  return { at, id: id! };
}

/** Conditions by the parameter that asks for them; each has an index that ends with (at, id). */
const CONDITIONS = {
  orderId: 'subject = $',
  subject: 'subject = $',
  actor: 'actor = $',
  action: 'action = $',
  from: 't.at >= $',
  to: 't.at < $',
} as const;

/** The statement of a page: up to `limit` entries, newest first. Throws VALIDATION_FAILED for a time or cursor that is none. */
export function auditQuery(query: Static<typeof AuditQuery>, limit: number): { text: string; values: unknown[] } {
  const { from, to, cursor, orderId } = query;
  const behind = cursor === undefined ? undefined : placeInCursor(cursor);
  const fromTime = fromMs(from, 'from');
  const toTime = toMs(to, 'to');
  const asked = {
    ...query,
    orderId: orderId?.toLowerCase(),
    from: fromTime === undefined ? undefined : isoTime(fromTime),
    to: toTime === undefined ? undefined : isoTime(toTime),
  };
  const values: unknown[] = [];
  const where: string[] = [];
  for (const [name, sql] of Object.entries(CONDITIONS)) {
    const value = asked[name as keyof typeof CONDITIONS];
    if (value !== undefined) where.push(sql.replace('$', `$${values.push(value)}`));
  }
  if (behind) where.push(`(t.at, t.id) < ($${values.push(behind.at)}, $${values.push(behind.id)}::uuid)`);
  const text = `select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, actor, coalesce(actor_kind, 'key') as "actorKind", action, subject, before, after, correlationid as "correlationId"
     from log.audit_entries t${where.length > 0 ? ` where ${where.join(' and ')}` : ''} order by t.at desc, t.id desc limit $${values.push(limit)}`;
  return { text, values };
}

type EntryRow = Omit<Entry, 'orderId' | 'reason'> & Record<string, unknown>;

async function entriesOf(database: Database, query: Static<typeof AuditQuery>, limit: number): Promise<Entry[]> {
  const { text, values } = auditQuery(query, limit);
  // Planned each time: what is asked for decides by which index it is read.
  const rows = await database.queryOnce<EntryRow>(text, values);
  return rows.map((row) => {
    const { reason } = (row.after ?? {}) as { readonly reason?: unknown };
    return {
      ...row,
      ...(ofOrder(row) && { orderId: row.subject }),
      ...(typeof reason === 'string' && { reason }),
    };
  });
}

function ofOrder({ action: what }: EntryRow): boolean {
  return what.startsWith('parked.') || Object.hasOwn(ORDER_EVENTS, what);
}

export interface AuditPage {
  readonly items: readonly AuditEntry[];
  readonly nextCursor: string | null;
  readonly unreachable?: readonly string[];
}

/** A page of the entries of these databases and of the services behind this process, which are asked by `url`. */
async function readPage(
  databases: readonly Database[],
  remote: readonly RemoteService[],
  request: FastifyRequest,
  query: AuditFilter,
  url: string,
): Promise<AuditPage> {
  const limit = limitOf(query.limit);
  const own = await Promise.all(databases.map((database) => entriesOf(database, query, limit + 1)));
  const unreachable: string[] = [];
  const others = await Promise.all(
    remote.map(async (service) => {
      const entries = await entriesElsewhere(service, request, url);
      if (!entries) unreachable.push(service.name);
      return entries ?? [];
    }),
  );
  // Services that share a database list the same entries.
  const byId = new Map([...own, ...others].flat().map((entry) => [entry.id, entry]));
  const all = [...byId.values()].toSorted((a, b) => (a.at < b.at || (a.at === b.at && a.id < b.id) ? 1 : -1));
  return {
    ...pageOf(
      all,
      limit,
      (entry) => entry,
      ({ at, id }) => textCursor(`${at} ${id}`),
    ),
    ...(unreachable.length > 0 && { unreachable }),
  };
}

/** `GET /audit`: those of this process's databases and of the services behind it, newest first. */
export function auditEntryRoutes(
  app: FastifyInstance,
  databases: readonly Database[],
  remote: readonly RemoteService[] = [],
): void {
  const page = (request: FastifyRequest, query: AuditFilter, url: string): Promise<AuditPage> =>
    readPage(databases, remote, request, query, url);
  const handler = (request: FastifyRequest<{ Querystring: AuditFilter }>): Promise<AuditPage> =>
    page(request, request.query, request.url);
  const config = { permission: 'audit:read' } as const;
  const described = {
    tags: ['operations'],
    response: { 200: answer('Newest first; kept for two years', EntryPage) },
  };
  app.get<{ Querystring: AuditFilter }>('/audit', {
    config,
    schema: {
      ...described,
      operationId: 'listAudit',
      summary: 'Who changed what, when and why, from what to what',
      description:
        'Commands that a key, a person or a customer gave to orders, and changes of API keys, products, stock and locations. Who placed an order stands in its first event. Entries are added, never changed, and chained by hashes that `bin/olms audit` follows.',
      querystring: AuditQuery,
    },
    handler,
  });
  exportAudit(app, page);
  app.get<{ Querystring: Static<typeof EntryQuery> }>('/audit-entries', {
    config: { ...config, deprecated: { since: '2026-11-28', goes: '2027-11-28', instead: 'listAudit' } },
    schema: {
      ...described,
      operationId: 'listAuditEntries',
      summary: 'The same as /audit, with fewer filters',
      querystring: EntryQuery,
    },
    handler,
  });
}

/** The page of another process and one entry more, if it has one; undefined where it does not answer. */
async function entriesElsewhere(
  service: RemoteService,
  request: FastifyRequest,
  url: string,
): Promise<Entry[] | undefined> {
  try {
    const headers = { 'x-correlation-id': request.correlationId };
    const { statusCode, body } = await service.send({ method: 'GET', path: url, headers }, request.principal);
    if (statusCode !== 200) return undefined;
    const text = Buffer.isBuffer(body) ? body.toString() : await body.text();
    const { items, nextCursor } = JSON.parse(text) as { items: Entry[]; nextCursor: string | null };
    const last = items.at(-1);
    // That there is more, whatever it is, stands for one entry more: it is read with the next page.
    return nextCursor === null || !last ? items : [...items, { ...last, id: BEFORE_ALL, at: last.at }];
  } catch {
    return undefined;
  }
}

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';
