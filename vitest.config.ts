import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that kill, pause or load what they start, or change what a process has only once: each in a process of its own. */
const APART = ['tests/{bus,cache,cluster,faults,stream}/**/*.test.ts', 'src/platform/database/embedded/*.test.ts'];

/** The files that take longest, in the order in which they begin: those that wait beside those that keep the cores busy. */
const LONGEST = [
  'tests/faults/chaos',
  'tests/bus/kafka-security',
  'tests/bus/kafka-',
  'tests/cluster/launcher',
  'tests/stream/stream',
  'tests/cluster/scenarios',
  'tests/faults/kill',
  'tests/cluster',
  'src/payments/',
  'src/cli/operate/replay',
  'tests/scenarios/cancel.',
  'tests/scenarios/payment-trouble',
];

/** Longest first, so that no long file is left alone at the end; the others as vitest orders them. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const at = LONGEST.findIndex((part) => moduleId.includes(`/${part}`));
      // Files that share a process follow each other without another in between, which would end it.
      return (project.config.isolate ? 0 : 100) + (at < 0 ? LONGEST.length : at);
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const common = {
  // Real processes and databases are started by tests: forks keep their signals apart.
  pool: 'forks',
  setupFiles: 'tests/support/count-assertions.ts',
  // Vitest gives us another build of graphql than Node gives to what it loads itself, and an error of one is none of the other.
  server: { deps: { inline: ['graphql-http'] as string[] } },
  // Tests that wait for a bound run together where they say so.
  maxConcurrency: 20,
  testTimeout: 60_000,
  hookTimeout: 90_000,
} as const;

export default defineConfig({
  test: {
    globalSetup: ['tests/support/shared-servers.ts'],
    sequence: { sequencer: LongestFirst },
    // Two keep a small machine's cores busy, and the others work while those wait for brokers and clocks.
    maxWorkers: 4,
    projects: [
      // Minutes each, and alone: `npm run test:long`.
      ...(process.env['OLMS_LONG_TESTS']
        ? [{ test: { ...common, name: 'long', include: ['tests/**/*.long.ts'] } }]
        : []),
      { test: { ...common, name: 'apart', include: APART } },
      {
        test: {
          ...common,
          name: 'together',
          include: ['src/**/*.test.ts', 'dev/**/*.test.ts', 'tests/**/*.test.ts', 'tools/**/*.test.ts'],
          exclude: ['node_modules/**', 'tools/fixtures/**', ...APART],
          // Loading the system takes longer than most files do: once per worker instead of once per file.
          isolate: false,
        },
      },
    ],
  },
});
