import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Peers, Product } from '#contracts/peers.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { ROUTED_SERVICES } from '#gateway/routing.ts';
import { Identities } from '#platform/http/remote/identity.ts';
import { RemoteService, unavailable } from '#platform/http/remote/proxy.ts';
import type { Principal } from '#platform/http/server.ts';
import type { Service } from '#platform/service.ts';
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
  readonly local: ReadonlySet<string>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const PEER_TIMEOUT_MS = 2_000;
const KEYS_MAX = 4_000;
const LOOKUP_PATH = '/internal/products/lookup';

export function createRemote({ env, config, local, logger, metrics }: RemoteOptions): Remote {
  const wanted = local.has('gateway') ? ROUTED_SERVICES : local.has('orders') ? ['inventory'] : [];
  const addresses = wanted.filter((name) => !local.has(name)).map((name) => ({ name, urls: serviceUrls(name, env) }));
  const known = addresses.filter(({ urls }) => urls.length > 0);
  // The sandbox stands for the outside world: it neither trusts nor is asked by the gateway.
  const apart = !local.has('gateway') && [...local].some((name) => name !== 'sandbox');
  if (config.internalSecret === '' && (apart || known.length > 0)) {
    throw new Error(
      apart
        ? `Configuration: set OLMS_INTERNAL_SECRET, the same for all processes: ${[...local].join(', ')} runs without the gateway and must know its callers`
        : `Configuration: set OLMS_INTERNAL_SECRET, the same for all processes: ${known.map(({ name }) => name).join(', ')} runs elsewhere and must know who calls`,
    );
  }
  const identities = config.internalSecret === '' ? undefined : new Identities(config.internalSecret);
  const services = new Map(
    known.map(({ name, urls }) => [name, new RemoteService({ name, urls, logger, metrics, identities: identities! })]),
  );
  const caller: Principal = { name: `service:${[...local].join('+')}`, role: 'service' };
  const peers: Partial<Peers> = local.has('inventory')
    ? {}
    : { lookupProducts: lookupAt(services.get('inventory'), caller) };
  return {
    services,
    identities,
    peers,
    close: async () => void (await Promise.all([...services.values()].map((service) => service.close()))),
  };
}

function lookupAt(inventory: RemoteService | undefined, caller: Principal): Peers['lookupProducts'] {
  return async (keys) => {
    if (!inventory) throw unavailable('inventory', 'it is not in this process, and INVENTORY_URL is not set');
    const headers = { 'content-type': 'application/json' };
    const call = {
      method: 'POST',
      path: LOOKUP_PATH,
      headers,
      body: JSON.stringify(keys),
      timeoutMs: PEER_TIMEOUT_MS,
      repeatable: true,
    };
    const { statusCode, body } = await inventory.send(call, caller);
    const text = Buffer.isBuffer(body) ? body.toString() : await body.text();
    if (statusCode !== 200) throw unavailable('inventory', `it answers ${statusCode}`);
    return JSON.parse(text) as Product[];
  };
}

const Keys = Type.Array(Type.String({ maxLength: 100 }), { maxItems: KEYS_MAX });
const Lookup = Type.Object({ skus: Keys, productIds: Keys }, { additionalProperties: false });

/** What other processes may ask of the services here, under a signed identity of a service. */
export function peerRoutes(app: FastifyInstance, services: ReadonlyMap<string, Service>, peers: Peers): void {
  if (!services.has('inventory')) return;
  app.post<{ Body: Parameters<Peers['lookupProducts']>[0] }>(
    LOOKUP_PATH,
    { config: { role: 'service' }, schema: { hide: true, body: Lookup } },
    async (request) => peers.lookupProducts(request.body),
  );
}
