import { countOf, type Examined, type Finding, sentence, spanOf } from '#platform/diagnosis.ts';
import { type FoundDatabase, inEachDatabase, type Surroundings } from './surroundings.ts';

/** PostgreSQL itself: is it there, does it keep what it takes, has it room, does its clock agree? */

const OLDEST = { number: 150_000, name: '15' } as const;
const CONNECTIONS_FULL = 0.9;

/** What to do where a database cannot be connected to, by what PostgreSQL or the machine says. */
const UNREACHABLE: readonly (readonly [code: RegExp, advice: string])[] = [
  [/^28/, 'Put user and password of the URL right, or let that user in (pg_hba.conf).'],
  [/^3D000$/, 'Create the database, or name another one in the URL.'],
  [/^53300$/, 'Raise max_connections, lower DATABASE_POOL_SIZE, or put a pooler between (docs/operations.md).'],
  [/^57P03$/, 'It is starting or shutting down: wait, and see its log if that does not end.'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'Put the host of the URL right: that name is not known here.'],
  [/CERT|SELF_SIGNED|SSL|TLS/, 'Put sslmode and sslrootcert of the URL right (docs/operations.md).'],
];

interface Server extends Record<string, unknown> {
  readonly version: string;
  readonly number: number;
  readonly read_only: boolean;
  readonly standby: boolean;
  readonly lossy: readonly string[];
  readonly used: number;
  readonly usable: number;
  readonly sync_names: string;
  readonly synced: number;
  readonly hidden: number;
  readonly lagging: readonly string[] | null;
}

const SERVER = `select split_part(current_setting('server_version'), ' ', 1) as version, current_setting('server_version_num')::int as number,
  current_setting('transaction_read_only')::boolean as read_only, pg_is_in_recovery() as standby,
  array_remove(array[
    case when current_setting('fsync') = 'off' then 'fsync' end,
    case when current_setting('full_page_writes') = 'off' then 'full_page_writes' end,
    case when current_setting('synchronous_commit') = 'off' then 'synchronous_commit' end], null) as lossy,
  (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true), '0')::int as usable,
  current_setting('synchronous_standby_names') as sync_names,
  (select count(*)::int from pg_stat_replication where sync_state in ('sync', 'quorum')) as synced,
  (select count(*)::int from pg_stat_replication where state is null) as hidden,
  (select array_agg(application_name) from pg_stat_replication where replay_lag > $1::float8 * interval '1 ms') as lagging`;

/** Every database answers, takes writes, keeps them, and has connections left. */
export async function examinePostgresql(surroundings: Surroundings): Promise<Examined> {
  const { databases, noDatabase, limits } = surroundings;
  const examined = await inEachDatabase(surroundings, async ({ name, database }) => {
    const [server] = await database.queryOnce<Server>(SERVER, [limits.patienceMs]);
    const { version, used, usable } = server!;
    return { seen: `PostgreSQL ${version}, ${used} of ${usable} connections`, findings: serverFindings(name, server!) };
  });
  const findings = [...databases.flatMap(unreachable), ...examined.findings];
  // What does not answer is a finding here, and not checked elsewhere.
  if (databases.length === 0) return { ...examined, unchecked: noDatabase };
  return { seen: examined.seen, findings };
}

function unreachable({ name, services, failure }: FoundDatabase): Finding[] {
  if (!failure) return [];
  const { code = '', message } = failure as { code?: string; message: string };
  const variable = services.length === 1 ? `${services[0]!.name.toUpperCase()}_DATABASE_URL` : 'DATABASE_URL';
  const advice = UNREACHABLE.find(([pattern]) => pattern.test(code))?.[1];
  return [
    {
      severity: 'error',
      what: `the database ${name} does not answer`,
      detail: `${sentence(message || code)} It holds the data of ${services.map((service) => service.name).join(', ')}; their requests are answered 503.`,
      do: `${advice ?? 'Bring PostgreSQL back; processes reconnect by themselves.'} Its URL is in ${variable}.`,
    },
  ];
}

