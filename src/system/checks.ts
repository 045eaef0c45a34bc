import type { Cache } from '#platform/cache/cache.ts';
import { type Check, databaseCheck } from '#platform/http/operations.ts';
import type { RemoteService } from '#platform/http/remote/client.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Service } from '#platform/service.ts';
import type { Databases } from './databases.ts';
import type { Messaging } from './messaging.ts';
import type { Remote } from './remote.ts';

/**
 * A gateway is ready for the first time when every service behind it has been: until then requests would be refused.
 * Afterwards a service that is away takes only its own calls with it, unless without it no order is taken.
 */
async function behindGateway(service: RemoteService, isVital: boolean): Promise<Check> {
  const { ok, detail, ready, wasReady } = await service.readiness();
  return { ok, detail, ...(wasReady && (ready || !isVital) && { optional: true as const }) };
}

/** What else a process depends on. What other processes do is shown, but makes nobody unready for the rest; see {@link behindGateway}. */
export async function readinessChecks(
  databases: Databases,
  { bus, apart }: Messaging,
  relay: Consumer | undefined,
  remote: Remote,
  cache: Cache,
  services: Iterable<Service>,
  {
    frontDoor,
    vital,
    stopping,
  }: { readonly frontDoor: boolean; readonly vital: ReadonlySet<string>; readonly stopping: boolean },
): Promise<Record<string, Check>> {
  const checks: Record<string, Check> = {};
  if (stopping) checks['process'] = { ok: false, detail: 'it was asked to stop, and serves what still comes' };
  // Without Kafka requests are taken as ever: what they cause waits in the outbox.
  if (apart) checks['log'] = { ...bus.healthy(), optional: true };
  if (relay) checks['relay'] = { ...relay.healthy(), optional: true };
  const ofDatabases = databases.distinct.slice(1).map(async ({ database, services }) => {
    checks[`database ${services.map(({ name }) => name).join(' ')}`] = await databaseCheck(database);
  });
  const ofRemotes = [...remote.services.values()].map(async (service) => {
    checks[`service ${service.name}`] = frontDoor
      ? await behindGateway(service, vital.has(service.name))
      : { ...(await service.reachable()), optional: true };
  });
  // Without it the system is slower, and says so.
  if (cache.shared) checks['cache'] = { ...cache.healthy(), optional: true };
  const ofServices = [...services].map(async (service) => void Object.assign(checks, await service.checks?.()));
  await Promise.all([...ofDatabases, ...ofRemotes, ...ofServices]);
  return checks;
}
