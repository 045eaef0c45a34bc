import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { cached, freePort, run } from '#dev/brokers/programs.ts';
import { Database } from '#platform/database/database.ts';
import { startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { selfSigned } from '#tests/support/certificates.ts';
import { seeded } from '#tests/support/seeded.ts';
import { FAST_POSTGRES } from '#tests/support/shared-servers.ts';
import { until } from '#tests/support/until.ts';

/**
 * `npm run mails`: 10,000 mails to a mail server by STARTTLS, while the process that sends them and the mail server are
 * killed again and again. Each must arrive once by its Message-ID: none is missing, none is a stranger, and what the
 * server took twice, because a kill lost its answer, it took under one Message-ID. `smtp-server` and aiosmtpd, one after
 * the other: `npm run mails -- --server aiosmtpd --mails 2000 --seed 7`.
 */

export const MAIL_SERVERS = ['smtp-server', 'aiosmtpd'] as const;
export type MailServer = (typeof MAIL_SERVERS)[number];

export interface MailsOptions {
  readonly server: MailServer;
  readonly mails: number;
  readonly seed: number;
  /** Kills of each; no more follow where all mails have arrived. */
  readonly kills: number;
  /** The claims of senders that were killed are given back at once, instead of by their time. */
  readonly hurry?: boolean;
  readonly log?: (line: string) => void;
}

export interface MailsReport {
  readonly faults: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const AIOSMTPD = 'aiosmtpd==1.4.6';
const EVENTS_AT_ONCE = 500;
const START_TIMEOUT_MS = 60_000;
const PATIENCE_MS = 900_000;
/** So many mails of one sender are under way at once; a kill can repeat no more than these. */
const UNDER_WAY = 20;

/** A process that is killed and started again. */
class Killable {
  kills = 0;
  readonly #start: () => ChildProcess;
  readonly #ready: () => Promise<void>;
  #child: ChildProcess | undefined;

  constructor(start: () => ChildProcess, ready: () => Promise<void>) {
    this.#start = start;
    this.#ready = ready;
  }

  async start(): Promise<void> {
    this.#child = this.#start();
    await this.#ready();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null)
      throw new Error(`A process ended by itself: ${child?.signalCode ?? child?.exitCode}`);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    this.kills++;
  }

  end(): void {
    this.#child?.kill('SIGKILL');
  }
}

async function listens(port: number): Promise<void> {
  const { connect } = await import('node:net');
  await until(
    `somebody to listen on ${port}`,
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true));
        socket.once('error', () => resolve(false));
        socket.once('close', () => resolve(false));
        socket.setTimeout(1_000, () => socket.destroy());
        socket.once('connect', () => socket.end());
      }),
    { timeoutMs: START_TIMEOUT_MS, everyMs: 50 },
  );
}

