import type { Order } from '#client';
import { api } from '../api.ts';

/**
 * What may be asked of an order: one row per action of `allowedActions`, with who may, and how what a person gave in its
 * dialog becomes the body of the command. The same body is forecast and then sent.
 */

export interface Given {
  readonly reason: string;
  readonly reasonCode: string;
  readonly message: string;
  /** Of a refund. */
  readonly amount: string;
  readonly by: 'amount' | 'items';
  /** Pieces by line. */
  readonly pieces: Readonly<Record<string, number>>;
  /** Pieces of a return by line and condition, such as `1 damaged`. */
  readonly found: Readonly<Record<string, number>>;
  readonly disposition: string;
  readonly more: boolean;
  readonly refund: boolean;
  readonly hold: string;
  readonly shipmentId: string;
  readonly kind: string;
  readonly resolution: string;
  readonly returnId: string;
  readonly provider: string;
  readonly token: string;
  /** Fields of a merge patch, as they are to be; those of the address as `address.city`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
}

export const NOTHING_GIVEN: Given = {
  reason: '',
  reasonCode: '',
  message: '',
  amount: '',
  by: 'amount',
  pieces: {},
  found: {},
  disposition: 'hold',
  more: true,
  refund: true,
  hold: 'manual',
  shipmentId: '',
  kind: 'lost',
  resolution: 'refund',
  returnId: '',
  provider: '',
  token: '',
  fields: {},
  tags: [],
};

type Options = NonNullable<Parameters<typeof api.cancelOrder>[2]>;
type Body = Record<string, unknown>;

export interface ActRow {
  readonly permission: string;
  /** Beside the menu, where it stands still whatever the order allows. */
  readonly primary?: boolean;
  /** Takes something away. */
  readonly danger?: boolean;
  /** Whether it needs a reason. */
  readonly reason?: 'required' | 'optional';
  /** Whether a message to the customer goes with it. */
  readonly mailed?: boolean;
  readonly body: (given: Given, order: Order) => Body;
  /** What is still missing, by the name of its text. */
  readonly missing?: (given: Given, order: Order) => 'nothingChosen' | 'nothingChanged' | 'needsToken' | undefined;
  readonly send: (order: Order, given: Given, body: never, options: Options) => Promise<Order>;
}

const chosen = ({ pieces }: Given): { line: number; quantity: number }[] =>
  Object.entries(pieces)
    .filter(([, quantity]) => quantity > 0)
    .map(([line, quantity]) => ({ line: Number(line), quantity }));
const needsPieces = (given: Given): 'nothingChosen' | undefined =>
  chosen(given).length === 0 ? 'nothingChosen' : undefined;

export const ACTS = {
  release: {
    permission: 'orders:hold',
    primary: true,
    reason: 'optional',
    body: ({ hold }) => ({ type: hold }),
    send: ({ id }, _, body, options) => api.releaseOrder({ id }, body, options),
  },
  hold: {
    permission: 'orders:hold',
    primary: true,
    reason: 'required',
    body: ({ hold }) => (hold === 'manual' || hold === '' ? {} : { type: hold }),
    send: ({ id }, _, body, options) => api.holdOrder({ id }, body, options),
  },
  requestRefund: {
    permission: 'refunds:request',
    primary: true,
    danger: true,
    reason: 'required',
    mailed: true,
    body: (given) => ({
      ...(given.by === 'amount' ? { amount: given.amount } : { lines: chosen(given) }),
      ...(given.reasonCode !== '' && { reasonCode: given.reasonCode }),
    }),
    missing: (given) => (given.by === 'items' ? needsPieces(given) : undefined),
    send: ({ id }, _, body, options) => api.requestRefund({ id }, body, options),
  },
  cancelItems: {
    permission: 'orders:cancel',
    primary: true,
    danger: true,
    reason: 'required',
    mailed: true,
    body: (given) => ({ items: chosen(given) }),
    missing: needsPieces,
    send: ({ id }, _, body, options) => api.cancelItems({ id }, body, options),
  },
  cancel: {
    permission: 'orders:cancel',
    primary: true,
    danger: true,
    reason: 'required',
    mailed: true,
    body: () => ({}),
    send: ({ id }, _, body, options) => api.cancelOrder({ id }, body, options),
  },
  payAgain: {
    permission: 'orders:place',
    body: ({ provider, token }) => ({ ...(provider !== '' && { provider }), token: token.trim() }),
    missing: ({ token }) => (token.trim() === '' ? 'needsToken' : undefined),
    send: ({ id }, _, body, options) => api.payAgain({ id }, body, options),
  },
  amend: {
    permission: 'orders:amend',
    body: patchOf,
    missing: (given, order) => (Object.keys(patchOf(given, order)).length === 0 ? 'nothingChanged' : undefined),
    send: ({ id }, _, body, options) => api.amendOrder({ id }, body, options),
  },
  openClaim: {
    permission: 'claims:open',
    danger: true,
    reason: 'required',
    mailed: true,
    body: (given, order) => ({
      shipmentId: given.shipmentId,
      kind: given.kind,
      resolution: given.resolution,
      ...claimed(given, order),
    }),
    send: ({ id }, _, body, options) => api.openClaim({ id }, body, options),
  },
  requestReturn: {
    permission: 'returns:request',
    reason: 'required',
    body: (given) => ({
      lines: chosen(given),
      ...(given.reasonCode !== '' && { reasonCode: given.reasonCode }),
    }),
    missing: needsPieces,
    send: ({ id }, _, body, options) => api.requestReturn({ id }, body, options),
  },
  receiveReturn: {
    permission: 'returns:receive',
    body: (given) => ({ lines: arrived(given), more: given.more, refund: given.refund }),
    missing: (given) => (arrived(given).length === 0 ? 'nothingChosen' : undefined),
    send: ({ id }, { returnId }, body, options) => api.receiveReturn({ id, returnId }, body, options),
  },
  closeReturn: {
    permission: 'returns:receive',
    reason: 'optional',
    body: () => ({}),
    send: ({ id }, { returnId }, body, options) => api.closeReturn({ id, returnId }, body, options),
  },
  complete: {
    permission: 'orders:complete',
    body: () => ({}),
    send: ({ id }, _, body, options) => api.completeOrder({ id }, body, options),
  },
} as const satisfies Record<string, ActRow>;

