import { billing } from '#billing/service.ts';
import { gateway } from '#gateway/service.ts';
import { inventory } from '#inventory/service.ts';
import { notifications } from '#notifications/service.ts';
import { orders } from '#orders/service.ts';
import { payments } from '#payments/service.ts';
import type { Replayable } from '#platform/processor/preview.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import type { Environment, Settings } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { reviews } from '#reviews/service.ts';
import { sandbox } from '#sandbox/service.ts';
import { shipping } from '#shipping/service.ts';
import { clientSettings, deploymentSettings, processSettings } from './settings.ts';
import { tracingSettings } from './tracing.ts';

/**
 * The map of the system, in the order of starting: who is asked before who asks. What each is for, it says itself
 * (`summary`), and all else that others know of it too: a new service is a folder and a line here.
 */
export const SERVICES: readonly ServiceDefinition[] = [
  sandbox,
  inventory,
  orders,
  reviews,
  payments,
  shipping,
  notifications,
  billing,
  gateway,
];

/** The services of these names, in the order of starting; all where none is named. Throws for a name that is none. */
export function chooseServices(
  definitions: readonly ServiceDefinition[],
  names: readonly string[] = [],
): readonly ServiceDefinition[] {
  if (names.length === 0) return definitions;
  const known = definitions.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`Unknown service ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  return definitions.filter(({ name }) => names.includes(name));
}

/** Every consumer of the log, with the service that it belongs to. */
export function consumersOf(
  definitions: readonly ServiceDefinition[],
  env: Environment,
): { readonly service: string; readonly replayable: Replayable }[] {
  return definitions.flatMap(({ name: service, replays }) =>
    (replays?.(env) ?? []).map((replayable) => ({ service, replayable })),
  );
}

/** Whether a service reads the log or writes to it. */
export function usesLog({ emits, replays }: ServiceDefinition): boolean {
  return emits !== undefined || replays !== undefined;
}

/** Every setting there is, by who reads it. */
export function settingsByOwner(definitions: readonly ServiceDefinition[]): Readonly<Record<string, Settings>> {
  return {
    process: processSettings,
    kafka: kafkaSettings,
    traces: tracingSettings,
    'a process per service': deploymentSettings(definitions),
    ...Object.fromEntries(definitions.map(({ name, settings }) => [name, settings])),
    'programs that call the API': clientSettings,
  };
}
