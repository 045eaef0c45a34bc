import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianProgram } from '#dev/brokers/programs.ts';

/** A page in a real browser, Debian's Chromium, by its own protocol. It reaches this machine and nothing else. */

const START_TIMEOUT_MS = 30_000;
const CALL_TIMEOUT_MS = 20_000;
const ADVICE = 'Install it, or name it with CHROMIUM_PATH.';

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

export class ChromiumPage {
  /** Addresses that the page asked for. */
  readonly requested: string[] = [];
  /** What the browser complains about: errors of scripts, and what a policy or the network forbids. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #socket: WebSocket | undefined;
  #calls = 0;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  static async open(): Promise<ChromiumPage> {
    const { CHROMIUM_PATH: given } = process.env;
    const { command, env } = given
      ? { command: given, env: {} }
      : await debianProgram('chromium', 'chromium', ADVICE, (line) => console.log(line));
    const folder = mkdtempSync(join(tmpdir(), 'olms-chromium-'));
    const child = spawn(
      command,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--remote-debugging-port=0',
        `--user-data-dir=${folder}`,
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
        'about:blank',
      ],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    const page = new ChromiumPage(child, folder);
    try {
      await page.#connect();
    } catch (error) {
      page.close();
      throw error;
    }
    return page;
  }

  async #connect(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(() => reject(new Error('Chromium says nothing')), START_TIMEOUT_MS);
    let said = '';
    this.#child.stderr!.on('data', (chunk) => {
      said += String(chunk);
      const [, port] = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(said) ?? [];
      if (port !== undefined) resolve(port);
    });
    this.#child.once('exit', () => reject(new Error(`Chromium ended: ${said.slice(0, 1_000)}`)));
    const port = await promise.finally(() => clearTimeout(timer));
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      readonly type: string;
      readonly webSocketDebuggerUrl: string;
    }[];
    const socket = new WebSocket(targets.find(({ type }) => type === 'page')!.webSocketDebuggerUrl);
    this.#socket = socket;
    await new Promise((opened, failed) => {
      socket.addEventListener('open', opened, { once: true });
      socket.addEventListener('error', failed, { once: true });
    });
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(data as string) as Reply));
    for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await this.#call(`${domain}.enable`);
  }

  #take({ id, method, params = {}, ...reply }: Reply): void {
    if (id !== undefined) this.#waiting.get(id)?.(reply);
    else if (method === 'Network.requestWillBeSent')
      this.requested.push((params['request'] as { readonly url: string }).url);
    else if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
    else if (method === 'Log.entryAdded') {
      const { level, text } = params['entry'] as { readonly level: string; readonly text: string };
      // Recommendations are no complaints.
      if (level !== 'verbose') this.complaints.push(`${level}: ${text}`);
    }
  }

  async #call(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#calls;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => reject(new Error(`Chromium does not answer ${method}`)), CALL_TIMEOUT_MS);
    this.#waiting.set(id, resolve);
    this.#socket!.send(JSON.stringify({ id, method, params }));
    const { result = {}, error } = await promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Goes to an address; resolves once the page and all that it loads is there. */
  async go(url: string): Promise<void> {
    await this.#call('Page.navigate', { url });
    await this.run(
      `location.href === 'about:blank' || new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done, { once: true }))`,
    );
  }

  /** What an expression gives in the page; a promise is waited for. Throws what it throws. */
  async run<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { readonly value: Value }).value;
  }

  close(): void {
    this.#socket?.close();
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // It is gone.
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
