import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Answered {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An HTTP server that plays somebody else's: it can be taken down, brought back on its port, and lose an answer. */
export class HttpStandIn {
  readonly #answer: (asked: Asked) => Answered;
  #server: Server | undefined;
  #port = 0;
  #losesNext = false;

  constructor(answer: (asked: Asked) => Answered) {
    this.#answer = answer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The next request is taken, and its connection closed without an answer. */
  loseAnswer(): void {
    this.#losesNext = true;
  }

  async open(): Promise<void> {
    const server = createServer((request, response) => void this.#take(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const {
      status,
      headers: answered = {},
      body = '',
    } = this.#answer({
      method,
      path,
      headers,
      body: Buffer.concat(chunks),
    });
    if (this.#losesNext && method === 'POST') {
      this.#losesNext = false;
      return void request.socket.destroy();
    }
    response.writeHead(status, answered).end(body);
  }
}
