import { describe, expect, test } from 'vitest';
import { until } from '#tests/support/until.ts';
import { useSystem } from '#tests/support/system.ts';
import { ApiClient } from '#cli/client.ts';
import { orderOf, seeded } from './orders.ts';
import { deck, PATHS } from './paths.ts';
import { type RunStory, runStories } from './stories.ts';

const ROUND = Object.values(PATHS).reduce((sum, path) => sum + path.share, 0);

describe('the stream of orders', () => {
  test('is the same for the same seed, and another for another', () => {
    const stream = (seed: number): unknown[] => {
      const random = seeded(seed);
      const paths = deck(random);
      return Array.from({ length: ROUND }, (_, n) => orderOf(paths.next().value, n, random).body);
    };
    expect(stream(7)).toEqual(stream(7));
    expect(stream(7)).not.toEqual(stream(8));
  });

  test('takes every path in every round', () => {
    const paths = deck(seeded(3));
    for (let round = 0; round < 3; round++) {
      const drawn = new Set(Array.from({ length: ROUND }, () => paths.next().value));
      expect([...drawn].sort()).toEqual(Object.keys(PATHS).sort());
    }
  });
});

/** How the orders of a path end that do not complete, if nobody at a console steps in. */
const ENDS: Readonly<Record<string, string>> = {
  'card declined': 'PAYMENT_FAILED',
  'review rejected': 'CANCELLED',
  'cancel at once': 'CANCELLED',
  'cancel in the warehouse': 'CANCELLED',
  'short of stock': 'REJECTED',
};
describe('a round of the demo', () => {
  const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: '800', PAYMENTS_PROVIDERS: 'sandbox,manual' } });

  test('every path ends as its name says', async () => {
    const client = new ApiClient(system.api.url, system.key);
    const lines: string[] = [];
    const { signal } = new AbortController();
    const begun: RunStory[] = [];
    await runStories(client, {
      rate: 20,
      orders: ROUND,
      seed: 1,
      stretch: 0.03,
      signal,
      report: (line) => lines.push(line),
      onBegun: (story) => begun.push(story),
    });
    await client.close();
    expect(lines.filter((line) => line.includes('did not go as planned'))).toEqual([]);
    expect(begun).toHaveLength(ROUND);
    for (const { path, orderId } of begun) {
      let status = '';
      const planned = ENDS[path] ?? 'COMPLETED';
      await until(`${path}: ${planned}`, async () => (status = (await system.api.order(orderId)).status) === planned, {
        timeoutMs: 20_000,
        describe: () => status,
      });
    }
  });
});
