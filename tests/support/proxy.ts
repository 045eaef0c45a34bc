import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** Where the proxy leads: a port, of this machine where no host is named, or the socket of a server on this machine. */
export type Target = { readonly port: number; readonly host?: string } | { readonly path: string };

/** A network between a client and a server that does what networks do. */
export class Proxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  #target: Target;
  #lost: string | undefined;
  #frozen = false;
  /** How many connections there have been. */
  connections = 0;

  private constructor(target: Target) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  static async listen(target: Target, port = 0): Promise<Proxy> {
    const proxy = new Proxy(target);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on connections lead there; those that are open end. */
  leadTo(target: Target): void {
    this.#target = target;
    this.cut();
  }

  /** The connection over which a request with this text comes is cut when the server answers: it has done it, and nobody hears. */
  loseReplyTo(text: string): void {
    this.#lost = text;
  }

  /** Nothing gets through any more, and nobody notices: connections are taken and held. */
  freeze(): void {
    this.#frozen = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** Everything gets through again, over the connections that were held and over others. */
  thaw(): void {
    this.#frozen = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  #join(client: Socket): void {
    this.connections++;
    const server = connect(this.#target);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    let losing = false;
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      if (this.#lost !== undefined && chunk.includes(this.#lost)) {
        this.#lost = undefined;
        losing = true;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (losing) end();
      else client.write(chunk);
    });
    if (this.#frozen) for (const socket of pair) socket.pause();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
