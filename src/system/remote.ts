import type { FastifyInstance } from 'fastify';
import { PEER_CALLS, type Peers } from '#contracts/peers.ts';
import { RemoteService, unavailable } from '#platform/http/remote/client.ts';
import { Identities } from '#platform/http/remote/identity.ts';
import type { Principal } from '#platform/http/server.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { type ProcessConfig, serviceUrls } from './settings.ts';

/** What this process knows of the others: where services are, and the calls one service makes to another. */
export interface Remote {
  /** Services that run in other processes and have an address. */
  readonly services: ReadonlyMap<string, RemoteService>;
  /** Undefined where this process neither trusts nor is trusted by another. */
  readonly identities: Identities | undefined;
  /** Peers that are called over HTTP. */
  readonly peers: Partial<Peers>;
  close(): Promise<void>;
}

export interface RemoteOptions {
  readonly env: Environment;
  readonly config: ProcessConfig;
  /** Every service there is, and those of this process. */
  readonly definitions: readonly ServiceDefinition[];
  readonly chosen: readonly ServiceDefinition[];
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const PEER_TIMEOUT_MS = 2_000;
const CALLS = Object.keys(PEER_CALLS) as (keyof Peers)[];

export function createRemote({ env, config, definitions, chosen, logger, metrics }: RemoteOptions): Remote {
  const local = new Set(chosen.map(({ name }) => name));
  const hasFrontDoor = chosen.some(({ frontDoor }) => frontDoor);
  const needed = new Set(chosen.flatMap(({ needs = [] }) => needs));
  const wanted = definitions.filter(({ paths, offers = [] }) =>
    hasFrontDoor ? paths !== undefined : offers.some((call) => needed.has(call)),
  );
  const addresses = wanted
    .filter(({ name }) => !local.has(name))
    .map(({ name }) => ({ name, urls: serviceUrls(name, env) }));
  const known = addresses.filter(({ urls }) => urls.length > 0);
  // What is not called by way of the gateway, such as the sandbox, trusts nobody and is asked by nobody.
  const apart = !hasFrontDoor && chosen.some(({ paths }) => paths);
  if (config.internalSecret === '' && (apart || known.length > 0)) {
    throw new Error(
      apart
        ? `Configuration: set OLMS_INTERNAL_SECRET, the same for all processes: ${[...local].join(', ')} runs without the gateway and must know its callers`
        : `Configuration: set OLMS_INTERNAL_SECRET, the same for all processes: ${known.map(({ name }) => name).join(', ')} runs elsewhere and must know who calls`,
    );
  }
  const identities = config.internalSecret === '' ? undefined : new Identities(config.internalSecret, [...local]);
  const services = new Map(
    known.map(({ name, urls }) => [name, new RemoteService({ name, urls, logger, metrics, identities: identities! })]),
  );
  const caller: Principal = { name: `service:${[...local].join('+')}`, role: 'service' };
  const peers: Record<string, unknown> = {};
  for (const call of CALLS) {
    const owner = definitions.find(({ offers = [] }) => offers.includes(call))?.name;
    if (owner !== undefined && !local.has(owner)) peers[call] = remoteCall(call, owner, services.get(owner), caller);
  }
  return {
    services,
    identities,
    peers: peers as Partial<Peers>,
    close: async () => void (await Promise.all([...services.values()].map((service) => service.close()))),
  };
}

/** A call to a service in other processes, under the identity of this process. */
function remoteCall(
  call: keyof Peers,
  owner: string,
  service: RemoteService | undefined,
  caller: Principal,
): (argument: unknown) => Promise<unknown> {
  const { path } = PEER_CALLS[call];
  return async (argument) => {
    if (!service) throw unavailable(owner, `it is not in this process, and ${owner.toUpperCase()}_URL is not set`);
    const { statusCode, body } = await service.send(
      {
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(argument),
        timeoutMs: PEER_TIMEOUT_MS,
        repeatable: true,
      },
      caller,
    );
    const text = Buffer.isBuffer(body) ? body.toString() : await body.text();
    if (statusCode !== 200) throw unavailable(owner, `it answers ${statusCode}`);
    return JSON.parse(text) as unknown;
  };
}

/** What other processes may ask of the services here, under a signed identity of a service. */
export function peerRoutes(app: FastifyInstance, chosen: readonly ServiceDefinition[], peers: Peers): void {
  for (const call of chosen.flatMap(({ offers = [] }) => offers)) {
    const { path, argument } = PEER_CALLS[call];
    app.post(
      path,
      { config: { permission: 'services:call' }, schema: { hide: true, body: argument } },
      async (request) => (peers[call] as (argument: unknown) => Promise<unknown>)(request.body),
    );
  }
}
