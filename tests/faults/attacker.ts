import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/**
 * Sends what an attacker sends, in a process of its own, so that whoever measures is not kept busy by it. It prints
 * `sent`, stays until its input ends, then prints what it was answered: a count by status.
 *
 *   node tests/faults/attacker.ts '{"name":"bodies","url":"http://127.0.0.1:8080","count":3000}'
 */

export interface AttackPlan {
  readonly name: 'bodies' | 'signed' | 'reads' | 'streams' | 'bombs' | 'deep';
  readonly url: string;
  readonly count: number;
  /** API key of the attacker, where it has one. */
  readonly key?: string;
  /** What it reads. */
  readonly path?: string;
}

const BODY_BYTES = 1_000_000;
const SIGNED_BYTES = 60_000;
const BOMB_BYTES = 200_000_000;
const LEVELS = 10_000;
const PIPELINES = 8;
const BURST = 50;
const BURST_PAUSE_MS = 10;

const counts: Record<string, number> = {};
const sockets: Socket[] = [];

function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (text: string) => {
    rest += text;
    for (const [, status] of rest.matchAll(/HTTP\/1\.1 (\d{3}) /g)) counts[status!] = (counts[status!] ?? 0) + 1;
    // A status line may be cut in two.
    rest = rest.slice(Math.max(rest.lastIndexOf('HTTP/1.1') + 9, rest.length - 12));
  });
  return socket;
}

async function bursts(count: number, send: (n: number) => void): Promise<void> {
  for (let n = 0; n < count; n++) {
    send(n);
    if (n % BURST === BURST - 1) await sleep(BURST_PAUSE_MS);
  }
}

const head = (...lines: string[]): string => [...lines, '', ''].join('\r\n');

const ATTACKS: Readonly<Record<AttackPlan['name'], (plan: AttackPlan) => Promise<void>>> = {
  /** Bodies to the one route that needs no key, of which the last byte never comes. */
  async bodies({ url, count }) {
    const filling = Buffer.alloc(BODY_BYTES, 'x');
    await bursts(count, () => {
      const socket = open(url);
      socket.write(head('POST /payments/webhooks/sandbox HTTP/1.1', 'host: x', `content-length: ${BODY_BYTES + 1}`));
      socket.write(filling);
    });
  },
  /** The same as if a provider had signed them, as large as they may be then. */
  async signed({ url, count }) {
    const timestamp = Math.floor(Date.now() / 1000);
    const filling = Buffer.alloc(SIGNED_BYTES, 'x');
    await bursts(count, (n) => {
      const socket = open(url);
      socket.write(
        head(
          'POST /payments/webhooks/sandbox HTTP/1.1',
          'host: x',
          `content-length: ${SIGNED_BYTES + 1}`,
          `webhook-id: m${n}`,
          `webhook-timestamp: ${timestamp}`,
          'webhook-signature: v1,AAAA',
        ),
      );
      socket.write(filling);
    });
  },
  /** Reads, all sent at once over a few connections. */
  async reads({ url, count, key, path }) {
    const request = head(`GET ${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${key}`);
    for (let n = 0; n < PIPELINES; n++) open(url).write(request.repeat(count / PIPELINES));
  },
  async streams({ url, count, key }) {
    await bursts(count, () => {
      open(url).write(head('GET /stream HTTP/1.1', 'host: x', `authorization: Bearer ${key}`));
    });
  },
  /** Small bodies that would be large once they are unpacked. */
  async bombs({ url, count, key }) {
    const bomb = gzipSync(Buffer.alloc(BOMB_BYTES));
    await bursts(count, () => {
      const socket = open(url);
      socket.write(
        head(
          'POST /graphql HTTP/1.1',
          'host: x',
          `authorization: Bearer ${key}`,
          'content-type: application/json',
          'content-encoding: gzip',
          `content-length: ${bomb.length}`,
        ),
      );
      socket.write(bomb);
    });
  },
  /** JSON in which each value is inside of another. */
  async deep({ url, count, key }) {
    const body = `{"query":"{ __typename }","variables":${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}}`;
    const request = `${head(
      'POST /graphql HTTP/1.1',
      'host: x',
      `authorization: Bearer ${key}`,
      'accept: application/graphql-response+json',
      'content-type: application/json',
      `content-length: ${body.length}`,
    )}${body}`;
    await bursts(count, () => void open(url).write(request));
  },
};

const plan = JSON.parse(process.argv[2]!) as AttackPlan;
process.stdin.resume();
process.stdin.once('end', () => {
  for (const socket of sockets) socket.destroy();
  process.stdout.write(JSON.stringify(counts), () => process.exit(0));
});
await ATTACKS[plan.name](plan);
process.stdout.write('sent\n');