function serverFindings(name: string, server: Server): Finding[] {
  const findings: Finding[] = [];
  if (server.number < OLDEST.number)
    findings.push({
      severity: 'error',
      what: `PostgreSQL ${server.version} is too old`,
      detail: `${name} needs ${OLDEST.name} or newer.`,
      do: 'Upgrade the server with pg_upgrade, or restore a dump on a newer one (docs/runbook.md).',
    });
  if (server.read_only)
    findings.push({
      severity: 'error',
      what: `the database ${name} takes no writes`,
      detail: server.standby ? 'It is a standby.' : 'It is set to be read-only.',
      do: server.standby
        ? 'Point DATABASE_URL at the primary, or promote this one: select pg_promote().'
        : 'Find who set default_transaction_read_only (disk full? failover?), then: alter database … reset default_transaction_read_only.',
    });
  if (server.lossy.length > 0)
    findings.push({
      severity: 'error',
      what: 'PostgreSQL may lose what it acknowledged',
      detail: `${server.lossy.join(' and ')} ${server.lossy.length === 1 ? 'is' : 'are'} off in ${name}: after a power cut orders would be gone, and charges without one left.`,
      do: server.lossy.map((setting) => `alter system set ${setting} = on;`).join(' ') + ' select pg_reload_conf();',
    });
  if (server.used >= server.usable * CONNECTIONS_FULL)
    findings.push({
      severity: server.used >= server.usable ? 'error' : 'warning',
      what: 'connections of PostgreSQL run out',
      detail: `${server.used} of ${server.usable} are taken; every process takes DATABASE_POOL_SIZE and two.`,
      do: 'Raise max_connections, lower DATABASE_POOL_SIZE, or put a pooler between (docs/operations.md).',
    });
  if (server.sync_names !== '' && server.synced === 0 && server.hidden === 0 && !server.standby)
    findings.push({
      severity: 'error',
      what: 'no synchronous standby is connected',
      detail: `synchronous_standby_names is ${JSON.stringify(server.sync_names)}, so every commit waits until one is.`,
      do: 'Bring the standby back, or go on without: alter system reset synchronous_standby_names; select pg_reload_conf();',
    });
  if (server.lagging)
    findings.push({
      severity: 'warning',
      what: `${countOf(server.lagging.length, 'standby', 'standbys')} behind`,
      detail: `${server.lagging.join(', ')}: a failover to it would lose what it lacks, unless it is synchronous.`,
      do: 'See pg_stat_replication and the log of the standby; set synchronous_standby_names where nothing may be lost.',
    });
  return findings;
}

/** The clock of this machine and those of the databases agree: deadlines are written by one and read by the other. */
export function examineClock(surroundings: Surroundings): Promise<Examined> {
  const { nowMs, limits } = surroundings;
  return inEachDatabase(surroundings, async ({ name, database }) => {
    const beforeMs = nowMs();
    const [row] = await database.queryOnce<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    // Whatever the way there took, the answer was made in between.
    const afterMs = nowMs();
    const offMs = row!.ms < beforeMs ? row!.ms - beforeMs : Math.max(0, row!.ms - afterMs);
    const seen = `${Math.abs(Math.round(offMs))} ms apart`;
    if (Math.abs(offMs) <= limits.clockMs) return { seen: 'agrees', findings: [] };
    return {
      seen,
      findings: [
        {
          severity: 'error',
          what: 'clocks differ',
          detail: `That of ${name} is ${spanOf(Math.abs(offMs))} ${offMs > 0 ? 'ahead of' : 'behind'} this machine: timers fire too ${offMs > 0 ? 'late' : 'early'}, and signatures of webhooks are refused.`,
          do: 'Have both machines follow NTP: timedatectl set-ntp true; chronyc tracking shows how far off one is.',
        },
      ],
    };
  });
}
