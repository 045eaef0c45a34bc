import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { answer } from './description/openapi.ts';
import { pageOf, textCursor, textOfCursor } from './paging.ts';
import { kindOf, PRINCIPAL_KINDS, type PrincipalKind } from './principal.ts';
import { Problem } from './problems.ts';
import type { RemoteService } from './remote/client.ts';
import { Id, limitOf, PageOf, pageParameters, strict, Text, Time, type View } from './schemas.ts';

/**
 * Who changed what beside orders, which have events: API keys, products, stock. An entry is written in the statement of
 * the change, so neither is there without the other.
 */

const ACTIONS = ['api_key.created', 'api_key.rotated', 'api_key.revoked', 'product.put', 'stock.adjusted'] as const;

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
    action: Type.String({ enum: [...ACTIONS] }),
    subject: Type.String({ description: 'Name of the API key, or SKU' }),
    before: Type.Unknown({ description: 'What it was; null where it was not there' }),
    after: Type.Unknown({ description: 'What it became; null where it is gone' }),
    correlationId: Type.String(),
  },
  { title: 'AuditEntry' },
);
type Entry = View<typeof EntryView>;
const EntryPage = Type.Object({
  ...PageOf(EntryView).properties,
  unreachable: Type.Optional(
    Type.Array(Type.String(), { description: 'Services that could not be asked; their entries are missing here' }),
  ),
});
const EntryQuery = Type.Object(
  {
    subject: Type.Optional(Text(400, { minLength: 1, description: 'Name of an API key, or SKU' })),
    action: Type.Optional(Type.String({ enum: [...ACTIONS] })),
    ...pageParameters,
  },
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

async function entriesOf(
  database: Database,
  { subject, action, cursor }: Static<typeof EntryQuery>,
  limit: number,
): Promise<Entry[]> {
  const behind = cursor === undefined ? undefined : placeInCursor(cursor);
  return database.queryOnce<Record<keyof Entry, never>>(
    `select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, actor, coalesce(actor_kind, 'key') as "actorKind", action, subject, before, after, correlationid as "correlationId"
     from log.audit_entries
     where ($1::text is null or subject = $1) and ($2::text is null or action = $2)
       and ($3::timestamptz is null or (audit_entries.at, id) < ($3, $4::uuid))
     order by audit_entries.at desc, id desc limit $5`,
    [subject ?? null, action ?? null, behind?.at ?? null, behind?.id ?? null, limit],
  );
}

/** `GET /audit-entries`: those of this process's databases and of the services behind it, newest first. */
export function auditEntryRoutes(
  app: FastifyInstance,
  databases: readonly Database[],
  remote: readonly RemoteService[] = [],
): void {
  app.get<{ Querystring: Static<typeof EntryQuery> }>(
    '/audit-entries',
    {
      config: { permission: 'audit:read' },
      schema: {
        operationId: 'listAuditEntries',
        tags: ['operations'],
        summary: 'Who changed API keys, products and stock',
        querystring: EntryQuery,
        response: { 200: answer('Newest first; kept for two years', EntryPage) },
      },
    },
    async (request) => {
      const limit = limitOf(request.query.limit);
      const own = await Promise.all(databases.map((database) => entriesOf(database, request.query, limit + 1)));
      const unreachable: string[] = [];
      const others = await Promise.all(
        remote.map(async (service) => {
          const entries = await entriesElsewhere(service, request);
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
    },
  );
}

/** The page of another process and one entry more, if it has one; undefined where it does not answer. */
async function entriesElsewhere(service: RemoteService, request: FastifyRequest): Promise<Entry[] | undefined> {
  try {
    const headers = { 'x-correlation-id': request.correlationId };
    const { statusCode, body } = await service.send({ method: 'GET', path: request.url, headers }, request.principal);
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
