import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import { IDENTITY_HEADER, Identities } from '#platform/http/remote/identity.ts';
import { ClusterSystem } from './cluster-system.ts';
import { KEY } from './measured-system.ts';
import { type BenchContext, median } from './sections.ts';

/** What the gateway costs: the same read through it and at the service behind it, in the cluster shape. */

const ORDERS = 200;
const ROUNDS = 7;
/** Callers of one service at once, each with one request at a time; more are further from how long one takes. */
const TOGETHER = 8;

export interface GatewayFigures {
  /** Medians of a read by one caller at a time. */
  readonly directMs: number;
  readonly throughMs: number;
  /** Reads a second of {@link TOGETHER} callers. */
  readonly directRate: number;
  readonly throughRate: number;
  /** The median of what each round comes to: time through the gateway by time at the service, and the rates likewise. */
  readonly timeRatio: number;
  readonly rateRatio: number;
}

interface Target {
  readonly url: string;
  readonly headers: () => Record<string, string>;
}

/** Rounds of each kind take turns, so that each ratio compares neighbors in time. */
export async function gateway({ quick, log }: BenchContext): Promise<GatewayFigures> {
  const secret = randomBytes(24).toString('hex');
  const system = await ClusterSystem.start(log, { OLMS_INTERNAL_SECRET: secret });
  try {
    await system.stockUp();
    await system.load({ total: ORDERS });
    await system.allFinal();
    const identities = new Identities(secret, []);
    const reader = { name: 'bench', role: 'reader' } as const;
    const direct: Target = {
      url: system.cluster.membersOf('orders')[0]!.url,
      headers: () => ({ [IDENTITY_HEADER]: identities.sign(reader, 'orders') }),
    };
    const through: Target = { url: system.url, headers: () => ({ authorization: `Bearer ${KEY}` }) };
    const path = '/orders?limit=50';
    const reads = quick ? 300 : 1_000;
    for (const target of [direct, through]) await read(target, path, TOGETHER, reads * 2);
    const rounds: { direct: Read; through: Read; directSet: Read; throughSet: Read }[] = [];
    for (let number = 1; number <= ROUNDS; number++) {
      const round = {
        direct: await read(direct, path, 1, reads),
        through: await read(through, path, 1, reads),
        directSet: await read(direct, path, TOGETHER, reads * 2),
        throughSet: await read(through, path, TOGETHER, reads * 2),
      };
      rounds.push(round);
      log(
        `gateway round ${number}: ${round.through.ms.toFixed(2)} / ${round.direct.ms.toFixed(2)} ms, ${Math.round(round.throughSet.rate)} / ${Math.round(round.directSet.rate)} a second`,
      );
    }
    return {
      directMs: median(rounds.map((round) => round.direct.ms)),
      throughMs: median(rounds.map((round) => round.through.ms)),
      directRate: median(rounds.map((round) => round.directSet.rate)),
      throughRate: median(rounds.map((round) => round.throughSet.rate)),
      timeRatio: median(rounds.map((round) => round.through.ms / round.direct.ms)),
      rateRatio: median(rounds.map((round) => round.throughSet.rate / round.directSet.rate)),
    };
  } finally {
    await system.stop();
  }
}

interface Read {
  /** The median of one read. */
  readonly ms: number;
  readonly rate: number;
}

/** So many reads of a path by so many callers, each on a connection of its own. */
async function read({ url, headers }: Target, path: string, callers: number, total: number): Promise<Read> {
  const pool = new Pool(url, { connections: callers });
  const times: number[] = [];
  let left = total;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const beginMs = performance.now();
      const { statusCode, body } = await pool.request({ method: 'GET', path, headers: headers() });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${url}${path} answers ${statusCode}`);
      times.push(performance.now() - beginMs);
    }
  };
  const beginMs = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - beginMs) / 1000;
  await pool.close();
  return { ms: median(times), rate: total / seconds };
}
