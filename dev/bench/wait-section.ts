import { measureCeilings, walPosition } from './ceilings.ts';
import { type CeilingContext, median, perSecond, WARM_UP } from './sections.ts';
import { SystemProcess } from './system-process.ts';

/** What callers meet who wait for the decision about stock and payment (`Prefer: wait`), and what a life writes. */

/** Connections, each with one request at a time. */
export const CALLERS = { few: 128, many: 1_024, together: 8 } as const;
const ROUNDS = 5;
const WAIT_SECONDS = 30;

export interface WaitFigures {
  /** Orders answered per second: callers that do not wait, as many that wait, many that wait. */
  readonly rates: readonly [none: number, few: number, many: number];
  readonly fewToNone: number;
  readonly manyToFew: number;
  readonly aloneMs: number;
  readonly eightMs: number;
  readonly latencyRatio: number;
  readonly wal: { readonly life: number; readonly plain: number; readonly rows: number; readonly server: string };
}

/** Rounds of each kind follow one another, so that each ratio compares neighbors in time; figures are medians. */
export async function wait({ quick, log, ceilingsUrl }: CeilingContext): Promise<WaitFigures> {
  const system = await SystemProcess.start();
  try {
    await system.stockUp();
    const total = quick ? 3_000 : 8_000;
    for (const waitSeconds of [0, WAIT_SECONDS]) {
      await system.load({ total: WARM_UP, connections: CALLERS.few, waitSeconds });
      await system.allFinal();
    }
    const rate = async (connections: number, waitSeconds: number): Promise<number> => {
      const { taken, seconds } = await system.load({ total, connections, waitSeconds });
      if (taken !== total) throw new Error(`${total - taken} of ${total} orders were refused`);
      await system.allFinal();
      return taken / seconds;
    };
    const rounds: [number, number, number][] = [];
    const lives = { orders: 0, walBytes: 0, rows: 0 };
    for (let number = 1; number <= ROUNDS; number++) {
      const before = { wal: await walPosition(system.sql), rows: await rowsWritten(system) };
      const none = await rate(CALLERS.few, 0);
      lives.orders += total;
      lives.walBytes += (await walPosition(system.sql)) - before.wal;
      lives.rows += (await rowsWritten(system)) - before.rows;
      rounds.push([none, await rate(CALLERS.few, WAIT_SECONDS), await rate(CALLERS.many, WAIT_SECONDS)]);
      log(`wait round ${number}: ${rounds.at(-1)!.map(perSecond).join(', ')}`);
    }
    const latencies: [number, number][] = [];
    const p50 = async (connections: number, orders: number): Promise<number> => {
      const { p50Ms } = await system.load({ total: orders, connections, waitSeconds: WAIT_SECONDS });
      await system.allFinal();
      return p50Ms;
    };
    for (let number = 1; number <= ROUNDS; number++) {
      latencies.push([await p50(1, quick ? 60 : 150), await p50(CALLERS.together, quick ? 480 : 1_200)]);
      log(
        `p50 round ${number}: ${latencies
          .at(-1)!
          .map((ms) => `${ms.toFixed(1)} ms`)
          .join(', ')}`,
      );
    }
    const { lifeSingle: plain } = await measureCeilings(ceilingsUrl, quick ? 2 : 4, log, ['lifeSingle']);
    const { rows } = await system.sql.query<{ version: string }>('select version()');
    return {
      rates: [0, 1, 2].map((kind) => median(rounds.map((round) => round[kind]!))) as [number, number, number],
      fewToNone: median(rounds.map(([none, few]) => few / none)),
      manyToFew: median(rounds.map(([, few, many]) => many / few)),
      aloneMs: median(latencies.map(([alone]) => alone)),
      eightMs: median(latencies.map(([, eight]) => eight)),
      latencyRatio: median(latencies.map(([alone, eight]) => eight / alone)),
      wal: {
        life: lives.walBytes / lives.orders,
        plain: plain.walBytes,
        rows: lives.rows / lives.orders,
        server: rows[0]!.version.split(',').slice(0, 2).join(','),
      },
    };
  } finally {
    await system.stop();
  }
}

/** Rows inserted, updated and deleted so far, in all tables. */
async function rowsWritten(system: SystemProcess): Promise<number> {
  const { rows } = await system.sql.query<{ written: string }>(
    'select sum(n_tup_ins + n_tup_upd + n_tup_del) as written from pg_stat_user_tables',
  );
  return Number(rows[0]!.written);
}
