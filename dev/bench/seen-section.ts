import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchContext, median, perSecond, usedPerOrder, WARM_UP } from './sections.ts';
import { SystemProcess } from './system-process.ts';

/** What it costs to be seen: metrics that are scraped, lines for what happens to orders, a tenth of the traces. */

const PAIRS = 7;
const SCRAPE_EVERY_MS = 5_000;
const TRACED_SHARE = '0.1';

export interface SeenFigures {
  /** Lives a second without and with all of it, the median of each. */
  readonly unseen: number;
  readonly seen: number;
  /** The median of what each pair comes to. */
  readonly ratio: number;
  readonly unseenUs: number;
  readonly seenUs: number;
  /** What was seen of the lives that were measured. */
  readonly spanBytes: number;
  readonly logBytes: number;
  readonly scrapes: number;
}

/**
 * Two systems, of which one is seen, take turns, and who begins changes with every pair: a shared machine is half as fast
 * a minute later. Throws where nothing was seen of the one that should be.
 */
export async function seen({ quick, log }: BenchContext): Promise<SeenFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'olms-bench-seen-'));
  const logFile = join(folder, 'log');
  const collector = new Sink();
  const unseenSystem = await SystemProcess.start();
  const seenSystem = await SystemProcess.start(
    {
      LOG_LEVEL: 'info',
      OTEL_EXPORTER_OTLP_ENDPOINT: await collector.listen(),
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: TRACED_SHARE,
    },
    { logFile },
  );
  const scraper = new Scraper(seenSystem.url);
  try {
    const total = quick ? 6_000 : 20_000;
    const round = async (system: SystemProcess): Promise<{ rate: number; nodeUs: number }> => {
      const before = await system.usage();
      const startedMs = performance.now();
      await system.load({ total });
      await system.allFinal();
      const rate = total / ((performance.now() - startedMs) / 1000);
      return { rate, nodeUs: usedPerOrder(before, await system.usage(), total).nodeUs };
    };
    for (const system of [unseenSystem, seenSystem]) {
      await system.stockUp();
      await system.load({ total: WARM_UP });
      await system.allFinal();
    }
    const pairs: { unseen: Awaited<ReturnType<typeof round>>; seen: Awaited<ReturnType<typeof round>> }[] = [];
    for (let number = 1; number <= PAIRS; number++) {
      const first = number % 2 === 0 ? seenSystem : unseenSystem;
      const begun = await round(first);
      const ended = await round(first === seenSystem ? unseenSystem : seenSystem);
      pairs.push(first === seenSystem ? { seen: begun, unseen: ended } : { unseen: begun, seen: ended });
      const { unseen, seen } = pairs.at(-1)!;
      log(
        `seen pair ${number}: ${perSecond(seen.rate)} / ${perSecond(unseen.rate)} = ${(seen.rate / unseen.rate).toFixed(2)}`,
      );
    }
    const figures = {
      unseen: median(pairs.map(({ unseen }) => unseen.rate)),
      seen: median(pairs.map(({ seen }) => seen.rate)),
      ratio: median(pairs.map(({ seen, unseen }) => seen.rate / unseen.rate)),
      unseenUs: median(pairs.map(({ unseen }) => unseen.nodeUs)),
      seenUs: median(pairs.map(({ seen }) => seen.nodeUs)),
      spanBytes: collector.bytes,
      logBytes: (await stat(logFile)).size,
      scrapes: scraper.count,
    };
    if (Math.min(figures.spanBytes, figures.logBytes, figures.scrapes) === 0)
      throw new Error(`Nothing was seen: ${JSON.stringify(figures)}`);
    return figures;
  } finally {
    await scraper.stop();
    await unseenSystem.stop();
    await seenSystem.stop();
    await collector.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Takes what is sent to a collector, and counts it. */
class Sink {
  bytes = 0;
  readonly #server: Server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (this.bytes += chunk.length));
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Reads the metrics three times as often as Prometheus does by default. */
class Scraper {
  count = 0;
  #under: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(url: string) {
    this.#timer = setInterval(() => {
      this.#under = this.#scrape(url);
    }, SCRAPE_EVERY_MS);
  }

  async #scrape(url: string): Promise<void> {
    const response = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
    if (response.ok && (await response.text()).includes('olms_')) this.count++;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#under.catch(() => {});
  }
}
