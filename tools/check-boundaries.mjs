// Runs the dependency rules, and refuses to believe in a success that looked at nothing: without the TypeScript it knows,
// dependency-cruiser skips every file and reports no violation.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const folders = ['src', 'dev', 'tests', 'tools', 'bin'].filter((folder) => existsSync(join(root, folder)));
const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...folders];
const cruise = spawnSync(
  process.execPath,
  [join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'), ...args],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  },
);
if (!cruise.stdout.startsWith('{')) {
  console.error(cruise.stderr || cruise.stdout);
  process.exit(1);
}
const { modules, summary } = JSON.parse(cruise.stdout);
for (const { rule, from, to, cycle } of summary.violations) {
  const comment = summary.ruleSetUsed.forbidden.find(({ name }) => name === rule.name)?.comment ?? '';
  console.error(`${rule.name}: ${from} → ${cycle ? cycle.map(({ name }) => name).join(' → ') : to}\n    ${comment}`);
}

const cruised = new Set(modules.map(({ source }) => source));
const missed = readdirSync(join(root, 'src'), { recursive: true })
  .map((file) => `src/${file.replaceAll('\\', '/')}`)
  .filter((file) => file.endsWith('.ts') && !cruised.has(file));
if (missed.length > 0) console.error(`Not looked at: ${missed.join(', ')}`);
const followed = modules.some(({ source, dependencies }) => source.startsWith('src/') && dependencies.length > 0);
if (!followed) console.error('No import in src/ was followed.');

if (summary.violations.length > 0 || missed.length > 0 || !followed) process.exit(1);
console.log(`boundaries: ${cruised.size} modules, no violation`);
