import { ofOrders } from '../list/rows.ts';
/** What can be asked of the lists of the warehouse. */
const PARCELS = { several: ['status', 'location'], single: ['scheduledFrom', 'scheduledTo', 'sort'] };
/** Without a status: what may leave now. */
export const WORK = {
  list: 'shipments',
  path: '/shipments',
  parameters: PARCELS,
  ask: ofOrders(PARCELS, ({ status }): Record<string, string> => (status ? {} : { ready: 'true' })),
} as const;

const ARRIVALS = { several: ['status'], single: ['requestedFrom', 'requestedTo', 'sort'] };
/** Without a status: what is awaited. */
export const RETURNED = {
  list: 'returns',
  path: '/returns',
  parameters: ARRIVALS,
  ask: ofOrders(ARRIVALS, ({ status }): Record<string, string> => (status ? {} : { status: 'REQUESTED' })),
} as const;

/** Parcels of one pick list: as many orders as can be asked for at once. */
export const PICK_MAX = 100;
