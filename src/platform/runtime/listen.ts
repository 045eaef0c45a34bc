import { createServer } from 'node:net';

/** Addresses that a process listens on. */

/**
 * How many connections may wait to be taken, as far as the system allows. Where a burst fills the line, the callers behind
 * it wait a second or more, because they only try again then.
 */
export const WAITING_CONNECTIONS_MAX = 4_096;

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** The base URL under which this machine reaches what listens on a host and port; IPv6 addresses stand in brackets. */
export function urlOf(host: string, port: number): string {
  const reached = EVERYWHERE.has(host) ? (host === '::' ? '::1' : '127.0.0.1') : host;
  return `http://${reached.includes(':') && !reached.startsWith('[') ? `[${reached}]` : reached}:${port}`;
}

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  /** Variables that the two come from. */
  readonly portSetting: string;
  readonly hostSetting?: string;
}

const REASONS: Readonly<Record<string, (at: ListenSettings) => string>> = {
  EADDRINUSE: ({ port, portSetting }) =>
    `port ${port} is in use (${portSetting}). Set ${portSetting} to a free port, or stop what listens there`,
  EACCES: ({ port, portSetting }) =>
    `port ${port} may not be used by this user (${portSetting}). Set ${portSetting} to a port above 1023`,
  EADDRNOTAVAIL: ({ host, hostSetting }) =>
    `this machine has no address ${host}${hostSetting ? ` (${hostSetting})` : ''}. Set ${hostSetting ?? 'another one'} to one that it has`,
  ENOTFOUND: ({ host, hostSetting }) => `there is no host ${host}${hostSetting ? ` (${hostSetting})` : ''}`,
};

/** A failure to listen as who configured it understands it: with the setting, and what to do. Others are left as they are. */
export function listenError(error: unknown, at: ListenSettings): unknown {
  const { code } = error as { code?: string };
  const reason = REASONS[code ?? ''];
  return reason ? Object.assign(new Error(`Configuration: ${reason(at)}.`, { cause: error }), { code }) : error;
}

/** The preferred port where it is free, else any that is. */
export async function usablePort(preferred: number, host = '127.0.0.1'): Promise<number> {
  return (await tryPort(preferred, host).catch(() => undefined)) ?? tryPort(0, host);
}

/** The port, if it can be listened on; any free one for 0. */
export function tryPort(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
