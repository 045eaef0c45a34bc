import { numberOf } from '#contracts/order-number.ts';
import { fillOrders } from './fill.ts';
import type { BenchContext } from './sections.ts';
import { SystemProcess } from './system-process.ts';

/** How fast orders are found by what people type, on a store of a million. */

const SAMPLES = 120;
const PAGE = 50;
export const SEARCH_TARGET_MS = 50;

/** What is typed, for the `n`th order that somebody looks for. */
const TYPED: Readonly<Record<string, (n: number) => string>> = {
  'e-mail': (n) => `customer${n % 40_000}@example.com`,
  'beginning of an e-mail': (n) => `customer${n % 40_000}`,
  name: (n) => `family${Math.floor(n / 20) % 2_000} anna`,
  'beginnings of names': (n) => `gre fam family${Math.floor(n / 20) % 2_000}`,
  'three letters': (n) => ['ann', 'dav', 'fam', 'cus', 'fil'][n % 5]!,
  'two words that are everywhere': (n) => ['anna fam', 'leon mug', 'cus rosa'][n % 3]!,
  'common words that are never together': (n) => ['leon mug', 'anna ben', 'mug plate ida'][n % 3]!,
  phone: (n) => `030 ${1_000_000 + (n % 40_000)}`,
  postcode: (n) => String(10_000 + (n % 80_000)),
  reference: (n) => `FILL-${n}`,
  number: (n) => numberOf(BigInt(n)).toLowerCase().replaceAll('-', ' '),
  'tracking number': (n) => `JD${String(n).padStart(10, '0')}`,
  article: (n) => `article${n % 300}`,
  'article and name': (n) => `plate family${Math.floor(n / 20) % 2_000}`,
  'nothing that is there': (n) => `nobody${n}`,
};

export interface SearchFigure {
  readonly what: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Each kind of text in turn, through the API. */
export async function search({ log, quick }: BenchContext): Promise<{ orders: number; figures: SearchFigure[] }> {
  const orders = quick ? 100_000 : 1_000_000;
  const system = await SystemProcess.start({ OLMS_CONSUME: 'false' });
  try {
    await fillOrders(system.sql, orders, log);
    const figures: SearchFigure[] = [];
    for (const [what, typed] of Object.entries(TYPED)) {
      const times: number[] = [];
      for (let sample = 0; sample < SAMPLES; sample++) {
        const text = encodeURIComponent(typed((sample * 7_919 + 17) % orders));
        const startedMs = performance.now();
        await system.call('GET', `/orders?limit=${PAGE}&text=${text}`);
        if (sample >= 5) times.push(performance.now() - startedMs);
      }
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.floor(sorted.length * share)]!;
      figures.push({ what, p50Ms: at(0.5), p95Ms: at(0.95) });
      log(`search by ${what}: p50 ${at(0.5).toFixed(1)} ms, p95 ${at(0.95).toFixed(1)} ms`);
    }
    return { orders, figures };
  } finally {
    await system.stop();
  }
}
