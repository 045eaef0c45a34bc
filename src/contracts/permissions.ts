/**
 * Who may what: one table of roles and permissions. Every operation of the API names its permission, and so does every
 * field that not everybody may read who may read the rest. What is not granted here is refused.
 */

export const ROLES = {
  reader: 'Reads everything but API keys and audit entries',
  client: 'A program that places orders and acts on them, such as a shop: what a reader may, and changes',
  operator: 'Runs the system: what a client may, and shipments, reviews, imports, parked orders',
  admin: 'What an operator may, and people and API keys',
  customer: 'A customer of the shop: own orders only, those of others do not exist',
  support:
    'Answers customers: reads orders and all that belongs to them, cancels, amends, holds, takes returns, refunds',
  warehouse: 'Moves goods: shipments, stock, what comes back',
  finance: 'Moves money: payments, refunds, invoices; sees no contact and no address outside of invoices',
  reviewer: 'Decides on orders that are under review',
  service: 'One of the processes of this system; no key and no person has it',
} as const;

export type Role = keyof typeof ROLES;

/** Roles of which each may what those before it may. */
const RANKED = ['reader', 'client', 'operator', 'admin'] as const satisfies readonly Role[];

/** A permission of the ranked roles from `least` on, and of these others; of services always. */
interface Row {
  readonly meaning: string;
  readonly roles: ReadonlySet<Role>;
}

function row(meaning: string, least: (typeof RANKED)[number] | 'service', others: readonly Role[] = []): Row {
  const ranked = least === 'service' ? [] : RANKED.slice(RANKED.indexOf(least));
  return { meaning, roles: new Set<Role>([...ranked, ...others, 'service']) };
}

const EVERY_ROLE = Object.keys(ROLES) as Role[];

/** Every permission: what it allows, and which roles have it. */
export const PERMISSIONS = {
  'me:read': row('See who one is and what one may', 'reader', EVERY_ROLE),
  'orders:read': row('Read and find orders', 'reader', ['customer', 'support', 'warehouse', 'finance', 'reviewer']),
  'orders:place': row('Place orders', 'client', ['customer', 'support']),
  'orders:cancel': row('Cancel orders and pieces of them', 'client', ['customer', 'support']),
  'orders:amend': row('Change address, contact, reference and metadata', 'client', ['support']),
  'tracking:link': row('Make links by which customers see and change an order', 'client', ['support']),
  'orders:hold': row('Hold and release orders', 'client', ['support', 'reviewer']),
  'orders:complete': row('Declare shipped orders complete', 'client', ['support']),
  'bulk:read': row('See what became of commands to many orders', 'reader', ['support']),
  'bulk:run': row('Give a command that one has to many orders at once', 'client', ['support']),
  'exports:read': row('Take out lists as files, of what one may read', 'reader', ['support', 'finance']),
  'orders:import': row('Take orders of another system', 'operator'),
  'events:read': row('Read and follow the events of orders', 'reader', [
    'customer',
    'support',
    'warehouse',
    'finance',
    'reviewer',
  ]),
  'returns:request': row('Ask for returns', 'client', ['customer', 'support']),
  'returns:receive': row('Record what came back', 'client', ['warehouse']),
  'claims:open': row('Refund or send again what did not arrive as it should', 'client', ['support']),
  'refunds:request': row('Give money back', 'client', ['support', 'finance']),
  'products:read': row('Read products', 'reader', ['customer', 'support', 'warehouse', 'finance', 'reviewer']),
  'products:write': row('Make and change products', 'client'),
  'stock:read': row('Read stock and locations', 'reader', ['support', 'warehouse']),
  'stock:adjust': row('Count stock and adjust it', 'client', ['warehouse']),
  'locations:write': row('Make and change locations', 'client'),
  'payments:read': row('Read payments', 'reader', ['support', 'finance', 'reviewer']),
  'payments:refresh': row('Have the provider asked what became of a payment', 'client', [
    'customer',
    'support',
    'finance',
  ]),
  'payments:record': row('Record what a provider without an API was seen to do', 'operator', ['finance']),
  'shipments:read': row('Read shipments', 'reader', ['customer', 'support', 'warehouse', 'finance', 'reviewer']),
  'shipments:move': row('Dispatch and deliver shipments, and record what went wrong', 'operator', ['warehouse']),
  'slips:read': row('Print the slips of parcels and returns, with their addresses', 'reader', [
    'customer',
    'support',
    'warehouse',
  ]),
  'reviews:read': row('Read reviews', 'reader', ['support', 'reviewer']),
  'reviews:decide': row('Approve and reject', 'operator', ['reviewer']),
  'notifications:read': row('Read what customers were sent', 'reader', ['support']),
  'notifications:send': row('Send customers once more what they were sent', 'client', ['support']),
  'push:subscribe': row('Notify customers in their browsers', 'client', ['customer']),
  'invoices:read': row('Read invoices and credit notes, as they were issued', 'reader', [
    'customer',
    'support',
    'finance',
  ]),
  'dashboard:read': row('See how many orders are where', 'reader', ['support', 'warehouse', 'finance', 'reviewer']),
  'parked:read': row('See parked orders', 'reader'),
  'parked:decide': row('Retry parked orders, or leave their events out', 'operator'),
  'metrics:read': row('Read metrics', 'reader'),
  'audit:read': row('Read who changed what', 'operator'),
  'keys:manage': row('Manage the people of the console; make, rotate and revoke API keys', 'admin'),
  'services:call': row('Ask a service what only services are answered', 'service'),
  'personal-data:read': row('Fields: contact, addresses and metadata of an order', 'reader', [
    'customer',
    'support',
    'warehouse',
    'reviewer',
  ]),
  'notes:read': row('Fields: reasons that people and services wrote for each other, and who', 'reader', [
    'support',
    'warehouse',
    'finance',
    'reviewer',
  ]),
  'payment-tokens:read': row('Fields: what a payment is made with', 'service'),
} as const satisfies Record<string, Row>;

