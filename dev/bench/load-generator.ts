import { connect, type Socket } from 'node:net';

/**
 * An HTTP/1.1 load generator in a process of its own: plain sockets, requests rendered ahead, answers
 * counted and timed. It shares the machine with the system under test, so it must cost little.
 *
 *   node load-generator.ts '{"port":8080,"key":"…","connections":64,"total":20000,"rate":0,…}'
 */
export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  readonly connections: number;
  /** Requests to send in all. */
  readonly total: number;
  /** Requests per second offered (open model: latency counts from when a request was due); 0: as fast as answered. */
  readonly rate: number;
  readonly skus: readonly string[];
  /** Makes idempotency keys unique across runs. */
  readonly run: string;
  readonly lines: number;
  /** Seconds of `Prefer: wait`; 0: answers come as soon as the order is taken. */
  readonly waitSeconds: number;
}

export interface LoadResult {
  readonly taken: number;
  readonly refused: number;
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const BODIES = 512;
/** Where a body has the reference of its order, which is another one in every request; as long as one. */
const REFERENCE = '#'.repeat(24);

function bodies(plan: LoadPlan): string[] {
  return Array.from({ length: BODIES }, (_, n) => {
    const items = Array.from({ length: plan.lines }, (_unused, line) => ({
      sku: plan.skus[(n * 7 + line * 131) % plan.skus.length]!,
      quantity: 1 + ((n + line) % 3),
      unitPrice: `${5 + ((n + line) % 50)}.95`,
    }));
    const customer = `0192f0c1-2a3b-7c4d-8e5f-${(n * 7919).toString(16).padStart(12, '0')}`;
    return JSON.stringify({
      customerId: customer,
      currency: 'EUR',
      channel: ['web', 'store', 'marketplace'][n % 3],
      reference: REFERENCE,
      items,
      shippingAddress: {
        name: `Customer ${n}`,
        line1: '1 Main Street',
        city: 'Berlin',
        postalCode: '10115',
        country: 'DE',
      },
      contact: { email: `customer${n}@example.com` },
      payment: { token: 'tok_approve' },
    });
  });
}

async function generate(plan: LoadPlan): Promise<LoadResult> {
  const rendered = bodies(plan).map((body) => {
    const [before, after] = body.split(REFERENCE) as [string, string];
    return { before: `content-length: ${Buffer.byteLength(body)}\r\n\r\n${before}`, after };
  });
  const head = `POST /orders HTTP/1.1\r\nhost: ${plan.host}:${plan.port}\r\nauthorization: Bearer ${plan.key}\r\ncontent-type: application/json\r\n${plan.waitSeconds > 0 ? `prefer: wait=${plan.waitSeconds}\r\n` : ''}idempotency-key: ${plan.run}-`;
  const prefix = `${process.pid.toString(36)}-${Date.now().toString(36)}`;
  const latencies = new Float64Array(plan.total);
  let sent = 0;
  let answered = 0;
  let taken = 0;
  let refused = 0;
  const startedMs = performance.now();
  const dueMs = (n: number): number => (plan.rate > 0 ? startedMs + (n * 1000) / plan.rate : 0);

  await new Promise<void>((resolve, reject) => {
    const open = new Set<Socket>();
    const finish = (): void => {
      for (const socket of open) socket.destroy();
      resolve();
    };
    for (let c = 0; c < plan.connections; c++) {
      const socket = connect(plan.port, plan.host);
      open.add(socket);
      socket.setNoDelay(true);
      let sentMs = 0;
      let pending = '';
      const next = (): void => {
        if (sent >= plan.total) return;
        const n = sent++;
        const write = (): void => {
          sentMs = plan.rate > 0 ? dueMs(n) : performance.now();
          const { before, after } = rendered[n % BODIES]!;
          const reference = `${prefix}-${n}`.padEnd(REFERENCE.length, '.');
          socket.write(`${head}${n}\r\n${before}${reference}${after}`);
        };
        const waitMs = plan.rate > 0 ? dueMs(n) - performance.now() : 0;
        if (waitMs > 1) setTimeout(write, waitMs);
        else write();
      };
      socket.on('connect', next);
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        pending = pending === '' ? chunk.toString('latin1') : pending + chunk.toString('latin1');
        const headerEnd = pending.indexOf('\r\n\r\n');
        if (headerEnd < 0) return;
        const length = /content-length: (\d+)/i.exec(pending)?.[1];
        if (length === undefined) return reject(new Error(`Unexpected answer: ${pending.slice(0, 200)}`));
        if (pending.length < headerEnd + 4 + Number(length)) return;
        if (pending.startsWith('HTTP/1.1 201')) taken++;
        else refused++;
        pending = '';
        latencies[answered++] = performance.now() - sentMs;
        if (answered === plan.total) finish();
        else next();
      });
    }
  });
  const seconds = (performance.now() - startedMs) / 1000;
  const sorted = latencies.sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return {
    taken,
    refused,
    failed: plan.total - answered,
    seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: sorted.at(-1)!,
  };
}

if (process.argv[1] === import.meta.filename) {
  const result = await generate(JSON.parse(process.argv[2]!) as LoadPlan);
  process.stdout.write(JSON.stringify(result));
}
