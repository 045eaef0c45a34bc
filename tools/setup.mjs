// Makes a fresh clone runnable: installs what package-lock.json asks for, unless that is already there, and finds the pinned Node.
// Runs on whatever Node (18 or newer) the machine has, before anything is installed: old syntax, no dependencies.
//   node tools/setup.mjs [--dev] [--run FILE ARGS…]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeFlags } from './node-flags.mjs';

export const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))));
const nodeMajorMin = 26;
const nodeModules = join(root, 'node_modules');
const stampFile = join(nodeModules, '.olms-setup');
const lockFile = join(root, 'package-lock.json');
const guardFile = join(root, '.cache', 'setup.pid');

/** @param {{ dev: boolean }} options */
export async function ensureInstalled({ dev }) {
  if (isCurrent(dev)) return;
  await onlyOne(async () => {
    if (isCurrent(dev)) return; // another process has just done it
    const what = dev ? 'all packages, those for development included' : 'the packages it needs';
    const startedAt = Date.now();
    process.stderr.write(`Setting up OLMS: installing ${what} (npm ci; about half a minute) …\n`);
    const args = ['ci', dev ? '--include=dev' : '--omit=dev', '--include=optional', '--no-progress'];
    const result = await runNpm(args);
    if (result.code !== 0) {
      process.stderr.write(
        `${result.output.trim()}\n\nOLMS could not be set up: "npm ${args.join(' ')}" failed in ${root} (see above).\n`,
      );
      process.exit(1);
    }
    writeStamp(dev ? 'dev' : 'prod');
    process.stderr.write(`Set up in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`);
  });
}

/** Replaces this process by the pinned Node where it can, else runs it as a child and mirrors how that ends. */
export function runPinned(script, args) {
  if (!existsSync(script)) {
    process.stderr.write(`olms: ${script} is missing: this checkout is not complete.\n`);
    process.exit(1);
  }
  const node = pinnedNode();
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || join(nodeModules, '.cache', 'olms-compile'),
  };
  // Whatever is started from there, and looks for "node" on the PATH, gets the pinned one as well.
  const bin = join(nodeModules, '.bin');
  if (existsSync(bin) && !(env.PATH || '').split(delimiter).includes(bin))
    env.PATH = `${bin}${delimiter}${env.PATH || ''}`;

  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.removeAllListeners('warning'); // execve is still experimental; it is used for nothing but this
    process.execve(node, [node, ...nodeFlags(args), script, ...args], env);
  }
  runAsChild(node, script, args, env);
}

function runAsChild(node, script, args, env) {
  // A pipe nobody writes to: when this process is killed without warning, the child sees it close and stops by itself.
  // The child has a process group of its own, so that Ctrl-C reaches it once, through us, and not a second time from the terminal.
  const child = spawn(
    node,
    [...nodeFlags(args), '--import', pathToFileURL(join(root, 'tools', 'follow-launcher.mjs')).href, script, ...args],
    {
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: { ...env, OLMS_LAUNCHER_FD: '3' },
      detached: process.platform !== 'win32',
    },
  );
  const lastSent = {};
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // npm forwards a signal that the terminal has already sent to the whole group: two within a second count as one.
      if (Date.now() - (lastSent[signal] || 0) < 1000) return;
      lastSent[signal] = Date.now();
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`olms: ${node} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code === null ? 1 : code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(1), 1000);
  });
}

/** The Node to run things with: the one that comes with the packages, where it runs here. */
export function pinnedNode() {
  const pinned = join(nodeModules, '.bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(pinned)) {
    // Seen on Alpine: the package installs and its binary, made for glibc, does not run.
    const works =
      realpathSync(pinned) === realpathSync(process.execPath) || spawnSync(pinned, ['--version']).status === 0;
    if (works) return realpathSync(pinned);
  }
  for (const candidate of [process.execPath, 'node']) {
    const answer = spawnSync(candidate, ['--version'], { encoding: 'utf8' });
    const major = Number(/^v(\d+)\./.exec(answer.stdout || '')?.[1]);
    if (major >= nodeMajorMin) return candidate === 'node' ? fromPath('node') : candidate;
  }
  process.stderr.write(
    `olms needs Node ${nodeMajorMin} or newer. This is ${process.version}, and the Node that comes with the packages is not installed ` +
      `for ${process.platform}-${process.arch}.\nInstall Node ${nodeMajorMin} from https://nodejs.org and try again.\n`,
  );
  process.exit(1);
}

