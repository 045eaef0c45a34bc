import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { AuditEntry, AuditPage } from './audit-entries.ts';
import { type AuditFilter, auditParameters } from './audit-filter.ts';
import { type Column, exportAnswer, exportOf, exportParameters } from './exports.ts';
import { Problem } from './problems.ts';
import { LIMIT_MAX, strict } from './schemas.ts';

/** `GET /exports/audit`: what `GET /audit` lists, as a file. */

type Query = Static<typeof Query>;
const Query = Type.Object({ ...auditParameters, ...exportParameters }, strict);

const text = (value: unknown): string | undefined =>
  value === null || value === undefined ? undefined : JSON.stringify(value);
const COLUMNS: readonly Column<AuditEntry>[] = [
  ...(['at', 'actor', 'actorKind', 'action', 'subject', 'orderId', 'reason'] as const).map(
    (name): Column<AuditEntry> => ({ name, of: (entry) => entry[name] }),
  ),
  { name: 'before', of: ({ before }) => text(before) },
  { name: 'after', of: ({ after }) => text(after) },
  { name: 'correlationId', of: ({ correlationId }) => correlationId },
  { name: 'id', of: ({ id }) => id },
];

/** `read` gives the page of a filter, of which `url` asks other processes. */
export function exportAudit(
  app: FastifyInstance,
  read: (request: FastifyRequest, query: AuditFilter, url: string) => Promise<AuditPage>,
): void {
  app.get<{ Querystring: Query }>(
    '/exports/audit',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED', 'UNAVAILABLE'] },
      schema: {
        operationId: 'exportAudit',
        tags: ['exports'],
        summary: 'Audit entries, as a file: those that GET /audit lists, the newest first',
        querystring: Query,
        response: { 200: exportAnswer('Audit entries') },
      },
    },
    (request, reply) =>
      exportOf(request, reply, {
        name: 'audit',
        permission: 'audit:read',
        columns: COLUMNS,
        pages: pagesOf(request, read),
      }),
  );
}

async function* pagesOf(
  request: FastifyRequest<{ Querystring: Query }>,
  read: Parameters<typeof exportAudit>[1],
): AsyncGenerator<readonly AuditEntry[]> {
  const { format: _f, columns: _c, ...filter } = request.query;
  for (let cursor: string | undefined; ;) {
    const query = { ...filter, limit: String(LIMIT_MAX), ...(cursor !== undefined && { cursor }) };
    const { items, nextCursor, unreachable } = await read(request, query, `/audit?${new URLSearchParams(query)}`);
    // A file without some of the entries would look as if it had them all.
    if (unreachable)
      throw new Problem('UNAVAILABLE', `Not all services could be asked: ${unreachable.join(', ')}. Try again.`);
    yield items;
    if (nextCursor === null) return;
    cursor = nextCursor;
  }
}
