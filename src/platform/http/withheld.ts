import type { FastifyInstance, FastifyRequest } from 'fastify';
import { can, FIELDS, type FieldPermission } from '#contracts/permissions.ts';
import type { Principal } from './principal.ts';

/**
 * Fields that not everybody may read who may read the rest, wherever they stand in an answer or an event: by their
 * names, so that a new view cannot forget one.
 */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Nothing is left out here: a document is shown as it was issued, or everything in it has been left out before. */
    whole?: true;
  }
}

const NEEDED = [...new Set(Object.values(FIELDS).map(({ permission }) => permission))];
/** Says why an action is not possible, to whoever may ask for it. */
const FOR_EVERYBODY: ReadonlySet<string> = new Set(['refusedActions', 'errors']);
const WITHHELD = 'withheld';
const JSON_TYPE = 'application/json';

const byRole = new Map<Principal['role'], ReadonlySet<FieldPermission> | undefined>();

/** The permissions for fields that a caller lacks; undefined where it reads everything, as nearly all do. */
export function lackedBy(principal: Principal): ReadonlySet<FieldPermission> | undefined {
  const { role } = principal;
  if (byRole.has(role)) return byRole.get(role);
  const lacked = NEEDED.filter((permission) => !can(principal, permission));
  const answer = lacked.length === 0 ? undefined : new Set(lacked);
  if (role !== 'scoped') byRole.set(role, answer);
  return answer;
}

/** A copy without the fields that are for others: left out where they need not be there, empty or `withheld` where they must. */
export function without(lacked: ReadonlySet<FieldPermission>, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((entry) => without(lacked, entry));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value)) {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (!field || !lacked.has(field.permission)) copy[name] = FOR_EVERYBODY.has(name) ? entry : without(lacked, entry);
    else if (field.instead === 'text') copy[name] = typeof entry === 'string' ? WITHHELD : null;
    else if (field.instead === 'empty') copy[name] = Array.isArray(entry) ? [] : {};
  }
  return copy;
}

/** Like {@link without}, for JSON as it is sent. */
export function jsonWithout(lacked: ReadonlySet<FieldPermission>, json: string): string {
  return JSON.stringify(without(lacked, JSON.parse(json)));
}

/** The permissions for fields that the caller of a route lacks, where the route leaves them out. */
function lackedOn({ principal, routeOptions }: FastifyRequest): ReadonlySet<FieldPermission> | undefined {
  return (principal as Principal | undefined) && !routeOptions.config.whole ? lackedBy(principal) : undefined;
}

/** What a route answers, as its caller may read it. */
export function shownTo(request: FastifyRequest, payload: unknown): unknown {
  const lacked = lackedOn(request);
  return lacked ? without(lacked, payload) : payload;
}

/** Leaves out of every answer what its caller may not read. */
export function withholdFields(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload: unknown, done) => {
    const lacked = typeof payload === 'string' ? lackedOn(request) : undefined;
    const isJson = lacked && reply.statusCode < 300 && String(reply.getHeader('content-type')).startsWith(JSON_TYPE);
    done(null, isJson ? jsonWithout(lacked, payload as string) : payload);
  });
}
