import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Api } from '#tests/support/api.ts';
import { freePort } from '#tests/support/ports.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import { isAlive } from '#platform/database/embedded/process-identity.ts';

/** `olms cluster` as a person uses it: started, interrupted, killed, started again. */

const MAIN = join(import.meta.dirname, '..', '..', 'dev', 'main.ts');
const START_TIMEOUT_MS = 120_000;
const GONE_TIMEOUT_MS = 40_000;
const folder = mkdtempSync(join(tmpdir(), 'olms-launcher-'));
let launcher: ChildProcess | undefined;

interface Map {
  readonly launcher: number;
  readonly url: string;
  readonly apiKey: string;
  readonly brokers: readonly { readonly name: string; readonly pid?: number }[];
  readonly members: readonly { readonly name: string; readonly pid?: number }[];
}

const map = (): Map => JSON.parse(readFileSync(join(folder, 'cluster', 'cluster.json'), 'utf8')) as Map;

function pids(): number[] {
  const { brokers, members } = map();
  return [...brokers, ...members].flatMap(({ pid }) => pid ?? []);
}

async function start(port: number): Promise<{ api: Api; output: () => string }> {
  let output = '';
  const child = spawn(process.execPath, [MAIN, 'cluster'], {
    env: { ...process.env, ...DEFAULT_ENV, NODE_OPTIONS: '', OLMS_DATA: folder, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  launcher = child;
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until(
    'the cluster to run',
    () => {
      if (child.exitCode !== null) throw new Error(`The launcher ended with ${child.exitCode}:\n${output}`);
      return output.includes('The cluster runs');
    },
    { timeoutMs: START_TIMEOUT_MS, everyMs: 100, describe: () => output },
  );
  return { api: new Api(map().url, map().apiKey), output: () => output };
}

async function untilGone(processes: readonly number[]): Promise<void> {
  let left: number[] = [];
  await until('every process to be gone', () => (left = processes.filter(isAlive)).length === 0, {
    timeoutMs: GONE_TIMEOUT_MS,
    everyMs: 100,
    describe: () => left.join(', '),
  });
}

afterAll(async () => {
  if (launcher && launcher.exitCode === null && launcher.signalCode === null) {
    const left = existsSync(join(folder, 'cluster', 'cluster.json')) ? pids() : [];
    launcher.kill('SIGTERM');
    await untilGone(left);
  }
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test('a cluster heals, dies with its launcher, continues with its data, and stops without a trace', async () => {
  const port = await freePort();
  const first = await start(port);
  expect(first.output()).toContain(map().apiKey);
  for (const { name, pid } of [...map().members, ...map().brokers].filter(({ pid }) => pid !== undefined)) {
    expect(first.output()).toMatch(new RegExp(`${name}\\s+${pid}\\s`));
  }
  const sku = await first.api.product(5);
  const { id } = await first.api.placeOrder({ sku });
  await first.api.untilStatus(id, 'COMPLETED', 30_000);

  // A service that crashes comes back by itself.
  const shipping = (): number | undefined => map().members.find(({ name }) => name === 'shipping-1')?.pid;
  const crashed = shipping()!;
  process.kill(crashed, 'SIGKILL');
  await until('another process of shipping', () => shipping() !== undefined && shipping() !== crashed);
  const second = await first.api.placeOrder({ sku });
  await first.api.untilStatus(second.id, 'COMPLETED', 30_000);
  await first.api.close();

  // Nobody is left to stop them, and yet all of them stop.
  const orphans = pids();
  expect(orphans.every(isAlive)).toBe(true);
  launcher!.kill('SIGKILL');
  await untilGone(orphans);

  const again = await start(port);
  expect(await again.api.order(id)).toMatchObject({ id, status: 'COMPLETED' });
  await untilLike(() => again.api.stock(sku), { onHand: 3, reserved: 0 });
  const third = await again.api.placeOrder({ sku });
  await again.api.untilStatus(third.id, 'COMPLETED', 30_000);
  await again.api.close();

  const all = pids();
  launcher!.kill('SIGINT');
  await until('the launcher to end', () => launcher!.exitCode !== null, { timeoutMs: GONE_TIMEOUT_MS });
  expect(launcher!.exitCode).toBe(0);
  await untilGone(all);
  expect(existsSync(join(folder, 'cluster', 'cluster.json'))).toBe(false);
}, 300_000);
