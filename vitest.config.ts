import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, in the order in which they begin: those that wait beside those that keep the cores busy. */
const LONGEST = [
  'tests/faults/chaos',
  'tests/bus/kafka-bus',
  'tests/bus/kafka-security',
  'tests/cluster/launcher',
  'tests/stream/stream',
  'tests/cluster/scenarios',
  'src/payments/payments.db',
  'src/cli/operate/replay',
  'tests/faults/kill',
  'tests/scenarios/cancel.',
  'tests/scenarios/payment-trouble',
  'src/platform/database/embedded',
  'tests/cluster',
  'tests/bus',
  'tests/cache',
];

/** Longest first, so that no long file is left alone at the end; the others as vitest orders them. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((part) => moduleId.includes(`/${part}`));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'clients/**/*.test.ts',
      'dev/**/*.test.ts',
      'tests/**/*.test.ts',
      'tools/**/*.test.ts',
    ],
    exclude: ['node_modules/**', 'tools/fixtures/**'],
    sequence: { sequencer: LongestFirst },
    setupFiles: ['tests/support/count-assertions.ts'],
    globalSetup: ['tests/support/shared-servers.ts'],
    // Real processes and databases are started by tests: forks keep their signals apart, two keep a small machine responsive.
    pool: 'forks',
    maxWorkers: 2,
    // Tests that wait for each other's sake run together where they say so.
    maxConcurrency: 20,
    testTimeout: 30_000,
    // On a shared machine with two cores a broker can be late. One repetition, and only where nobody is looking; the report names it.
    retry: process.env['CI'] ? 1 : 0,
    hookTimeout: 90_000,
  },
});