export type Permission = keyof typeof PERMISSIONS;
/**
 * What several of together make up what a key or a person may: what a role may, or a single permission. A customer's
 * orders are not all orders, so that role stands alone.
 */
export type Scope = Exclude<Role, 'customer' | 'service'> | Permission;

const PERMISSION_NAMES = Object.keys(PERMISSIONS) as Permission[];

/** What each role may. */
export const RIGHTS = Object.fromEntries(
  EVERY_ROLE.map((role) => [role, new Set(PERMISSION_NAMES.filter((name) => PERMISSIONS[name].roles.has(role)))]),
) as unknown as Readonly<Record<Role, ReadonlySet<Permission>>>;

/** Whoever may something: all that one role may, or that the scopes say. */
export interface Entitled {
  /** `scoped`: the scopes say. `anonymous`: nobody has been asked who calls. */
  readonly role: Role | 'scoped' | 'anonymous';
  /** Everything that a `scoped` one may. */
  readonly scopes?: readonly Scope[];
}

export function isRole(name: string): name is Role {
  return Object.hasOwn(ROLES, name);
}

export function isPermission(name: string): name is Permission {
  return Object.hasOwn(PERMISSIONS, name);
}

export function isScope(name: string): name is Scope {
  if (isRole(name)) return name !== 'customer' && name !== 'service';
  return isPermission(name) && rolesWith(name).length > 0;
}

/** Whether somebody has a permission; nobody has one that is not granted. */
export function can({ role, scopes = [] }: Entitled, permission: Permission): boolean {
  if (role !== 'scoped') return isRole(role) && RIGHTS[role].has(permission);
  return (
    permission === 'me:read' ||
    scopes.some((scope) => scope === permission || (isRole(scope) && RIGHTS[scope].has(permission)))
  );
}

/** Everything somebody may, in the order of the table. */
export function permissionsOf(entitled: Entitled): Permission[] {
  return PERMISSION_NAMES.filter((permission) => can(entitled, permission));
}

/** The roles that have a permission and that a key or a person can have. */
export function rolesWith(permission: Permission): Role[] {
  return EVERY_ROLE.filter((role) => role !== 'service' && PERMISSIONS[permission].roles.has(role));
}

export type FieldPermission = 'personal-data:read' | 'notes:read';

/**
 * Fields of answers and events, by their names wherever they stand, that need a permission of their own. Who lacks it
 * gets the rest: without the field, or where it has to be there, with the text `withheld` or nothing in it. Payment
 * tokens are withheld from everybody, by whoever makes an answer.
 */
export const FIELDS: Readonly<
  Record<string, { readonly permission: FieldPermission; readonly instead: 'nothing' | 'text' | 'empty' }>
> = {
  contact: { permission: 'personal-data:read', instead: 'nothing' },
  shippingAddress: { permission: 'personal-data:read', instead: 'nothing' },
  billingAddress: { permission: 'personal-data:read', instead: 'nothing' },
  metadata: { permission: 'personal-data:read', instead: 'empty' },
  recipient: { permission: 'personal-data:read', instead: 'text' },
  reason: { permission: 'notes:read', instead: 'text' },
  by: { permission: 'notes:read', instead: 'text' },
  decidedBy: { permission: 'notes:read', instead: 'nothing' },
  endReason: { permission: 'notes:read', instead: 'nothing' },
  reviewReasons: { permission: 'notes:read', instead: 'empty' },
  authid: { permission: 'notes:read', instead: 'nothing' },
};
