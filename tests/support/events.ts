import { expect } from 'vitest';
import { logFaults } from './log.ts';
import type { CloudEvent } from './views.ts';

/** Nothing is wrong with the log of an order, whatever happened to it. */
export function expectSoundLog(orderId: string, events: readonly CloudEvent[]): void {
  expect(logFaults(orderId, events)).toEqual([]);
}

export function typesOf(events: readonly CloudEvent[], source?: string): string[] {
  return events
    .filter((event) => source === undefined || event.source === `/olms/${source}`)
    .map((event) => event.type);
}
