import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Api, orderBody } from '#tests/support/api.ts';
import { KillableSystem } from '#tests/support/killable.ts';
import { freePort } from '#tests/support/ports.ts';
import { SseClient } from '#tests/support/sse.ts';
import type { AttackPlan } from './attacker.ts';

/**
 * What one caller can do to the others. The system runs as a process of its own; a customer with a key of its own places
 * and reads orders one after another, before an attack and during it. The attacks are those of a stranger without a key
 * who never ends what they send (as they are, and as if signed), and of a reader who asks for too much at once (reads of
 * the largest order there can be, and streams), or sends what grows when it is read (bodies that unpack to a thousand
 * times their size, JSON ten thousand levels deep).
 *
 *   node tests/faults/attack.ts [--only bodies,signed,reads,streams,bombs,deep] [--size 1]
 *
 * Prints memory and latency before and during each; exit code 1 where one of them more than doubled.
 */

export interface Figures {
  readonly memoryMb: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Calls of the customer that were refused or failed. */
  readonly refused: number;
}

export interface AttackReport {
  readonly name: AttackName;
  readonly before: Figures;
  readonly during: Figures;
  /** What the attacker was answered, by status. */
  readonly attacker: Readonly<Record<string, number>>;
}

export type AttackName = AttackPlan['name'];
/** How many requests each is, at full size. */
const COUNTS: Readonly<Record<AttackName, number>> = {
  bodies: 3_000,
  signed: 3_000,
  reads: 4_000,
  streams: 500,
  bombs: 500,
  deep: 1_000,
};
const NAMES = Object.keys(COUNTS) as AttackName[];
const LINES = 2_000;
/** What may come on top of twice the latency: the attacker's own work takes one of the machine's processors. */
const SLACK_MS = 2;
/** Measurements before the first that counts: the first calls compile what all later ones use. */
const WARM_UP_ROUNDS = 2;
const SENDING_MAX_MS = 60_000;
const AFTER_SENDING_MS = 1_500;
const KEY = `attack-${'k'.repeat(40)}`;
const ATTACKER = fileURLToPath(new URL('attacker.ts', import.meta.url));

function memoryMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024);
}

function quantile(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
}

/** A customer who places an order and reads it, again and again, for so long and until `done`; with the most memory meanwhile. */
async function measure(customer: Api, pid: number, forMs: number, done = (): boolean => true): Promise<Figures> {
  const latencies: number[] = [];
  let refused = 0;
  let memory = 0;
  const beganMs = performance.now();
  for (;;) {
    const startedMs = performance.now();
    const tookMs = startedMs - beganMs;
    if (tookMs > forMs + SENDING_MAX_MS || (tookMs > forMs && done())) break;
    const body = orderBody({ sku: 'A' });
    const placed = await customer.call<{ id: string }>('POST', '/orders', { body, key: randomUUID() });
    const read = placed.status === 201 ? (await customer.call('GET', `/orders/${placed.body.id}`)).status : 0;
    if (placed.status !== 201 || read !== 200) refused++;
    latencies.push(performance.now() - startedMs);
    memory = Math.max(memory, memoryMb(pid));
    await sleep(5);
  }
  latencies.sort((a, b) => a - b);
  return { memoryMb: memory, p50Ms: quantile(latencies, 0.5), p95Ms: quantile(latencies, 0.95), refused };
}

async function largestOrder(api: Api): Promise<string> {
  const line = { sku: 'A', quantity: 1, unitPrice: '1.00', name: 'x'.repeat(100) };
  const items = Array.from({ length: LINES }, () => line);
  return (await api.placeOrder({ sku: 'A', items, requiresReview: true })).id;
}

interface Attack {
  /** Everything is on its way, and has been for a moment. */
  readonly sent: () => boolean;
  /** Ends it; resolves with what it was answered. */
  readonly end: () => Promise<Record<string, number>>;
}

function attack(plan: AttackPlan): Attack {
  const child: ChildProcess = spawn(process.execPath, [ATTACKER, JSON.stringify(plan)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  let sentMs: number | undefined;
  child.stdout!.on('data', (chunk) => {
    said += String(chunk);
    sentMs ??= performance.now();
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    sent: () => sentMs !== undefined && performance.now() - sentMs > AFTER_SENDING_MS,
    async end() {
      child.stdin!.end();
      await ended;
      return JSON.parse(said.replace('sent\n', '')) as Record<string, number>;
    },
  };
}

export interface AttackOptions {
  /** Scales what the attacker sends. */
  readonly size?: number;
  /** How long each measurement takes. */
  readonly measureMs?: number;
  readonly onReport?: (report: AttackReport) => void;
}

/** Runs attacks one after another on one system, and compares what each did with before. */
export async function runAttacks(names: readonly AttackName[], options: AttackOptions = {}): Promise<AttackReport[]> {
  const { size = 1, measureMs = 6_000, onReport = () => {} } = options;
  const folder = mkdtempSync(join(tmpdir(), 'olms-attack-'));
  const system = new KillableSystem({ folder, port: await freePort(), providerPort: await freePort(), key: KEY });
  const api = new Api(system.url, KEY);
  const reports: AttackReport[] = [];
  try {
    system.spawn();
    await system.ready();
    const { url, pid } = system;
    await api.putProduct('A');
    await api.adjustStock('A', { onHand: 1_000_000_000 });
    const customer = api.as(await api.newKey('client'));
    const key = await api.newKey('reader');
    const path = `/orders/${await largestOrder(api)}`;
    const { memoryMb: memoryAtFirst } = await measure(customer, pid, WARM_UP_ROUNDS * measureMs);
    for (const name of names) {
      const before = { ...(await measure(customer, pid, measureMs)), memoryMb: memoryAtFirst };
      const attacker = attack({ name, url, count: Math.round(COUNTS[name] * size), key, path });
      const during = await measure(customer, pid, measureMs, attacker.sent);
      if (name === 'streams') {
        const other = await SseClient.open(`${url}/stream`, KEY);
        other.close();
        if (other.status !== 200) throw new Error(`Nobody else can follow the stream: ${other.status}`);
      }
      const report = { name, before, during, attacker: await attacker.end() };
      onReport(report);
      reports.push(report);
    }
    return reports;
  } finally {
    await api.close();
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What more than doubled, and what was refused to somebody else. */
export function faultsOf({ name, before, during }: AttackReport): string[] {
  const faults: string[] = [];
  if (during.memoryMb > 2 * before.memoryMb) faults.push(`${name}: memory ${before.memoryMb} → ${during.memoryMb} MB`);
  if (during.p50Ms > 2 * before.p50Ms + SLACK_MS) faults.push(`${name}: p50 ${before.p50Ms} → ${during.p50Ms} ms`);
  if (during.refused > 0) faults.push(`${name}: ${during.refused} calls of the customer were refused`);
  return faults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { only: { type: 'string' }, size: { type: 'string', default: '1' } } });
  const names = values.only === undefined ? NAMES : NAMES.filter((name) => values.only!.split(',').includes(name));
  const reports = await runAttacks(names, {
    size: Number(values.size),
    onReport: (report) => process.stdout.write(`${JSON.stringify(report)}\n`),
  });
  const faults = reports.flatMap(faultsOf);
  for (const fault of faults) process.stdout.write(`FAULT  ${fault}\n`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
