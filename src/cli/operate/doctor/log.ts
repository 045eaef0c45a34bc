import { countOf, type Examined, type Finding, spanOf } from '#platform/diagnosis.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { LOG_START, readOffsets } from '#platform/log/bus.ts';
import { listParked } from '#platform/log/parked.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { consumersOf, usesLog } from '#system/services.ts';
import { type FoundDatabase, inEachDatabase, type Surroundings } from './surroundings.ts';

/** The log: is it held back, does everybody read it, does anybody wait for a person? */

const HOLDERS_MAX = 5;
/** The transactions of others on the same server hold the log back, too. */
const TRANSACTIONS = `select pid, coalesce(nullif(application_name, ''), usename) as who, datname as database, state, extract(epoch from now() - xact_start)::float8 * 1000 as ms
  from pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid() and xact_start < now() - $1::float8 * interval '1 ms' order by xact_start limit ${HOLDERS_MAX}`;
const PREPARED = `select gid, database, extract(epoch from now() - prepared)::float8 * 1000 as ms
  from pg_prepared_xacts where prepared < now() - $1::float8 * interval '1 ms' order by prepared limit ${HOLDERS_MAX}`;
/** Of a server that is no standby; the log of changes is kept for a slot from its restart_lsn on. */
const SLOTS = `select slot_name as name, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) as kept, coalesce(wal_status, '') as status
  from pg_replication_slots where not active and restart_lsn is not null and not pg_is_in_recovery()`;

type Holder = {
  readonly pid: number;
  readonly who: string;
  readonly database: string;
  readonly state: string;
  ms: number;
};

/** No transaction holds the log back, and no slot keeps files for nobody. */
export async function examineHeldBack(surroundings: Surroundings): Promise<Examined> {
  const { patienceMs } = surroundings.limits;
  const examined = await inEachDatabase(surroundings, async ({ database }) => {
    const [transactions, prepared, slots] = await Promise.all([
      database.queryOnce<Holder>(TRANSACTIONS, [patienceMs]),
      database.queryOnce<{ gid: string; database: string; ms: number }>(PREPARED, [patienceMs]),
      database.queryOnce<{ name: string; kept: string; status: string }>(SLOTS),
    ]);
    const findings: Finding[] = [
      ...transactions.map(({ pid, who, database: of, state, ms }): Finding => {
        return {
          severity: 'error',
          what: 'a long transaction holds the log back',
          detail: `${who} in ${of} (${state}) has been in one for ${spanOf(ms)}: what was written since is read by nobody.`,
          do: `select pg_terminate_backend(${pid}); then give its role idle_in_transaction_session_timeout.`,
        };
      }),
      ...prepared.map(({ gid, database: of, ms }): Finding => {
        return {
          severity: 'error',
          what: 'a prepared transaction holds the log back',
          detail: `${gid} in ${of} was prepared ${spanOf(ms)} ago and neither committed nor rolled back.`,
          do: `In ${of}: rollback prepared '${gid}'; or commit prepared, as whoever prepared it meant to.`,
        };
      }),
      ...slots.map(({ name, kept, status }): Finding => {
        return {
          severity: status === 'lost' ? 'warning' : 'error',
          what: 'a replication slot is used by nobody',
          detail: `${name} keeps ${kept} of WAL, and ever more until the disk is full${status === '' ? '' : ` (${status})`}.`,
          do: `Bring back whoever reads it, or: select pg_drop_replication_slot('${name}').`,
        };
      }),
    ];
    return { seen: 'nothing holds it back', findings };
  });
  // Databases of one server see the same transactions and slots.
  const once = new Map(examined.findings.map((finding) => [finding.do, finding]));
  return { ...examined, findings: [...once.values()] };
}

const UNREAD_MAX = 10_000;
const UNREAD = `select count(*)::int as unread, extract(epoch from now() - min(time))::float8 * 1000 as ms
  from (select time from log.order_outbox where (txid, position) > ($1::text::xid8, $2::bigint)
    and txid < pg_snapshot_xmin(pg_current_snapshot()) and type = any($3) order by txid, position limit ${UNREAD_MAX}) unread`;

