import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { CloudEvent } from './views.ts';
import { until } from './until.ts';

export interface SseEvent {
  readonly event: string;
  readonly data: string;
  /** The last id that was said by then. */
  readonly id: string;
}

/** A client of server-sent events that shows everything a browser would hide. */
export class SseClient {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly events: SseEvent[] = [];
  /** As a browser keeps it, also where an id comes without an event. */
  lastId = '';
  comments = 0;
  ended = false;
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  #text = '';

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.#response = response;
    this.status = response.statusCode!;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#read(chunk));
    for (const name of ['end', 'close', 'error']) response.on(name, () => (this.ended = true));
  }

  static async open(url: string, key: string | undefined, lastId?: string): Promise<SseClient> {
    const headers = { ...(key && { authorization: `Bearer ${key}` }), ...(lastId && { 'last-event-id': lastId }) };
    return new Promise((resolve, reject) => {
      const sent = request(url, { headers, agent: false });
      sent.once('error', reject);
      sent.once('response', (response) => {
        sent.on('error', () => {});
        resolve(new SseClient(sent, response));
      });
      sent.end();
    });
  }

  #read(chunk: string): void {
    this.#text += chunk;
    for (let end = this.#text.indexOf('\n\n'); end >= 0; end = this.#text.indexOf('\n\n')) {
      this.#block(this.#text.slice(0, end));
      this.#text = this.#text.slice(end + 2);
    }
  }

  #block(block: string): void {
    let event = 'message';
    let data: string | undefined;
    for (const line of block.split('\n')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === '') this.comments++;
      if (field === 'id') this.lastId = value;
      if (field === 'event') event = value;
      if (field === 'data') data = data === undefined ? value : `${data}\n${value}`;
    }
    if (data !== undefined) this.events.push({ event, data, id: this.lastId });
  }

  /** Events other than resets. */
  get cloudEvents(): CloudEvent[] {
    return this.events.filter(({ event }) => event !== 'reset').map(({ data }) => JSON.parse(data) as CloudEvent);
  }

  get resets(): number {
    return this.events.filter(({ event }) => event === 'reset').length;
  }

  get body(): string {
    return this.#text;
  }

  /** Waits until so many events came. */
  async received(count: number, timeoutMs = 15_000): Promise<CloudEvent[]> {
    const describe = (): string => `${this.cloudEvents.length} events, ended ${this.ended}`;
    await until(`${count} events`, () => this.cloudEvents.length >= count, { timeoutMs, describe });
    return this.cloudEvents;
  }

  /** Waits until the first words of the server came: from then on nothing is missed. */
  async ready(): Promise<this> {
    await until('the stream to begin', () => this.lastId !== '' || this.events.length > 0);
    return this;
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#response.pause();
  }

  close(): void {
    this.#request.destroy();
  }
}
