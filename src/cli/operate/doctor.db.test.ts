import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '#platform/diagnosis.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { allSettings } from '#cli/serve/settings.ts';
import { ApiClient } from '#cli/client.ts';
import { COMMANDS } from '#cli/commands.ts';
import { selfSigned } from '#tests/support/certificates.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { placeMug } from '#tests/support/mug-orders.ts';
import { freePort } from '#tests/support/ports.ts';
import { until } from '#tests/support/until.ts';
import { diagnose, type DiagnoseOptions, type Diagnosis, textOf } from './doctor.ts';

const KEY = 'doctor-test';
const PATIENCE_MS = 1_000;

/** A fault: how it is planted, and what the doctor must say. What is planted is taken back afterwards. */
interface Fault {
  readonly check: string;
  readonly what: RegExp;
  readonly do: RegExp;
  /** Variables of the doctor's environment. */
  readonly env?: () => Record<string, string> | Promise<Record<string, string>>;
  readonly options?: DiagnoseOptions;
  readonly plant?: () => Promise<void>;
  readonly remove?: () => Promise<void>;
}

describe('olms doctor', { timeout: 60_000 }, () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let running: FolderSystem;
  let api: ApiClient;
  let sql: pg.Client;
  let web: Server;
  const mailbox = new Mailbox();
  const opened: pg.Client[] = [];
  const advice = new Set<string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'olms-doctor-'));
    postgres = await startEmbeddedPostgres({
      dataDir: join(folder, 'postgres'),
      settings: {
        wal_level: 'replica',
        max_wal_senders: '2',
        max_replication_slots: '2',
        max_prepared_transactions: '2',
        max_connections: '40',
      },
    });
    sql = await connection();
    const { certFile, keyFile } = await selfSigned(folder, 'front', 'IP:127.0.0.1');
    web = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    running = await FolderSystem.start(KEY, {
      DATABASE_URL: postgres.url,
      DATABASE_POOL_SIZE: '8',
      OLMS_ENV: 'test',
      SMTP_URL: await mailbox.listen(),
      SANDBOX_CARRIER_DELAY_MS: '0',
      PAYMENTS_TIMEOUT_MS: '400',
      PAYMENTS_BREAKER_OPEN_MS: '500',
    });
    api = new ApiClient(running.system.url, KEY);
    await api.putProduct({ sku: 'MUG' }, { name: 'Mug' });
    await api.adjustStock({ sku: 'MUG', delta: 1_000, reason: 'test' });
    await place();
    await running.system.settle();
  });

  afterAll(async () => {
    await running?.remove();
    await mailbox.close();
    web?.close();
    for (const client of [sql, ...opened]) await client?.end().catch(() => {});
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function connection(name = 'test'): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: postgres.url, application_name: name });
    client.on('error', () => {});
    await client.connect();
    return client;
  }
  async function another(name?: string): Promise<pg.Client> {
    const client = await connection(name);
    opened.push(client);
    return client;
  }
  const closeOpened = async (): Promise<void> => {
    for (const client of opened.splice(0)) await client.end();
  };
  const place = (): Promise<string> => placeMug(api, 'tok_approve', { contact: { email: 'ann@example.org' } });
  const run = async (...statements: string[]): Promise<void> => {
    for (const statement of statements) await sql.query(statement);
  };
  const outage = async (down: boolean): Promise<void> => {
    const { status } = await fetch(`http://127.0.0.1:${running.env['SANDBOX_PROVIDER_PORT']}/v1/outage`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ down }),
    });
    expect(status).toBe(200);
  };
  const closedPort = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

  function look(env: Record<string, string> = {}, options: DiagnoseOptions = {}): Promise<Diagnosis> {
    return diagnose(
      { ...running.env, OLMS_URL: running.system.url, ...env },
      { ...options, limits: { patienceMs: PATIENCE_MS, ...options.limits } },
    );
  }
  const findingsOf = ({ checks }: Diagnosis): (Finding & { readonly check: string })[] =>
    checks.flatMap(({ check, findings }) => findings.map((finding) => ({ ...finding, check })));

  async function expectHealthy(): Promise<void> {
    let last: Diagnosis | undefined;
    await until('nothing to be wrong', async () => (last = await look()).outcome === 'healthy').catch(() => {});
    expect(findingsOf(last!)).toEqual([]);
    expect(last!.checks.filter(({ state }) => state === 'unchecked')).toEqual([]);
    expect(last!.outcome).toBe('healthy');
  }

  async function expectFound(fault: Fault): Promise<void> {
    await fault.plant?.();
    try {
      const env = (await fault.env?.()) ?? {};
      const { finding, diagnosis } = await until(`${fault.check} to name ${fault.what.source}`, async () => {
        const diagnosis = await look(env, fault.options);
        const finding = findingsOf(diagnosis).find(({ check, what }) => check === fault.check && fault.what.test(what));
        return finding && { finding, diagnosis };
      });
      expect(finding.do).toMatch(fault.do);
      expect(finding.detail).not.toBe('');
      expect(diagnosis.outcome).toBe('wrong');
      expect(textOf(diagnosis)).toContain(finding.what);
      for (const { do: text } of findingsOf(diagnosis)) advice.add(text);
    } finally {
      await fault.remove?.();
    }
  }

  test('a healthy system has no finding, and everything is checked', expectHealthy);

  const FAULTS: Readonly<Record<string, Fault>> = {
    'a misspelt variable': {
      check: 'configuration',
      what: /OLMS_CONSUMES is no variable/,
      do: /OLMS_CONSUME\b/,
      env: () => ({ OLMS_CONSUMES: 'x' }),
    },
    'a value that a variable does not take': {
      check: 'configuration',
      what: /does not take/,
      do: /bin\/olms config/,
      env: () => ({ DATABASE_POOL_SIZE: 'many' }),
    },
    'services on databases of their own without Kafka': {
      check: 'configuration',
      what: /contradict/,
      do: /bin\/olms config/,
      env: () => ({ BILLING_DATABASE_URL: `${postgres.url}?application_name=billing` }),
    },
    'a secret of production that is guessed at once': {
      check: 'configuration',
      what: /could guess/,
      do: /openssl rand/,
      env: () => ({ OLMS_ENV: 'production', METRICS_TOKEN: 'changeme' }),
    },
    'play money in production': {
      check: 'configuration',
      what: /not the real thing/,
      do: /bin\/olms config/,
      env: () => ({ OLMS_ENV: 'production', SANDBOX_ENABLED: 'true', OLMS_BOOTSTRAP_API_KEY: KEY.repeat(3) }),
    },
    'a database that is not there': {
      check: 'postgresql',
      what: /does not answer/,
      do: /DATABASE_URL/,
      env: async () => ({ DATABASE_URL: `postgres://olms@${await closedPort()}/olms` }),
    },
    'a database that takes no writes': {
      check: 'postgresql',
      what: /takes no writes/,
      do: /default_transaction_read_only/,
      plant: () => run('alter database olms set default_transaction_read_only = on'),
      remove: () => run('alter database olms reset default_transaction_read_only'),
    },
    'a database that acknowledges too early': {
      check: 'postgresql',
      what: /may lose/,
      do: /alter system set synchronous_commit = on/,
      plant: () => run('alter database olms set synchronous_commit = off'),
      remove: () => run('alter database olms reset synchronous_commit'),
    },
    'a synchronous standby that is gone': {
      check: 'postgresql',
      what: /no synchronous standby/,
      do: /alter system reset synchronous_standby_names/,
      plant: () => run("alter system set synchronous_standby_names = 'gone'", 'select pg_reload_conf()'),
      remove: () => run('alter system reset synchronous_standby_names', 'select pg_reload_conf()'),
    },
    'connections that run out': {
      check: 'postgresql',
      what: /run out/,
      do: /max_connections/,
      plant: async () => {
        const count = async (): Promise<number> =>
          (
            await sql.query<{ n: number }>(
              "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'",
            )
          ).rows[0]!.n;
        while ((await count()) < 34) await another();
      },
      remove: closeOpened,
    },
    'a clock that is wrong': {
      check: 'clock',
      what: /clocks differ/,
      do: /NTP/,
      options: { nowMs: () => Date.now() + 60_000 },
    },
    'a disk that is nearly full': {
      check: 'disk',
      what: /nearly full/,
      do: /OLMS_DATA/,
      env: () => ({ OLMS_DATA: folder }),
      options: { limits: { diskBytes: Number.MAX_SAFE_INTEGER } },
    },
    'Kafka that is away': {
      check: 'kafka',
      what: /does not answer/,
      do: /KAFKA_BROKERS/,
      env: async () => ({ KAFKA_BROKERS: await closedPort() }),
    },
    'Redis that is away': {
      check: 'redis',
      what: /does not serve/,
      do: /REDIS_URL/,
      env: async () => ({ REDIS_URL: `redis://${await closedPort()}` }),
    },
    'a mail server that is away': {
      check: 'mail-server',
      what: /does not take/,
      do: /SMTP_URL/,
      env: async () => ({ SMTP_URL: `smtp://${await closedPort()}` }),
    },
    'a certificate that is about to expire': {
      check: 'certificates',
      what: /OLMS_PUBLIC_URL expires in 1 days/,
      do: /Renew/,
      env: () => ({ OLMS_PUBLIC_URL: `https://127.0.0.1:${(web.address() as AddressInfo).port}` }),
    },
    'a process that does not answer': {
      check: 'processes',
      what: /the API does not answer/,
      do: /bin\/olms start/,
      env: async () => ({ OLMS_URL: `http://${await closedPort()}` }),
    },
    'a migration that is missing': {
      check: 'migrations',
      what: /older than this version needs/,
      do: /bin\/olms migrate/,
      plant: () =>
        run(
          "create table public.kept as select * from public.olms_migrations where owner = 'billing'",
          "delete from public.olms_migrations where owner = 'billing'",
        ),
      remove: () => run('insert into public.olms_migrations select * from public.kept', 'drop table public.kept'),
    },
    'a migration that was changed': {
      check: 'migrations',
      what: /not the one that was applied/,
      do: /version that applied it/,
      plant: () => run("update public.olms_migrations set checksum = 'x' || checksum where owner = 'billing'"),
      remove: () => run("update public.olms_migrations set checksum = substr(checksum, 2) where owner = 'billing'"),
    },
    'a migration of a later version': {
      check: 'migrations',
      what: /a later version has migrated/,
      do: /Finish the release/,
      plant: () =>
        run(
          "insert into public.olms_migrations (owner, name, checksum, phase) values ('billing', '9999.sql', 'x', 'expand')",
        ),
      remove: () => run("delete from public.olms_migrations where name = '9999.sql'"),
    },
    'a process of an earlier version': {
      check: 'versions',
      what: /1 process of an earlier version/,
      do: /bin\/olms migrate --contract/,
      plant: async () => void (await another('olms/1 orders')),
      remove: closeOpened,
    },
    'a long transaction': {
      check: 'log',
      what: /long transaction/,
      do: /pg_terminate_backend\(\d+\)/,
      plant: async () => {
        const client = await another();
        await client.query('begin');
        await client.query('select pg_current_xact_id()');
      },
      remove: closeOpened,
    },
    'a prepared transaction': {
      check: 'log',
      what: /prepared transaction/,
      do: /rollback prepared 'gone'/,
      plant: () => run('begin', 'create table public.gone ()', "prepare transaction 'gone'"),
      remove: () => run("rollback prepared 'gone'"),
    },
    'a replication slot that nobody uses': {
      check: 'log',
      what: /replication slot/,
      do: /pg_drop_replication_slot\('gone'\)/,
      plant: () => run("select pg_create_physical_replication_slot('gone', true)"),
      remove: () => run("select pg_drop_replication_slot('gone')"),
    },
    'an order that is parked': {
      check: 'parked',
      what: /1 order parked by billing/,
      do: /bin\/olms park retry billing/,
      plant: () =>
        run(
          `insert into log.parked_events (consumer, order_id, event, reason) values ('billing', gen_random_uuid(), '{"id":"e","type":"OrderCompleted"}', 'planted')`,
        ),
      remove: () => run("delete from log.parked_events where reason = 'planted'"),
    },
    'a key that is about to end': {
      check: 'keys',
      what: /1 API key about to end/,
      do: /rotate/,
      plant: async () => {
        const expiresAt = new Date(Date.now() + 2 * 86_400_000).toISOString();
        const { key } = await api.createApiKey({ name: 'shop', role: 'reader', expiresAt });
        const shop = new ApiClient(running.system.url, key);
        await shop.readMe();
        await shop.close();
      },
      remove: () => api.revokeApiKey({ name: 'shop' }).then(() => {}),
    },
    'a provider that is out of order': {
      check: 'provider',
      what: /sandbox does not answer/,
      do: /bin\/olms start sandbox/,
      plant: () => outage(true),
      remove: () => outage(false),
    },
    'a payment in doubt': {
      check: 'payments',
      what: /1 payment in doubt/,
      do: /bin\/olms payments/,
      plant: async () => {
        await outage(true);
        await place();
      },
      remove: () => outage(false),
    },
    'a mail that was given up': {
      check: 'mails',
      what: /1 mail given up/,
      do: /bin\/olms notifications/,
      plant: async () => {
        mailbox.refusals = [550];
        await place();
      },
      remove: () => run("update notifications.notifications set status = 'sent' where status = 'failed'"),
    },
  };
  for (const [name, fault] of Object.entries(FAULTS)) test(`it names ${name}`, () => expectFound(fault));

  test('what was planted was all there is to find', async () => {
    await running.system.settle();
    await expectHealthy();
  });

  test('it names consumers that are behind and orders that stand still', async () => {
    await running.restart({ OLMS_CONSUME: 'false' });
    await api.close();
    api = new ApiClient(running.system.url, KEY);
    await place();
    await api.close();
    await expectFound({ check: 'consumers', what: /inventory is behind/, do: /bin\/olms start inventory/ });
    await expectFound({ check: 'orders', what: /1 order without a decision/, do: /bin\/olms start inventory/ });
  });

  test('of a system that does not run, it names what is overdue', async () => {
    await running.system.stop();
    await run(
      "update orders.order_states set deadline_at = now() - interval '1 hour' where status = 'CREATED'",
      "update notifications.notifications set status = 'queued', next_attempt_at = now() - interval '1 hour'",
    );
    await expectFound({ check: 'orders', what: /1 order past the deadline/, do: /bin\/olms start orders/ });
    await expectFound({ check: 'mails', what: /waiting to be sent/, do: /bin\/olms start notifications/ });
  });

  test('what it advises are commands and settings that exist', () => {
    expect(advice.size).toBeGreaterThan(20);
    const commands = new Set(COMMANDS.map(({ name }) => name.split(' ')[0]));
    const settings = new Set(allSettings().map(({ env }) => env));
    for (const text of advice) {
      for (const [, command] of text.matchAll(/bin\/olms ([a-z]+)/g)) expect(commands, text).toContain(command);
      for (const [name] of text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)) expect(settings, text).toContain(name);
    }
  });
});

test('without any data there is nothing to look at, which it says', async () => {
  const { outcome, checks } = await diagnose({ OLMS_DATA: join(tmpdir(), 'olms-doctor-nothing') });
  expect(outcome).toBe('incomplete');
  expect(checks.find(({ check }) => check === 'postgresql')?.unchecked).toMatch(/OLMS_DATA/);
  expect(checks.find(({ check }) => check === 'processes')?.unchecked).toMatch(/npm start/);
});
