// Runs all tests and ends with one plain line, `N passed, N failed`, whatever the reporters above it look like.
// Arguments go to vitest: `npm test -- src/orders`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';

const folder = mkdtempSync(join(tmpdir(), 'olms-test-'));
const report = join(folder, 'report.json');
const child = spawn(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    `--reporter=${join(root, 'tools/test-reporter.mjs')}`,
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // Compiled once for all processes that tests start.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/olms-compile'), ...process.env },
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));

child.on('exit', (code) => {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  let complete = false;
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    passed = result.numPassedTests;
    // A file that cannot even be loaded holds no failed test, and must not count as nothing.
    const brokenFiles = result.testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    );
    failed = result.numFailedTests + brokenFiles.length;
    skipped = result.numPendingTests + result.numTodoTests;
    complete = true;
  } catch {
    console.error('The test run ended without a report.');
  }
  rmSync(folder, { recursive: true, force: true });
  // An unhandled rejection fails the run without failing a test; so does a run that found nothing to run.
  if (failed === 0 && (code !== 0 || passed === 0 || !complete)) failed = 1;
  if (skipped > 0) console.log(`${skipped} skipped or to do`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
});
