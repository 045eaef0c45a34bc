import type { CloudEvent } from '#client';
import { LEADS_TO } from './tables.ts';

/** The statuses that an order went through, by the events of its log. */

export interface Visit {
  readonly status: string;
  readonly at: string;
  /** The version of the order from then on. */
  readonly version: number;
}

export const isOwn = ({ source }: CloudEvent): boolean => source.endsWith('/orders');

/** In the order in which they were reached; a status once more where the order came back to it. */
export function visitsOf(events: readonly CloudEvent[], until = Infinity): Visit[] {
  const visits: Visit[] = [];
  for (const event of events) {
    if (!isOwn(event) || Number(event.sequence) > until) continue;
    const imported = event.type === 'OrderImported' ? (event.data as { status?: string }).status : undefined;
    const status = imported ?? LEADS_TO[event.type];
    if (status === undefined || visits.at(-1)?.status === status) continue;
    visits.push({ status, at: event.time, version: Number(event.sequence) });
  }
  return visits;
}