/** Every consumer of a log in PostgreSQL has read it. Undefined where the log is on Kafka. */
export async function examineConsumers(surroundings: Surroundings): Promise<Examined | undefined> {
  const { env, definitions, limits } = surroundings;
  if (readSettings(kafkaSettings, env).brokers !== '') return undefined;
  const consumers = consumersOf(definitions, env);
  const examined = await inEachDatabase(surroundings, async ({ database, services }) => {
    const findings: Finding[] = [];
    const here = consumers.filter(({ service }) => services.some(({ name }) => name === service));
    await Promise.all(
      here.map(async ({ service, replayable: { consumer, types } }) => {
        const stored = await readOffsets(database, consumer);
        if (runsNowhere(service, consumer, stored)) return;
        const { txid, position } = stored.get(0) ?? LOG_START;
        const [row] = await database.queryOnce<{ unread: number; ms: number | null }>(UNREAD, [txid, position, types]);
        const { unread, ms } = row!;
        if (ms !== null && ms > limits.patienceMs) findings.push(behind(service, consumer, unread, ms));
      }),
    );
    return { seen: countOf(here.length, 'consumer'), findings };
  });
  return examined;
}

/** A consumer beside that of its service runs where services have logs of their own, and has read nothing elsewhere. */
export function runsNowhere(service: string, consumer: string, stored: ReadonlyMap<number, unknown>): boolean {
  return consumer !== service && stored.size === 0;
}

function behind(service: string, consumer: string, unread: number, ms: number): Finding {
  return {
    severity: 'error',
    what: `${consumer} is behind`,
    detail: `${unread >= UNREAD_MAX ? `${UNREAD_MAX} or more events are` : `${countOf(unread, 'event')} ${unread === 1 ? 'is' : 'are'}`} unread, the oldest for ${spanOf(ms)}.`,
    do: `Start ${service} (bin/olms start ${service}) without OLMS_CONSUME=false; where it runs, its readiness and log say what it waits for.`,
  };
}

const PARKED_MAX = 1_000;
const PARKED_SHOWN = 3;

/** No order waits for a person because a service could not digest an event. */
export function examineParked(surroundings: Surroundings): Promise<Examined> {
  return inEachDatabase(surroundings, async (found) => {
    if (!found.services.some(usesLog)) return undefined;
    const parked = await listParked(found.database, { limit: PARKED_MAX });
    const byConsumer = Map.groupBy(parked, ({ consumer }) => consumer);
    return {
      seen: parked.length === 0 ? 'none' : countOf(parked.length, 'order'),
      findings: [...byConsumer].map(([consumer, orders]): Finding => {
        const shown = orders.slice(0, PARKED_SHOWN).map(({ orderId, eventType }) => `${orderId} (${eventType})`);
        const reasons = [...new Set(orders.flatMap(({ reason }) => reason ?? []))];
        return {
          severity: 'error',
          what: `${countOf(orders.length, 'order')} parked by ${consumer}`,
          detail: `${shown.join(', ')}${orders.length > shown.length ? ' …' : ''}: ${reasons[0] ?? 'no reason is known'}`,
          do: `bin/olms park list; then bin/olms park retry ${consumer} ORDER, edit, or skip with a reason.`,
        };
      }),
    };
  });
}

/** Consumers with the database that keeps their offsets; undefined where that is not known. */
export function consumersWithDatabase(
  surroundings: Surroundings,
): { readonly service: string; readonly consumer: string; readonly found: FoundDatabase | undefined }[] {
  return consumersOf(surroundings.definitions, surroundings.env).map(({ service, replayable: { consumer } }) => {
    return {
      service,
      consumer,
      found: surroundings.databases.find(({ services }) => services.some(({ name }) => name === service)),
    };
  });
}