function fromPath(name) {
  for (const folder of (process.env.PATH || '').split(delimiter)) {
    if (folder && existsSync(join(folder, name))) return join(folder, name);
  }
  return name;
}

/** Current by our stamp, or, after an `npm ci` or `npm install` by hand, by npm's own record of what it installed. */
function isCurrent(dev) {
  const stamp = readJson(stampFile);
  const record = join(nodeModules, '.package-lock.json');
  const untouchedSince = stamp && existsSync(record) && statSync(record).mtimeMs <= statSync(stampFile).mtimeMs;
  if (untouchedSince && stamp.lock === lockHash() && stamp.platform === platform() && (stamp.kind === 'dev' || !dev))
    return true;
  const installed = readJson(record);
  if (!installed) return false;
  const wanted = Object.entries(readJson(lockFile).packages).filter(
    ([path, entry]) => path !== '' && !entry.optional && !entry.devOptional,
  );
  const isThere = ([path, entry]) => {
    const found = installed.packages[path];
    return found !== undefined && found.version === entry.version && found.integrity === entry.integrity;
  };
  if (!wanted.filter(([, entry]) => !entry.dev).every(isThere)) return false;
  const withDev = wanted.filter(([, entry]) => entry.dev).every(isThere);
  if (dev && !withDev) return false;
  writeStamp(withDev ? 'dev' : 'prod');
  return true;
}

function writeStamp(kind) {
  try {
    writeFileSync(stampFile, `${JSON.stringify({ kind, lock: lockHash(), platform: platform() })}\n`);
  } catch {
    // A read-only image: the longer comparison runs each time instead.
  }
}

function lockHash() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

function platform() {
  return `${process.platform}-${process.arch}`;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Runs npm in a folder; resolves with its exit code and the end of what it printed. */
export function runNpm(args, cwd = root) {
  const byNode =
    process.env.npm_execpath && /\.c?js$/.test(process.env.npm_execpath) && existsSync(process.env.npm_execpath);
  const [command, commandArgs] = byNode ? [process.execPath, [process.env.npm_execpath, ...args]] : ['npm', args];
  const env = { ...process.env };
  delete env.npm_config_omit; // `NODE_ENV=production` or a user's setting must not leave out what was asked for
  return new Promise((resolve) => {
    const child = spawn(command, commandArgs, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: !byNode && process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (output = (output + chunk).slice(-20_000)));
    child.on('error', (error) => resolve({ code: 1, output: `npm could not be started: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code === null ? 1 : code, output }));
  });
}

/** Two installs in one folder destroy each other; the second waits. The guard of a process that died is taken over. */
export async function onlyOne(work) {
  mkdirSync(dirname(guardFile), { recursive: true });
  for (let reported = false; ;) {
    try {
      writeFileSync(guardFile, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!guardHolderLives()) {
        rmSync(guardFile, { force: true });
        continue;
      }
      if (!reported) process.stderr.write('Another process is setting OLMS up; waiting for it …\n');
      reported = true;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  const release = () => rmSync(guardFile, { force: true });
  process.on('exit', release);
  try {
    await work();
  } finally {
    release();
    process.removeListener('exit', release);
  }
}

function guardHolderLives() {
  try {
    const pid = Number(readFileSync(guardFile, 'utf8'));
    // Empty for the instant between its creation and its writing.
    if (!pid) return Date.now() - statSync(guardFile).mtimeMs < 2000;
    // The number may have gone to another process since: no install takes ten minutes.
    if (Date.now() - statSync(guardFile).mtimeMs > 600_000) return false;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  const [...args] = process.argv.slice(2);
  const dev = args[0] === '--dev';
  if (dev) args.shift();
  await ensureInstalled({ dev });
  if (args[0] === '--run') runPinned(join(root, args[1]), args.slice(2));
}
