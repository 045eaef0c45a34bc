import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { IdText } from '#platform/http/schemas.ts';
import { closed, hidden, noStore } from './common.ts';

/** Who else has an order open in the console. A browser says so every twenty seconds, and hears of the others. */

/** Who has said nothing for so long has left. */
const GONE_S = 50;
/** So many others are named, and so many who left are forgotten at a time. */
const OTHERS_MAX = 20;
const FORGOTTEN_MAX = 200;

/** Customers have no part in it, and are those who may read orders and no figures. */
const ofStaff = { permission: 'dashboard:read' } as const;
const params = Type.Object({ orderId: IdText });
const Here = Type.Object(
  {
    doing: Type.Optional(
      Type.String({ maxLength: 40, pattern: '^[A-Za-z]+$', description: 'What a dialog of theirs is about' }),
    ),
  },
  closed,
);

interface Other {
  readonly name: string;
  readonly doing?: string;
}

export function presenceRoutes(app: FastifyInstance, database: Database): void {
  const path = '/console/presence/:orderId';

  app.put<{ Params: Static<typeof params>; Body: Static<typeof Here> }>(
    path,
    { config: ofStaff, schema: { ...hidden, params, body: Here } },
    async (request, reply) => {
      const { orderId } = request.params;
      const others = await arrive(database, orderId, request.principal.name, request.body.doing);
      return noStore(reply).send({ others });
    },
  );
  app.delete<{ Params: Static<typeof params> }>(
    path,
    { config: ofStaff, schema: { ...hidden, params } },
    async (request, reply) => {
      await database.query('delete from gateway.presence where order_id = $1 and name = $2', [
        request.params.orderId,
        request.principal.name,
      ]);
      return reply.code(204).send();
    },
  );
}

/** Notes that somebody has the order open; returns who else has, those who came last at the beginning. */
async function arrive(database: Database, orderId: string, name: string, doing: string | undefined): Promise<Other[]> {
  const rows = await database.query<{ name: string; doing: string | null }>(
    `with here as (
       insert into gateway.presence (order_id, name, doing) values ($1, $2, $3)
       on conflict (order_id, name) do update set doing = excluded.doing, seen_at = now()
     ), gone as (
       delete from gateway.presence where (order_id, name) in (
         select order_id, name from gateway.presence
         where seen_at < now() - interval '10 minutes' and not (order_id = $1 and name = $2) order by seen_at limit ${FORGOTTEN_MAX} for update skip locked)
     )
     select name, doing from gateway.presence
     where order_id = $1 and name <> $2 and seen_at > now() - interval '${GONE_S} seconds'
     order by seen_at desc limit ${OTHERS_MAX}`,
    [orderId, name, doing ?? null],
  );
  return rows.map((row) => ({ name: row.name, ...(row.doing !== null && { doing: row.doing }) }));
}
