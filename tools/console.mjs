// Builds the console into console/dist, unless it is there already as its sources are: `npm run console`, and before `npm start`.
// Runs on whatever Node (18 or newer) the machine has; the build itself runs on the pinned one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { onlyOne, pinnedNode, root, runNpm } from './setup.mjs';

const folder = join(root, 'console');
const dist = join(folder, 'dist');
const stamp = join(dist, '.sources');
const packagesStamp = join(folder, 'node_modules', '.olms-lock');
/** What the browser runs is made of these. */
const SOURCES = [
  'console/index.html',
  'console/package-lock.json',
  'console/vite.config.ts',
  'console/src',
  'console/public',
  'clients/typescript/src',
];
const COMPRESSED = /\.(js|css|svg|json|webmanifest)$/;

/**
 * Makes sure that the console is built. Returns why it is not, in words, or undefined; never throws: the system runs without.
 *
 * @returns {Promise<string | undefined>}
 */
export async function ensureConsole() {
  // An image has the built console, and none of its sources.
  if (!existsSync(join(folder, 'package.json'))) return undefined;
  if (isBuilt()) return undefined;
  let problem;
  await onlyOne(async () => {
    if (!isBuilt()) problem = await build();
  });
  return problem;
}

/** Installs the packages of the console, which its type check needs as well. Returns why that failed, or undefined. */
export async function ensureConsolePackages() {
  const lock = hashOf(['console/package-lock.json']);
  if (existsSync(packagesStamp) && readFileSync(packagesStamp, 'utf8') === lock) return undefined;
  const { code, output } = await runNpm(['ci', '--include=dev', '--no-progress'], folder);
  if (code !== 0) return `npm ci failed in console: ${output.trim().split('\n').slice(-5).join('\n')}`;
  writeFileSync(packagesStamp, lock);
  return undefined;
}

function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hashOf(SOURCES);
}

async function build() {
  const startedAt = Date.now();
  process.stderr.write('Building the console: its packages (about 20 s, once) …\n');
  const problem = await ensureConsolePackages();
  if (problem !== undefined) return problem;
  process.stderr.write('Building the console: its pages …\n');
  const sources = hashOf(SOURCES);
  const fresh = join(folder, `dist.${process.pid}`);
  const result = spawnSync(
    pinnedNode(),
    [join(folder, 'node_modules/vite/bin/vite.js'), 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'],
    { cwd: folder, encoding: 'utf8', timeout: 180_000, env: { ...process.env, NODE_ENV: 'production' } },
  );
  try {
    if (result.status !== 0)
      return `vite build failed: ${(result.stderr || result.stdout || String(result.error)).trim()}`;
    for (const file of filesIn(fresh)) if (COMPRESSED.test(file)) compress(file);
    writeFileSync(join(fresh, '.sources'), sources);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  process.stderr.write(`Built the console in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`);
  return undefined;
}

function compress(file) {
  const bytes = readFileSync(file);
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}

function filesIn(at) {
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(at, entry.name)) : [join(at, entry.name)],
  );
}

/** Of names and contents, so that a file that is gone counts. */
function hashOf(sources) {
  const hash = createHash('sha256');
  for (const source of sources) {
    const path = join(root, source);
    const files = /\.\w+$/.test(source) ? [path] : filesIn(path).sort();
    for (const file of files)
      hash
        .update(`${relative(root, file)}\0`)
        .update(readFileSync(file))
        .update('\0');
  }
  return hash.digest('hex');
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  const onlyPackages = process.argv.includes('--packages');
  const problem = onlyPackages ? await ensureConsolePackages() : await ensureConsole();
  if (problem !== undefined) {
    process.stderr.write(`The console is not built. ${problem}\n`);
    process.exitCode = 1;
  }
}
