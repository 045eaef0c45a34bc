import { request } from 'undici';
import { KEY } from './measured-system.ts';
import { type BenchContext, median } from './sections.ts';
import { SystemProcess } from './system-process.ts';

/** What it costs to read orders as a graph: fifty with their lines and payments, against the list of fifty by REST. */

const ORDERS = 50;
const ROUNDS = 7;
/** Large answers are rationed to each key, so that the reads are shared out among several. */
const KEYS = 8;
const LIST = `/orders?limit=${ORDERS}`;
const DOCUMENT = `query ($first: Int) {
  orders(first: $first) {
    nodes {
      id status totalAmount currency customerId createdAt
      items { line sku name quantity unitPrice amount }
      payments { status amount captured refunded operations { id kind amount state } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

export interface GraphFigures {
  /** Milliseconds of one read, the median of each. */
  readonly listMs: number;
  readonly graphMs: number;
  /** The median of what each round comes to: time, and processor time of Node and PostgreSQL. */
  readonly timeRatio: number;
  readonly cpuRatio: number;
  /** What the same takes by REST: the orders in full, and the payments of each set. */
  readonly fullMs: number;
}

/** Reads of each kind take turns in every round, one at a time: what one costs, and not who waits for whom. */
export async function graph({ quick, log }: BenchContext): Promise<GraphFigures> {
  const system = await SystemProcess.start();
  try {
    await system.stockUp();
    await system.load({ total: 500 });
    await system.allFinal();
    const keys: string[] = [];
    for (let i = 0; i < KEYS; i++) {
      const { key } = (await system.call('POST', '/api-keys', { name: `reader-${i}`, role: 'reader' })) as {
        key: string;
      };
      keys.push(key);
    }
    const read = async (path: string, key: string, body?: object): Promise<unknown> => {
      const { statusCode, body: answer } = await request(`${system.url}${path}`, {
        method: body ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (statusCode !== 200 || text.startsWith('{"errors"'))
        throw new Error(`${path}: ${statusCode} ${text.slice(0, 500)}`);
      return JSON.parse(text);
    };
    const kinds = {
      list: (key: string) => read(LIST, key),
      graph: (key: string) => read('/graphql', key, { query: DOCUMENT, variables: { first: ORDERS } }),
      async full(key: string) {
        const { items } = (await read(`/orders/details?limit=${ORDERS}`, key)) as { items: { id: string }[] };
        await read(`/payments?limit=200&orderId=${items.map(({ id }) => id).join(',')}`, key);
      },
    };
    const { data } = (await kinds.graph(KEY)) as { data: { orders: { nodes: { items: []; payments: [] }[] } } };
    const { nodes } = data.orders;
    if (nodes.length !== ORDERS || nodes.some(({ items, payments }) => items.length === 0 || payments.length === 0))
      throw new Error('The graph has not the fifty orders with lines and payments that are measured.');
    const reads = quick ? 100 : 300;
    const measured = async (kind: (key: string) => Promise<unknown>): Promise<{ ms: number; cpuMs: number }> => {
      const times: number[] = [];
      const before = await system.usage();
      for (let i = 0; i < reads; i++) {
        const beginMs = performance.now();
        await kind(keys[i % KEYS]!);
        times.push(performance.now() - beginMs);
      }
      const after = await system.usage();
      const cpu = after.cpuSeconds - before.cpuSeconds + after.postgresCpuSeconds - before.postgresCpuSeconds;
      return { ms: median(times), cpuMs: (cpu * 1000) / reads };
    };
    for (const kind of Object.values(kinds)) await measured(kind);
    const rounds: { list: number; graph: number; full: number; time: number; cpu: number }[] = [];
    for (let number = 1; number <= ROUNDS; number++) {
      const list = await measured(kinds.list);
      const asGraph = await measured(kinds.graph);
      const full = await measured(kinds.full);
      rounds.push({
        list: list.ms,
        graph: asGraph.ms,
        full: full.ms,
        time: asGraph.ms / list.ms,
        cpu: asGraph.cpuMs / list.cpuMs,
      });
      const { time, cpu } = rounds.at(-1)!;
      log(
        `graph round ${number}: ${asGraph.ms.toFixed(2)} / ${list.ms.toFixed(2)} ms = ${time.toFixed(2)} ×, ${asGraph.cpuMs.toFixed(2)} / ${list.cpuMs.toFixed(2)} ms of processors = ${cpu.toFixed(2)} ×, by REST ${full.ms.toFixed(2)} ms`,
      );
    }
    return {
      listMs: median(rounds.map(({ list }) => list)),
      graphMs: median(rounds.map(({ graph: ms }) => ms)),
      fullMs: median(rounds.map(({ full }) => full)),
      timeRatio: median(rounds.map(({ time }) => time)),
      cpuRatio: median(rounds.map(({ cpu }) => cpu)),
    };
  } finally {
    await system.stop();
  }
}
