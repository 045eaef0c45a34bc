import {
  another,
  type CommandDefinition,
  JSON_OUTPUT,
  option,
  positiveNumber,
  required,
  signedNumber,
  wholeNumber,
} from './command.ts';

import type { ClaimOptions } from './operate/claims.ts';

/** Commands for who works with orders: each asks the API of a running system. An order is named by its id, its number or its reference. */

export const OPERATOR_GROUPS: Readonly<Record<string, string>> = {
  orders: 'look at orders and act on them',
  reviews: 'orders that wait for a person to look at them',
  shipments: 'parcels of an order',
  claims: 'parcels that did not arrive as they should',
  returns: 'goods that come back',
  stock: 'what is there, set aside and to be had',
  payments: 'money of an order',
  notifications: 'what customers were written',
  keys: 'who may call the API',
  park: 'orders whose event a service could not digest',
};

const orders = () => import('./operate/orders.ts');
const park = () => import('./operate/park.ts');
const claims = () => import('./operate/claims.ts');
const warehouse = () => import('./operate/warehouse.ts');
const keys = () => import('./operate/keys.ts');
const desk = () => import('./operate/desk.ts');

const REASON = option('--reason <text>', 'for colleagues; customers never read it');
const REASON_REQUIRED = required('--reason <text>', 'for colleagues; customers never read it');
const CUSTOMER_MESSAGE = option('--customer-message <text>', 'mailed to the customer, who reads nothing else of why');
const HOLD_TYPE = option('--type <name>', 'name of the hold (default: manual)');
const ORDER_ACTIONS = {
  cancel: {
    description: 'end an order before it ships, or cancel pieces of it',
    options: [
      REASON,
      CUSTOMER_MESSAGE,
      option('--line <line[=quantity]>', 'only these pieces; repeatable (2=1; 2: all of line 2)', another),
      option('--rest', 'everything that can still be stopped'),
      option('--at-most', 'of the pieces as many as can still be stopped, instead of all or none'),
    ],
  },
  hold: { description: 'pause payment and shipment', options: [REASON_REQUIRED, HOLD_TYPE] },
  release: { description: 'end a hold', options: [REASON, HOLD_TYPE] },
  complete: { description: 'declare a shipped order complete', options: [] },
  refund: {
    description: 'give money back',
    options: [
      REASON_REQUIRED,
      CUSTOMER_MESSAGE,
      option('--amount <amount>', 'default: everything that is left'),
      option('--line <line=amount>', 'instead of --amount: what of it is for which line; repeatable (2=4.50)', another),
      option('--kind <kind>', 'owed: what is owed and left to a person; goodwill: more than that'),
      option('--reason-code <code>', 'such as late, damaged, defective, other'),
    ],
  },
} as const;

const SHIPMENT_FAILURES = {
  lost: 'a parcel was lost on its way',
  damaged: 'a parcel was damaged',
  'returned-to-sender': 'a parcel came back undelivered',
} as const;

const PARK_ACTIONS = {
  retry: { description: 'try the parked event again', options: [] },
  skip: {
    description: 'leave the parked event out',
    options: [required('--reason <text>', 'kept with who did it; the audit names what was left out')],
  },
} as const;

