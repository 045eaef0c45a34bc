import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { keepShared, stopShared } from '#tests/support/cluster.ts';

/**
 * The scenarios of the embedded system, unchanged, against the cluster: Kafka between services that have processes
 * and databases of their own. `npm run test:cluster` runs all of them; `npm test` those that touch every service. Then,
 * on the same cluster, what happens to several processes of one service, and whether all that was left agrees.
 */

/** In this order the fewest services change their settings, and are started again, from one to the next. */
const SUBSET = ['cancel', 'every-operation', 'plain-life', 'returns-and-refunds', 'access', 'review'];
const SETUP_TIMEOUT_MS = 60_000;

process.env['OLMS_TEST_SHAPE'] = 'cluster';
keepShared();

const all = readdirSync(join(import.meta.dirname, '..', 'scenarios'))
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -'.test.ts'.length));
const asked = process.env['OLMS_CLUSTER_SCENARIOS'];
const chosen = asked === 'all' ? all : (asked?.split(',') ?? SUBSET);

afterAll(stopShared, SETUP_TIMEOUT_MS);

for (const scenario of chosen) {
  describe(scenario, async () => {
    await import(`../scenarios/${scenario}.test.ts`);
  });
}

describe('replicas', async () => {
  await import('./replicas.ts');
});

describe('audit', async () => {
  await import('./audit.ts');
});
