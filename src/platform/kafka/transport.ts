import { ClientAppender } from './client/produce.ts';
import { ClientFetcher } from './client/fetch.ts';
import { type KafkaMetrics, metered } from './metrics.ts';
import type { AppendPort, ReadPort } from './ports.ts';
import type { KafkaConfig } from './settings.ts';
import { WireFetcher } from './wire/fetch.ts';
import { WireAppender } from './wire/produce.ts';

/**
 * The adapter that carries records to the brokers and back (KAFKA_TRANSPORT). `wire` is kept beside the client's own
 * code for two reasons. It is cheaper: the client makes 60 buffers of each record it writes and 30 objects of each it
 * reads, and its writer takes six times the processor time. And it checks what it reads, which the client does not.
 * `client` stays for the day on which brokers change the protocol.
 */

/** `types`: those whose records are wanted; undefined: every type. `counted`: under which group what is fetched is counted. */
export function openReadPort(
  config: KafkaConfig,
  types: ReadonlySet<string> | undefined,
  counted: { readonly name?: string; readonly metrics?: KafkaMetrics | undefined } = {},
): ReadPort {
  const port = config.transport === 'client' ? new ClientFetcher(config, types) : new WireFetcher(config, types);
  return counted.metrics ? metered(port, counted.name ?? '', counted.metrics) : port;
}

export function openAppendPort(config: KafkaConfig): AppendPort {
  return config.transport === 'client' ? new ClientAppender(config) : new WireAppender(config);
}