export const OPERATOR_COMMANDS: readonly CommandDefinition[] = [
  {
    name: 'find <text...>',
    description:
      'orders by whatever is in hand: a number, reference, e-mail, phone, name, customer, article, or the id of an order, shipment or review',
    remote: true,
    run: async (env, options, ...words) => (await import('./operate/find.ts')).find(words.join(' '), options, env),
  },
  {
    name: 'orders list',
    description: 'orders, newest first',
    remote: true,
    isDefault: true,
    options: [
      option('--status <status>'),
      option('--payment-status <status>'),
      option('--fulfillment-status <status>'),
      option('--customer-id <customer>'),
      option('--channel <name>'),
      option('--sku <sku>'),
      option('--text <words>', 'in reference, e-mail, phone or name; or an order number'),
      option('--created-from <time>'),
      option('--created-to <time>', 'a date includes that day'),
      option('--sort <order>', '-createdAt or createdAt'),
      option('--limit <number>', 'at most this many (default 50)', positiveNumber),
    ],
    run: async (env, options) => (await orders()).listOrders(options, env),
  },
  {
    name: 'orders show <order>',
    description: 'one order, now or as of a version or time',
    remote: true,
    options: [option('--as-of <when>', 'a version number or an RFC 3339 time')],
    run: async (env, options, order) => (await orders()).showOrder(order!, options, env),
  },
  {
    name: 'orders events <order>',
    description: 'the log of an order, oldest first',
    remote: true,
    run: async (env, options, order) => (await orders()).showEvents(order!, options, env),
  },
  ...(Object.keys(ORDER_ACTIONS) as (keyof typeof ORDER_ACTIONS)[]).map((action): CommandDefinition => ({
    name: `orders ${action} <order>`,
    remote: true,
    ...ORDER_ACTIONS[action],
    run: async (env, options, order) => (await orders()).commandOrder(action, order!, options, env),
  })),
  {
    name: 'reviews list',
    description: 'reviews, newest first',
    remote: true,
    isDefault: true,
    options: [option('--status <status>', 'pending, approved, rejected, closed or all', undefined, 'pending')],
    run: async (env, options) => (await desk()).listReviews(options as { status: string }, env),
  },
  ...(['approve', 'reject'] as const).map((decision): CommandDefinition => ({
    name: `reviews ${decision} <review-or-order>`,
    description: decision === 'approve' ? 'let the order go on' : 'end the order',
    remote: true,
    options: [REASON_REQUIRED, ...(decision === 'reject' ? [CUSTOMER_MESSAGE] : [])],
    run: async (env, options, name) => (await desk()).decideReview(decision, name!, options as { reason: string }, env),
  })),
  {
    name: 'shipments list <order>',
    description: 'the parcels of an order',
    remote: true,
    isDefault: true,
    run: async (env, options, order) => (await warehouse()).listShipments(order!, options, env),
  },
  {
    name: 'shipments dispatch <shipment>',
    description: 'a parcel was handed to the carrier',
    remote: true,
    options: [required('--carrier <name>'), required('--tracking <number>')],
    run: async (env, options, id) => (await warehouse()).moveShipment('dispatch', id!, options, env),
  },
  {
    name: 'shipments deliver <shipment>',
    description: 'a parcel reached the customer',
    remote: true,
    run: async (env, options, id) => (await warehouse()).moveShipment('deliver', id!, options, env),
  },
  {
    name: 'shipments correct <shipment>',
    description: 'its tracking number was recorded wrongly, or its carrier',
    remote: true,
    options: [required('--tracking <number>'), option('--carrier <name>', 'another carrier'), REASON_REQUIRED],
    run: async (env, options, id) => (await warehouse()).moveShipment('correct', id!, options, env),
  },
  ...(['lost', 'damaged', 'returned-to-sender'] as const).map((action): CommandDefinition => ({
    name: `shipments ${action} <shipment>`,
    description: SHIPMENT_FAILURES[action],
    remote: true,
    options: [
      REASON,
      ...(action === 'returned-to-sender' ? [option('--no-restock', 'the goods do not go back to their shelf')] : []),
    ],
    run: async (env, options, id) => (await warehouse()).moveShipment(action, id!, options, env),
  })),
  {
    name: 'claims list <order>',
    description: 'what is done about parcels of an order that did not arrive as they should',
    remote: true,
    isDefault: true,
    run: async (env, options, order) => (await claims()).listClaims(order!, options, env),
  },
  {
    name: 'claims open <order> <shipment>',
    description: 'give the money back, or send the goods again',
    remote: true,
    options: [
      required('--kind <kind>', 'lost, damaged or returned_to_sender'),
      required('--resolution <resolution>', 'refund or reship'),
      REASON_REQUIRED,
      option('--item <sku=quantity>', 'repeatable (default: everything in the parcel)', another),
    ],
    run: async (env, options, order, shipment) =>
      (await claims()).openClaim(order!, shipment!, options as ClaimOptions, env),
  },
  {
    name: 'returns list <order>',
    description: 'what comes back of an order',
    remote: true,
    isDefault: true,
    run: async (env, options, order) => (await warehouse()).listReturns(order!, options, env),
  },
  {
    name: 'returns request <order>',
    description: 'goods are to come back',
    remote: true,
    options: [
      REASON_REQUIRED,
      option('--item <sku=quantity>', 'repeatable (default: everything that can come back)', another),
    ],
    run: async (env, options, order) => (await warehouse()).requestReturn(order!, options as { reason: string }, env),
  },
  {
    name: 'returns receive <order> <return>',
    description: 'the goods are here; what they are worth goes back to the customer',
    remote: true,
    options: [option('--location <name>', 'where they are put'), option('--no-refund', 'give no money back')],
    run: async (env, options, order, id) =>
      (await warehouse()).receiveReturn(order!, id!, options as { refund: boolean }, env),
  },
  {
    name: 'returns close <order> <return>',
    description: 'nothing more is expected of it; what never came may be sent back again',
    remote: true,
    options: [REASON],
    run: async (env, options, order, id) => (await warehouse()).closeReturn(order!, id!, options, env),
  },
  {
    name: 'stock list [sku]',
    description: 'stock of every article, or of one at each location',
    remote: true,
    isDefault: true,
    options: [option('--limit <number>', 'at most this many (default 200)', positiveNumber)],
    run: async (env, options, sku) => (await warehouse()).listStock(sku, options, env),
  },
  {
    name: 'stock adjust <sku>',
    description: 'pieces came, went, or were counted',
    remote: true,
    options: [
      REASON_REQUIRED,
      option('--location <name>', 'default: main'),
      option('--delta <pieces>', 'how many came, or went (-2)', signedNumber),
      option('--on-hand <pieces>', 'how many were counted', wholeNumber),
    ],
    run: async (env, options, sku) => (await warehouse()).adjustStock(sku!, options as { reason: string }, env),
  },
  {
    name: 'payments show <order>',
    description: 'what was authorized, captured and refunded, and every operation behind it',
    remote: true,
    isDefault: true,
    run: async (env, options, order) => (await desk()).showPayments(order!, options, env),
  },
  {
    name: 'notifications list <order>',
    description: 'what the customer of an order was written',
    remote: true,
    isDefault: true,
    run: async (env, options, order) => (await desk()).listNotifications(order!, options, env),
  },
  {
    name: 'notifications show <order> <number>',
    description: 'one notification as it was written',
    remote: true,
    run: async (env, options, order, nth) => (await desk()).showNotification(order!, nth!, options, env),
  },
  {
    name: 'notifications preview',
    description: 'every message in every language, of example events, as files to look at',
    options: [option('--out <dir>', 'folder', undefined, 'message-preview'), JSON_OUTPUT],
    run: async (env, options) =>
      (await import('./operate/message-preview.ts')).previewMessages(options as { out: string }, env),
  },
  {
    name: 'keys list',
    description: 'API keys, the revoked ones too',
    remote: true,
    isDefault: true,
    run: async (env, options) => (await keys()).listKeys(options, env),
  },
  {
    name: 'keys create <name>',
    description: 'make a key; it is shown this once',
    remote: true,
    options: [
      option('--role <role>', 'what it may, such as client, support, reader'),
      option('--scope <scope>', 'instead: roles and permissions; repeatable', another),
      option('--customer <customer>', 'whose orders it shows, with --role customer'),
      option('--expires-at <time>', 'when it ends (default: never)'),
    ],
    run: async (env, options, name) => (await keys()).createKey(name!, options, env),
  },
  {
    name: 'keys rotate <name>',
    description: 'give a key another secret; it is shown this once',
    remote: true,
    options: [option('--overlap <seconds>', 'how long the former one is good (default: a day)', wholeNumber)],
    run: async (env, options, name) => (await keys()).rotateKey(name!, options, env),
  },
  {
    name: 'keys revoke <name>',
    description: 'end a key',
    remote: true,
    run: async (env, options, name) => (await keys()).revokeKey(name!, options, env),
  },
  {
    name: 'park list',
    description: 'parked orders with the reason',
    remote: true,
    isDefault: true,
    run: async (env, options) => (await park()).listParked(options, env),
  },
  ...(Object.keys(PARK_ACTIONS) as (keyof typeof PARK_ACTIONS)[]).map((action): CommandDefinition => ({
    name: `park ${action} <service> <order>`,
    remote: true,
    ...PARK_ACTIONS[action],
    run: async (env, options, service, order) => (await park()).unpark(action, service!, order!, options, env),
  })),
  {
    name: 'park edit <service> <order>',
    description: 'try the parked event again with other data',
    remote: true,
    options: [option('--data <json>', 'the data (default: edit it in $EDITOR)'), option('--data-file <file>')],
    run: async (env, options, service, order) => (await park()).editParked(service!, order!, options, env),
  },
];
