import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A stand-in for a service behind the gateway: an HTTP server that does what a test asks of it. */
export class StandIn {
  readonly #server: Server;
  /** Requests that reached it, oldest first. */
  readonly seen: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: Buffer;
  }[] = [];
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void = (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: randomUUID() }));
  };
  port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        this.seen.push({ method: request.method!, url: request.url!, headers: request.headers, body });
        this.answer(request, response, body);
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens, on the port it had before. */
  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Gone, connections and all, as after a crash. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}
