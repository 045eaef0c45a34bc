import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections, which may take a free one before it is listened on. */
const LOWEST = 15_000;
const BEYOND = 32_000;
const TRIES_MAX = 50;

/** A port nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(LOWEST, BEYOND);
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (attempt === TRIES_MAX) throw error;
    }
  }
}
