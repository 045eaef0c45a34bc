import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '#tests/support/ports.ts';
import { until } from '#tests/support/until.ts';

/** What the README says to a newcomer, word by word, on two systems beside each other on ports that are not the usual. */

const ROOT = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

/** The commands of a chapter, as they would be pasted. */
function commandsOf(chapter: string): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const text = readme.split(`\n## ${chapter}\n`)[1]!.split('\n## ')[0]!;
  return [...text.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1]!);
}

class Newcomer {
  readonly folder = mkdtempSync(join(tmpdir(), 'olms-readme-'));
  #system: ChildProcess | undefined;
  output = '';

  get env(): NodeJS.ProcessEnv {
    const { PATH, HOME } = process.env;
    return { PATH, HOME, OLMS_DATA: this.folder };
  }

  /** `PORT=… npm start`, without the installation before it. */
  async start(): Promise<void> {
    const env = { ...this.env, PORT: String(await freePort()) };
    this.#system = spawn(join(ROOT, 'bin', 'olms'), ['dev'], { cwd: ROOT, env });
    for (const stream of [this.#system.stdout!, this.#system.stderr!])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    await until('the system to start', () => this.output.includes('API key'), {
      timeoutMs: 60_000,
      describe: () => this.output,
    });
  }

  /** Pastes commands into a shell that stops at the first that fails. */
  async pastes(commands: string): Promise<string> {
    const { stdout } = await run('sh', ['-ec', commands], { cwd: ROOT, env: this.env, timeout: 60_000 });
    return stdout;
  }

  async stop(): Promise<void> {
    const system = this.#system;
    if (system && system.exitCode === null) {
      const ended = new Promise((resolve) => system.once('exit', resolve));
      system.kill('SIGINT');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const [first, second] = [new Newcomer(), new Newcomer()];
beforeAll(async () => {
  await first.start();
  await second.start();
}, 120_000);
afterAll(() => Promise.all([first.stop(), second.stop()]));

describe.each([
  ['the first system', first],
  ['a second one beside it', second],
])('a newcomer at %s', (_, newcomer) => {
  test('starts it, places an order and sees it delivered, by the commands of the README alone', async () => {
    const [product, order, look] = commandsOf('Place an order');
    const placed = await newcomer.pastes(`${product}\n${order!.replace('curl', 'curl --fail-with-body --silent')}`);
    expect(placed).toContain('"reference":"WEB-1"');
    const shown = await until('the order to be delivered', async () => {
      const text = await newcomer.pastes(look!);
      return text.includes('COMPLETED') && text;
    });
    expect(shown).toContain('We have received your order WEB-1');
    expect((await newcomer.pastes('bin/olms find ada@example.com --json')).match(/"foundBy"/g)).toHaveLength(1);
  });
});

test('a port that is in use is named, and what to do', async () => {
  const port = new URL(/API +(\S+)/.exec(first.output)![1]!).port;
  const folder = mkdtempSync(join(tmpdir(), 'olms-readme-'));
  const failed = await run(join(ROOT, 'bin', 'olms'), ['dev'], {
    cwd: ROOT,
    env: { ...first.env, PORT: port, OLMS_DATA: folder },
    timeout: 60_000,
  }).catch((error: unknown) => error as { code: number; stderr: string });
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining(`port ${port} is in use (PORT)`) });
  rmSync(folder, { recursive: true, force: true });
});
