import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'dev/**/*.test.ts', 'tests/**/*.test.ts', 'tools/**/*.test.ts'],
    exclude: ['node_modules/**', 'tools/fixtures/**'],
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