async function python(): Promise<string> {
  const folder = await cached(AIOSMTPD, async (fresh) => {
    await run('python3', ['-m', 'venv', fresh], fresh);
    await run(join(fresh, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', AIOSMTPD], fresh);
  });
  return join(folder, 'bin', 'python');
}

/** Runs one mail server's part; what does not agree comes back as faults. */
export async function runMails({
  server,
  mails,
  seed,
  kills,
  hurry = false,
  log = () => {},
}: MailsOptions): Promise<MailsReport> {
  const random = seeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'olms-mails-'));
  const keptFile = join(folder, 'kept');
  writeFileSync(keptFile, '');
  const logFile = join(folder, 'olms.log');
  const [smtpPort, port] = [await freePort(), await freePort()];
  const certificate = await selfSigned(folder, 'mail', 'IP:127.0.0.1,DNS:localhost');
  const interpreter = server === 'aiosmtpd' ? await python() : process.execPath;
  const program = join(import.meta.dirname, server === 'aiosmtpd' ? 'aiosmtpd_server.py' : 'smtp-server.ts');
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data', 'postgres'), settings: FAST_POSTGRES });
  const started = (command: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
    const out = openSync(logFile, 'a');
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', out, out], env: { ...process.env, ...env } });
    closeSync(out);
    return child;
  };
  const mailServer = new Killable(
    () => started(interpreter, [program, String(smtpPort), certificate.certFile, certificate.keyFile, keptFile]),
    () => listens(smtpPort),
  );
  const sender = new Killable(
    () =>
      started(process.execPath, [join(ROOT, 'src', 'main.ts'), 'start', 'notifications'], {
        OLMS_ENV: 'development',
        OLMS_DATA: join(folder, 'sender'),
        OLMS_INTERNAL_SECRET: 'm'.repeat(40),
        DATABASE_URL: postgres.url,
        PORT: String(port),
        LOG_LEVEL: 'error',
        SMTP_URL: `smtp://localhost:${smtpPort}`,
        SMTP_STARTTLS: 'required',
        SMTP_CA_FILE: certificate.certFile,
        MAIL_FROM: 'Shop <orders@shop.example>',
      }),
    async () => {
      await until(
        'the sender to be ready',
        async () => (await fetch(`http://127.0.0.1:${port}/health/readiness`).catch(() => undefined))?.status === 200,
        { timeoutMs: START_TIMEOUT_MS, everyMs: 50, describe: () => readFileSync(logFile, 'utf8').slice(-2_000) },
      );
    },
  );
  const client = new pg.Client({ connectionString: postgres.url });
  let sound = false;
  try {
    await mailServer.start();
    await sender.start();
    await client.connect();
    await writeEvents(postgres.url, mails);
    log(`${server}: ${mails} orders placed`);
    const arrived = (): Set<string> => new Set(readFileSync(keptFile, 'utf8').split('\n').filter(Boolean));
    const untilMore = (than: number): Promise<boolean> =>
      until('more mails to arrive', () => arrived().size > than || arrived().size >= mails, {
        timeoutMs: PATIENCE_MS,
        everyMs: 50,
      });
    for (let round = 0; round < kills && arrived().size < mails; round++) {
      await untilMore(arrived().size + random.between(0, Math.floor((mails / kills) * 0.7)));
      await sleep(random.between(50, 600));
      // Each of them, or both at once.
      const first = random.pick([[sender], [mailServer], [sender, mailServer]] as const);
      for (const victim of first) await victim.kill();
      await sleep(random.between(0, 400));
      for (const victim of first.toReversed()) await victim.start();
      log(`${server}: kill ${round + 1}, ${arrived().size} mails have arrived`);
    }
    const open = async (): Promise<number> => {
      const { rows } = await client.query<{ open: number }>(
        "select count(*)::int as open from notifications.notifications where channel = 'email' and status <> 'sent'",
      );
      return rows[0]!.open;
    };
    let left = -1;
    await until(
      'every mail to be sent',
      async () => {
        if (hurry)
          await client.query(
            "update notifications.notifications set next_attempt_at = now() where status = 'queued' and attempts > 0 and next_attempt_at > now() + interval '3 s'",
          );
        left = await open();
        return left === 0 && arrived().size >= mails;
      },
      { timeoutMs: PATIENCE_MS, everyMs: 500, describe: () => `${left} are open, ${arrived().size} have arrived` },
    );
    const { rows } = await client.query<{ id: string }>(
      "select id from notifications.notifications where channel = 'email'",
    );
    const kept = readFileSync(keptFile, 'utf8').split('\n').filter(Boolean);
    const ids = new Set(kept);
    const known = new Set(rows.map(({ id }) => `${id}@shop.example`));
    const repeated = kept.length - ids.size;
    const most = (sender.kills + mailServer.kills) * UNDER_WAY;
    const faults = [
      ...(known.size === mails ? [] : [`${known.size} mails were written about ${mails} orders`]),
      ...[...known].filter((id) => !ids.has(id)).map((id) => `${id} never arrived`),
      ...[...ids].filter((id) => !known.has(id)).map((id) => `${id} arrived, and nobody wrote it`),
      ...(repeated <= most ? [] : [`${repeated} mails were taken twice, more than the kills explain`]),
    ];
    sound = faults.length === 0;
    return {
      faults,
      figures: {
        'mails written': known.size,
        'arrived, by Message-ID': ids.size,
        'taken once more under their Message-ID': repeated,
        'senders killed': sender.kills,
        'mail servers killed': mailServer.kills,
      },
    };
  } finally {
    sender.end();
    mailServer.end();
    await client.end().catch(() => {});
    await postgres.stop();
    if (sound) rmSync(folder, { recursive: true, force: true });
    else if (existsSync(folder)) log(`data and log are kept in ${folder}`);
  }
}

/** Orders that were placed: each customer is written to once. */
async function writeEvents(url: string, count: number): Promise<void> {
  const database = new Database({ url, poolSize: 1, statementTimeoutMs: 60_000, applicationName: 'mails' });
  const { source, example } = ORDER_EVENTS.OrderCreated;
  try {
    for (let from = 0; from < count; from += EVENTS_AT_ONCE) {
      const events = Array.from({ length: Math.min(EVENTS_AT_ONCE, count - from) }, (_, index) => ({
        id: uuidv7(),
        source,
        type: 'OrderCreated',
        subject: uuidv7(),
        sequence: 1,
        time: new Date().toISOString(),
        correlationid: 'mails',
        causationid: 'mails',
        data: { ...example, contact: { email: `buyer${from + index}@example.com` }, locale: 'de' },
      }));
      await database.write([appendEvents(events)]);
    }
  } finally {
    await database.close();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      server: { type: 'string' },
      mails: { type: 'string', default: '10000' },
      kills: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(Date.now() % 100_000) },
    },
  });
  const wanted = MAIL_SERVERS.filter((name) => values.server === undefined || values.server === name);
  if (wanted.length === 0) throw new Error(`--server is one of ${MAIL_SERVERS.join(', ')}`);
  for (const server of wanted) {
    const beganMs = performance.now();
    const { faults, figures } = await runMails({
      server,
      mails: Number(values.mails),
      kills: Number(values.kills),
      seed: Number(values.seed),
      log: (line) => console.log(line),
    });
    console.log(`\n${server} (seed ${values.seed}, ${Math.round((performance.now() - beganMs) / 1000)} s)`);
    for (const [what, figure] of Object.entries(figures)) console.log(`  ${what}: ${figure}`);
    for (const fault of faults.slice(0, 50)) console.log(`VIOLATION ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
}
