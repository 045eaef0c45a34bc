// Everything short of the tests that must hold before a change goes in. Add a check by adding a line.
// All run at once, and only one that fails says more than its name. `npm run check -- lint types` runs just those.
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { root } from './setup.mjs';

/** name → command. */
const checks = {
  types: 'tsc --project tsconfig.json',
  lint: 'oxlint --type-aware --deny-warnings',
  format: 'oxfmt --check',
  boundaries: 'node tools/check-boundaries.mjs',
  console:
    'node tools/console.mjs --packages && tsc --project console/tsconfig.json && cd console && oxlint --config oxlint.json --type-aware --deny-warnings',
  unused: 'knip --no-progress --no-config-hints',
  lines: 'node tools/check-text.mjs lines',
  words: 'node tools/check-text.mjs words',
  migrations: 'node tools/check-migrations.ts',
  lockfile: 'node tools/check-lockfile.mjs',
  docs: 'node dev/main.ts docs --check',
};
const timeoutMs = 180_000;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in checks));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. There are: ${Object.keys(checks).join(', ')}`);
  process.exit(2);
}
const names = asked.length > 0 ? asked : Object.keys(checks);
const results = await Promise.all(names.map(run));
const failed = results.filter((result) => !result.ok);
for (const { name, output } of failed) console.error(`\n--- ${name}: ${checks[name]}\n${output.trim()}`);
if (failed.length > 0) {
  console.error(`\n${failed.map(({ name }) => name).join(', ')} failed`);
  process.exitCode = 1;
}

function run(name) {
  const startedAt = Date.now();
  return new Promise((resolve) => {
    const child = spawn(checks[name], {
      cwd: root,
      shell: true,
      timeout: timeoutMs,
      env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('close', (code, signal) => {
      const ok = code === 0;
      console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
      resolve({ name, ok, output: signal ? `${output}\nended by ${signal} (limit ${timeoutMs / 1000} s)` : output });
    });
  });
}
