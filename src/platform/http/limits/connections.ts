import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { httpMetrics } from '../metrics.ts';

/** How many connections a process has open at most, in all and with one address. What is more is closed unanswered. */
export interface ConnectionLimits {
  /** In all; 0: no limit. */
  readonly connectionsMax: number;
  /** With one address; 0: no limit. */
  readonly connectionsPerAddressMax: number;
}

const IPV4_MAPPED = '::ffff:';
const IPV6_NETWORK_GROUPS = 4;

/** Who is behind an address, as far as an address can say: itself, or with IPv6 the network (/64) that one host is given whole. */
export function networkOf(address: string | undefined): string {
  if (address === undefined || !isIPv6(address)) return address ?? 'unknown';
  if (address.startsWith(IPV4_MAPPED)) return address.slice(IPV4_MAPPED.length);
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups.slice(0, IPV6_NETWORK_GROUPS).join(':')}::/64`;
}

/** Holds a server to these limits from now on. */
export function limitConnections(server: Server, limits: ConnectionLimits, metrics: Metrics): void {
  const { connectionsMax, connectionsPerAddressMax } = limits;
  const { dropped } = httpMetrics(metrics);
  if (connectionsMax > 0) server.maxConnections = connectionsMax;
  server.on('drop', () => dropped.labels('process').inc());
  if (connectionsPerAddressMax <= 0) return;
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const network = networkOf(socket.remoteAddress);
    const count = open.get(network) ?? 0;
    if (count >= connectionsPerAddressMax) {
      dropped.labels('address').inc();
      socket.destroy();
      return;
    }
    open.set(network, count + 1);
    socket.once('close', () => {
      const left = open.get(network)! - 1;
      if (left > 0) open.set(network, left);
      else open.delete(network);
    });
  });
}
