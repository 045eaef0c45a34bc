import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { firstIdAt, idTimeMs } from '#contracts/ids.ts';
import type { Cache } from '#platform/cache/cache.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Time, type View } from '#platform/http/schemas.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { countByMinute, countByStatus } from '#orders/store/counts.ts';

const DASHBOARD_CACHE_MS = 1_000;
const DASHBOARD_KEY = 'dashboard';
/** Minutes are counted again so often: they show how the last hour went. */
const MINUTES_CACHE_MS = 10_000;
const MINUTE_MS = 60_000;
const MINUTES = 60;

const byStatus = (value: string): ReturnType<typeof Type.Object> =>
  Type.Partial(Type.Object(Object.fromEntries(Object.keys(STATUSES).map((status) => [status, Type.Integer()]))), {
    description: value,
  });

const DashboardView = Type.Object(
  {
    total: Type.Integer({ description: 'Orders in all' }),
    byStatus: byStatus('How many orders are in each status'),
    oldestAgeSeconds: byStatus('Age of the oldest order in each status'),
    createdLastMinute: Type.Integer(),
    createdLastHour: Type.Integer(),
    minutes: Type.Optional(
      Type.Array(
        Type.Object({
          at: Time,
          placed: Type.Integer(),
          paid: Type.Integer({ description: 'Of those placed then: whose money is captured or authorized, or was' }),
          failed: Type.Integer({ description: 'Of those placed then: whose payment failed' }),
        }),
        { description: `The last ${MINUTES} minutes, the oldest first; up to ten seconds old` },
      ),
    ),
    at: Time,
  },
  { title: 'Dashboard' },
);

type Dashboard = View<typeof DashboardView>;

/** `GET /dashboard`. */
export function dashboardRoute(app: FastifyInstance, database: Database, shared: Cache | undefined): void {
  app.get(
    '/dashboard',
    {
      config: { permission: 'dashboard:read' },
      schema: {
        operationId: 'readDashboard',
        tags: ['operations'],
        summary: 'Orders by status, throughput, ages',
        response: { 200: answer('At most a second old', DashboardView) },
      },
    },
    dashboard(database, shared),
  );
}

/** Counted at most once a second, by one process for all of them where they share a cache. */
function dashboard(database: Database, shared: Cache | undefined): () => Promise<Dashboard> {
  // What comes from the shared cache is up to a second old already: then only reads at the same time are joined.
  const ownMs = shared ? DASHBOARD_CACHE_MS / 10 : DASHBOARD_CACHE_MS;
  let cached: { atMs: number; answer: Promise<Dashboard> } | undefined;
  const read = async (): Promise<Dashboard> => {
    const nowMs = Date.now();
    const found = await shared?.getVersioned(DASHBOARD_KEY);
    if (found?.value !== undefined) return JSON.parse(found.value) as Dashboard;
    const answer = await count(nowMs);
    if (found?.lease !== undefined)
      void shared?.putVersioned(DASHBOARD_KEY, nowMs, JSON.stringify(answer), DASHBOARD_CACHE_MS, found.lease);
    return answer;
  };
  let minutes: { untilMs: number; answer: NonNullable<Dashboard['minutes']> } | undefined;
  const minutesAt = async (nowMs: number): Promise<NonNullable<Dashboard['minutes']>> => {
    if (minutes && nowMs < minutes.untilMs) return minutes.answer;
    const lastMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    const starts = Array.from({ length: MINUTES }, (_, place) => lastMs - (MINUTES - 1 - place) * MINUTE_MS);
    const counts = await countByMinute(
      database,
      [...starts, lastMs + MINUTE_MS].map((ms) => firstIdAt(ms)),
    );
    const answer = starts.map((ms, place) => ({ at: new Date(ms).toISOString(), ...counts[place]! }));
    minutes = { untilMs: nowMs + MINUTES_CACHE_MS, answer };
    return answer;
  };
  const count = async (nowMs: number): Promise<Dashboard> => {
    const counts = await countByStatus(database);
    const [recent] = await database.query<{ minute: number; hour: number }>(
      `select count(*) filter (where order_id >= $1)::int as minute, count(*)::int as hour from orders.order_states where order_id >= $2`,
      [firstIdAt(nowMs - 60_000), firstIdAt(nowMs - 3_600_000)],
    );
    return {
      total: counts.reduce((sum, row) => sum + row.count, 0),
      byStatus: Object.fromEntries(counts.map((row) => [row.status, row.count])),
      oldestAgeSeconds: Object.fromEntries(
        counts.map((row) => [
          row.status,
          row.oldest === null ? 0 : Math.max(0, Math.round((nowMs - idTimeMs(row.oldest)) / 1000)),
        ]),
      ),
      createdLastMinute: recent?.minute ?? 0,
      createdLastHour: recent?.hour ?? 0,
      minutes: await minutesAt(nowMs),
      at: new Date(nowMs).toISOString(),
    };
  };
  return async () => {
    if (!cached || Date.now() - cached.atMs > ownMs) cached = { atMs: Date.now(), answer: read() };
    try {
      return await cached.answer;
    } catch (error) {
      cached = undefined;
      throw error;
    }
  };
}