export type ActName = keyof typeof ACTS;
export const ACT_NAMES = Object.keys(ACTS) as ActName[];

export function rowOf(name: ActName): ActRow {
  return ACTS[name];
}

/** The body of a command with why, and what the customer reads of it. */
export function bodyOf(name: ActName, given: Given, order: Order, foreseen = false): Body {
  const { body, reason, mailed } = rowOf(name);
  // What is forecast does not depend on the reason, and is said before there is one.
  const why = given.reason.trim() || (foreseen && reason === 'required' ? '–' : '');
  return {
    ...body(given, order),
    ...(reason !== undefined && why !== '' && { reason: why }),
    ...(mailed && given.message.trim() !== '' && { customerMessage: given.message.trim() }),
  };
}

/** Pieces of a parcel by SKU; none named: everything in it. */
function claimed({ pieces }: Given, { shipments }: Order): Body {
  const skus = new Set(shipments.flatMap(({ items }) => items.map(({ sku }) => sku)));
  const items = Object.entries(pieces)
    .filter(([sku, quantity]) => skus.has(sku) && quantity > 0)
    .map(([sku, quantity]) => ({ sku, quantity }));
  return items.length === 0 ? {} : { items };
}

function arrived({ found, disposition }: Given): Body[] {
  return Object.entries(found)
    .filter(([, quantity]) => quantity > 0)
    .map(([where, quantity]) => {
      const [line, condition] = where.split(' ');
      const kept = condition === 'damaged' || condition === 'unchecked';
      return { line: Number(line), quantity, condition, ...(kept && { disposition }) };
    });
}

export const ADDRESS_FIELDS = ['name', 'company', 'line1', 'line2', 'postalCode', 'city', 'region', 'country'] as const;
export const CONTACT_FIELDS = ['email', 'phone'] as const;
/** Entries of the metadata that the page shows by themselves. */
export const NOTE = 'note';
export const TAGS = 'tags';

/** The order's own fields as they are, by the names that dialogs have for them. */
export function fieldsOf({ shippingAddress, contact, reference, metadata }: Order): Record<string, string> {
  const texts = Object.entries(metadata).filter(([name, value]) => typeof value === 'string' && name !== TAGS);
  return {
    ...Object.fromEntries(ADDRESS_FIELDS.map((name) => [`address.${name}`, shippingAddress?.[name] ?? ''])),
    ...Object.fromEntries(CONTACT_FIELDS.map((name) => [`contact.${name}`, contact?.[name] ?? ''])),
    reference: reference ?? '',
    [`metadata.${NOTE}`]: '',
    ...Object.fromEntries(texts.map(([name, value]) => [`metadata.${name}`, value as string])),
  };
}

export function tagsOf({ metadata }: Order): string[] {
  const tags = metadata[TAGS];
  return Array.isArray(tags) ? tags.map(String) : [];
}

/** The merge patch that makes the order's fields what they are to be: only what differs, null where it goes. */
function patchOf({ fields, tags }: Given, order: Order): Body {
  const before = fieldsOf(order);
  const patch: Record<string, Body> = {};
  const flat: Body = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value.trim() === (before[name] ?? '')) continue;
    const after = value.trim() === '' ? null : value.trim();
    const dot = name.indexOf('.');
    if (dot < 0) flat[name] = after;
    else (patch[PARTS[name.slice(0, dot)]!] ??= {})[name.slice(dot + 1)] = after;
  }
  if (Object.keys(fields).some((name) => name.startsWith('metadata.')) && tags.join('\n') !== tagsOf(order).join('\n'))
    (patch['metadata'] ??= {})[TAGS] = tags.length === 0 ? null : [...tags];
  return { ...flat, ...patch };
}
const PARTS: Readonly<Record<string, string>> = {
  address: 'shippingAddress',
  contact: 'contact',
  metadata: 'metadata',
};

/** The patch that takes another one back. */
export function patchBack(patch: Body, order: Order): Body {
  return back(patch, order as unknown as Body);
}
function back(patch: Body, before: Body): Body {
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => {
      const was = before[name];
      const nested = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [name, nested ? back(value as Body, (was ?? {}) as Body) : (was ?? null)];
    }),
  );
}
