import type { Peers } from '#contracts/peers.ts';

/** The calls between services, for tests of a service that is to make none of them: there is nothing, and nothing is refused. */
export const NO_PEERS: Peers = {
  lookupProducts: async () => [],
  renamedProducts: async () => ({ products: [], since: '0', more: false }),
  checkArrival: async () => ({}),
  decideReviews: async () => ({ outcomes: [] }),
  dispatchOrders: async () => ({ outcomes: [] }),
  addressOfLocation: async () => ({}),
  orderOnPaper: async () => ({}),
  documentsToMail: async () => ({ documents: [], awaited: false }),
  ordersOfDocument: async () => [],
  customersOfOrders: async () => ({ customers: {} }),
  paymentProviders: async () => ['sandbox'],
  nextActions: async () => ({ actions: {} }),
};
