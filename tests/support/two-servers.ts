import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import type { Target } from './proxy.ts';
import { withClient } from './sql.ts';
import { until } from './until.ts';

const STANDBY = 'standby';
const REPLICATED = { wal_level: 'replica', max_wal_senders: '4', synchronous_commit: 'on' };

/** A PostgreSQL and its standby, which has everything that was committed (synchronous streaming replication). */
export interface TwoServers {
  readonly primary: EmbeddedPostgres;
  readonly standby: EmbeddedPostgres;
  /** Makes the standby a primary. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** Where a server listens. */
export function addressOf({ host, port }: EmbeddedPostgres): Target {
  return host.startsWith('/') ? { path: join(host, `.s.PGSQL.${port}`) } : { port };
}

export async function startTwoServers(folder: string): Promise<TwoServers> {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  await (await startEmbeddedPostgres({ dataDir: first, settings: REPLICATED })).stop();
  execFileSync('cp', ['-a', first, second]);
  copyFileSync(`${first}.password`, `${second}.password`);
  const signal = join(second, 'standby.signal');
  writeFileSync(signal, '');
  const { uid, gid } = statSync(second);
  chownSync(signal, uid, gid);
  const primary = await startEmbeddedPostgres({ dataDir: first, settings: REPLICATED });
  const { host, port, user, password } = primary;
  const standby = await startEmbeddedPostgres({
    dataDir: second,
    settings: {
      ...REPLICATED,
      hot_standby: 'on',
      primary_conninfo: `host=${host} port=${port} user=${user} password=${password} application_name=${STANDBY}`,
    },
  });
  await withClient(primary.url, async (client) => {
    await client.query(`alter system set synchronous_standby_names = '${STANDBY}'`);
    await client.query('select pg_reload_conf()');
    await until('the standby to have everything', async () => {
      const { rows } = await client.query<{ sync_state: string }>('select sync_state from pg_stat_replication');
      return rows[0]?.sync_state === 'sync';
    });
  });
  return {
    primary,
    standby,
    async promote() {
      await withClient(standby.url, (client) => client.query('select pg_promote()'));
    },
    async stop() {
      await standby.stop();
      await primary.stop();
    },
  };
}
