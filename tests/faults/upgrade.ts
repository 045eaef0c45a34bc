import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FINAL_STATUSES, OPEN_STATUSES } from '#orders/rules/lifecycle.ts';
import { Api } from '#tests/support/api.ts';
import { readiness } from '#tests/support/cluster.ts';
import { freePort } from '#tests/support/ports.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { seeded } from '#tests/support/seeded.ts';
import { until } from '#tests/support/until.ts';
import { Comparison } from './comparison.ts';
import { inParallel, initialStock, Load, OUTSIDE, release, stockUp, TOKENS } from './load.ts';
import { compareTopic } from './topic.ts';

/**
 * Data of a former version, with orders in every status, is opened, continued and audited by this one:
 * `npm run upgrade -- --from <commit> --orders 10000`. With `--cluster` the former version ran every service in
 * processes of its own on Kafka, and this one reads its topic on.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_TIMEOUT_MS = 180_000;
const PATIENCE_MS = 600_000;
const IN_EACH_STATUS = 5;

/** What can be waited in; the ends come with the load. */
const WAITING = [...OPEN_STATUSES];
const ENDS = [...FINAL_STATUSES];

interface Running {
  readonly api: Api;
  readonly provider: SandboxBooks;
  /** Ends it as a power cut would, or as Ctrl-C does. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

interface Deployment {
  readonly folder: string;
  readonly cluster: boolean;
  readonly key: string;
  readonly port: number;
  readonly providerPort: number;
}

/** Runs the program of a checkout on the data of a deployment, until it is ready. */
async function run(checkout: string, deployment: Deployment, env: Readonly<Record<string, string>>): Promise<Running> {
  const { folder, cluster, key, port, providerPort } = deployment;
  const { PATH, HOME, JAVA_HOME = '' } = process.env;
  const map = join(folder, 'cluster', 'cluster.json');
  if (cluster) rmSync(map, { force: true });
  const child = spawn(process.execPath, [join(checkout, 'bin', 'olms.mjs'), cluster ? 'cluster' : 'dev'], {
    cwd: checkout,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH,
      HOME,
      JAVA_HOME,
      OLMS_DATA: folder,
      PORT: String(port),
      ...(!cluster && { SANDBOX_PROVIDER_PORT: String(providerPort) }),
      OLMS_BOOTSTRAP_API_KEY: key,
      LOG_LEVEL: 'warn',
      ...OUTSIDE,
      ...env,
    },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  process.once('exit', () => child.kill('SIGKILL'));
  const places = (): { url: string; providerUrl: string } | undefined => {
    if (!cluster) return { url: `http://127.0.0.1:${port}`, providerUrl: `http://127.0.0.1:${providerPort}` };
    return existsSync(map)
      ? (JSON.parse(readFileSync(map, 'utf8')) as { url: string; providerUrl: string })
      : undefined;
  };
  await until(
    'the system to be ready',
    async () => {
      if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`);
      const found = places();
      return found !== undefined && (await readiness(found.url).catch(() => undefined))?.status === 'ok';
    },
    { timeoutMs: READY_TIMEOUT_MS, everyMs: 200 },
  );
  const { url, providerUrl } = places()!;
  const api = new Api(url, key, { documented: checkout === ROOT, anyLocation: checkout !== ROOT });
  const provider = new SandboxBooks(providerUrl);
  return {
    api,
    provider,
    async stop(signal = 'SIGTERM') {
      await Promise.all([api.close(), provider.close()]);
      child.kill(signal);
      await ended;
    },
  };
}

/** Some orders in each status in which an order can wait, with a world that moves nothing on. */
/** Returns the stock of articles made for it. */
async function placeInEachStatus(api: Api, load: Load, sku: string): Promise<Map<string, number>> {
  const stock = new Map<string, number>();
  for (let index = 0; index < IN_EACH_STATUS; index++) {
    const place = async (wishes: Parameters<Api['postOrder']>[0], status: string): Promise<string> => {
      const { body } = await api.postOrder(wishes);
      load.acknowledged.set(body.id, { method: 'POST', path: '/orders', body: undefined, key: body.id, tries: 1 });
      await api.untilStatus(body.id, status);
      return body.id;
    };
    await place({ sku, requiresReview: true }, 'RESERVED');
    await place({ sku }, 'READY_FOR_SHIPMENT');
    const shipped = await place({ sku }, 'READY_FOR_SHIPMENT');
    await dispatch(api, shipped);
    await api.untilStatus(shipped, 'SHIPPED');
    const apart = await api.product({ main: 2, north: 1 });
    stock.set(apart, 3);
    const partly = await place({ sku: apart, quantity: 3 }, 'READY_FOR_SHIPMENT');
    await dispatch(api, partly, 2);
    await api.untilStatus(partly, 'PARTIALLY_SHIPPED');
    const paid = await place({ sku, token: 'tok_pending' }, 'PAYMENT_PENDING');
    await api.ok('POST', `/orders/${paid}/hold`, { body: { reason: 'upgrade' }, key: `hold-${paid}` });
    await api.untilStatus(paid, 'PAID');
  }
  return stock;
}

/** Hands one of the `scheduled` parcels of an order to a carrier. */
async function dispatch(api: Api, orderId: string, scheduled = 1): Promise<void> {
  const [parcel] = await until('the parcels to be scheduled', async () => {
    const found = await api.shipments(orderId);
    return found.length === scheduled && found;
  });
  await move(api, parcel!.id, 'dispatch');
}

async function move(api: Api, shipmentId: string, step: 'dispatch' | 'deliver'): Promise<void> {
  const body = step === 'dispatch' ? { carrier: 'post', trackingNumber: shipmentId.slice(0, 12) } : {};
  await api.ok('POST', `/shipments/${shipmentId}/${step}`, { body, key: `${step}-${shipmentId}` });
}

/** Ships by hand what was scheduled while no carrier came; one that came since does the same at its time. */
async function shipTheRest(api: Api): Promise<void> {
  for (const status of ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED', 'SHIPPED']) {
    for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; await sleep(250)) {
      const { items } = await api.orders(`limit=200&status=${status}`);
      if (items.length === 0) break;
      await inParallel(items, async ({ id }) => {
        for (const shipment of await api.shipments(id)) {
          if (shipment.status === 'SCHEDULED') await move(api, shipment.id, 'dispatch').catch(() => {});
          await move(api, shipment.id, 'deliver').catch(() => {});
        }
      });
    }
  }
}

async function countsOf(api: Api): Promise<Record<string, number>> {
  const { byStatus } = await api.get<{ byStatus: Record<string, number> }>('/dashboard');
  return byStatus;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      orders: { type: 'string', default: '10000' },
      cluster: { type: 'boolean', default: false },
      seed: { type: 'string', default: '7' },
    },
  });
  if (!values.from) throw new Error('npm run upgrade -- --from <commit> [--orders 10000] [--cluster] [--seed 7]');
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const base = mkdtempSync(join(tmpdir(), 'olms-upgrade-'));
  const former = join(base, 'former');
  print(`a checkout of ${values.from} is set up`);
  execFileSync('git', ['clone', '-q', '--no-checkout', ROOT, former]);
  execFileSync('git', ['checkout', '-q', values.from], { cwd: former });
  execFileSync(process.execPath, ['tools/setup.mjs', '--dev'], { cwd: former, stdio: 'inherit' });
  const deployment: Deployment = {
    folder: join(base, 'data'),
    cluster: values.cluster,
    key: `upgrade-${randomBytes(12).toString('hex')}`,
    port: await freePort(),
    providerPort: await freePort(),
  };
  const wanted = Number(values.orders);

  print(`${values.from}: ${wanted} orders of every kind`);
  let old = await run(former, deployment, {});
  const assortment = await stockUp(old.api, TOKENS);
  const load = new Load([old.api], seeded(Number(values.seed)), assortment, { workers: 40, thinkMs: [0, 5] });
  load.start();
  await until('enough orders', async () => load.acknowledged.size >= wanted, { timeoutMs: PATIENCE_MS, everyMs: 250 });
  await load.pause();
  await old.stop();

  // A world in which nobody ships and no provider answers.
  old = await run(former, deployment, { SANDBOX_CARRIER_DELAY_MS: 'off' });
  const apart = await placeInEachStatus(old.api, load, assortment.plenty[0]!);
  await old.provider.outage(true);
  for (let index = 0; index < IN_EACH_STATUS; index++) {
    const { body } = await old.api.postOrder({ sku: assortment.plenty[0]! });
    load.acknowledged.set(body.id, { method: 'POST', path: '/orders', body: undefined, key: body.id, tries: 1 });
    await old.api.untilStatus(body.id, 'PAYMENT_PENDING');
  }
  await old.stop();
  old = await run(former, deployment, { SANDBOX_CARRIER_DELAY_MS: 'off', OLMS_CONSUME: 'false' });
  for (let index = 0; index < IN_EACH_STATUS; index++) {
    const { body } = await old.api.postOrder({ sku: assortment.plenty[0]! });
    load.acknowledged.set(body.id, { method: 'POST', path: '/orders', body: undefined, key: body.id, tries: 1 });
  }
  await sleep(1_100);
  const before = await countsOf(old.api);
  await old.stop();
  print(`handed over: ${JSON.stringify(before)}`);
  const faults: string[] = [];
  for (const status of [...WAITING, ...ENDS]) if (!before[status]) faults.push(`no order was ${status}`);

  print('this version goes on');
  const now = await run(ROOT, deployment, {});
  try {
    const later = new Load([now.api], seeded(Number(values.seed) + 1), assortment, undefined, 'later-');
    later.start();
    await sleep(5_000);
    await later.pause();
    for (const [id, intent] of later.acknowledged) load.acknowledged.set(id, intent);
    for (const id of later.cancelled) load.cancelled.add(id);
    for (const [key, id] of later.refunds) load.refunds.set(key, id);
    load.unanswered.push(...later.unanswered);
    for (let held = await holdsOf(now.api); held.length > 0; held = await holdsOf(now.api))
      for (const id of held) await now.api.ok('POST', `/orders/${id}/release`, { body: {}, key: `release-${id}` });
    await release(now.api, load, assortment, PATIENCE_MS);
    await shipTheRest(now.api);
    const stock = new Map([...initialStock(assortment), ...apart]);
    const comparison = new Comparison(now.api, now.provider, load, stock);
    faults.push(...load.faults, ...later.faults, ...(await comparison.faults(PATIENCE_MS)));
    for (const [name, value] of Object.entries(comparison.figures)) print(`  ${name.padEnd(28)} ${value}`);
    faults.push(...(await audit(deployment)));
    if (values.cluster) {
      const { brokers, databases } = JSON.parse(
        readFileSync(join(deployment.folder, 'cluster', 'cluster.json'), 'utf8'),
      ) as { brokers: { name: string; address: string }[]; databases: Record<string, string> };
      const topic = await compareTopic({
        brokers: brokers.find(({ name }) => name === 'kafka')!.address,
        topic: 'order-events',
        databases: Object.values(databases),
      });
      faults.push(...topic.faults);
      for (const [name, value] of Object.entries(topic.figures)) print(`  ${name.padEnd(28)} ${value}`);
    }
  } finally {
    await now.stop();
  }
  for (const fault of faults.slice(0, 50)) print(`VIOLATION ${fault}`);
  print(
    faults.length === 0
      ? `everything agrees (${load.acknowledged.size} orders)`
      : `${faults.length} VIOLATIONS; data is kept in ${base}`,
  );
  if (faults.length === 0) rmSync(base, { recursive: true, force: true });
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/** Orders that a person holds. */
async function holdsOf(api: Api): Promise<string[]> {
  const { items } = await api.orders('limit=200&status=PAID');
  return items.filter(({ holds }) => holds.some(({ type }) => type === 'manual')).map(({ id }) => id);
}

/** `bin/olms audit` of this version on the data. */
async function audit({ folder, port, providerPort }: Deployment): Promise<string[]> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'olms.mjs'), 'audit'], {
    cwd: ROOT,
    env: { PATH, HOME, OLMS_DATA: folder, PORT: String(port), SANDBOX_PROVIDER_PORT: String(providerPort) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return code === 0 ? [] : [`bin/olms audit ended with ${code}`];
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  await main();
}
