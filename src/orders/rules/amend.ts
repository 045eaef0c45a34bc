import type { Address, Contact, EventData } from '#contracts/order-events.ts';
import { type Refusal, refuse } from '#contracts/errors.ts';
import type { Order } from './state.ts';

/** Changes of what an order was placed with, by JSON Merge Patch (RFC 7396): what is given is set, null takes away, the rest stays. */

export type Patch<Value> = { readonly [Name in keyof Value]?: Value[Name] | null };

export interface OrderPatch {
  readonly shippingAddress?: Patch<Address> | null;
  readonly contact?: Patch<Contact> | null;
  readonly reference?: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

const AMENDABLE = ['shippingAddress', 'contact', 'reference', 'metadata'] as const;

/** Entries of an order's metadata. */
export const METADATA_MAX = 50;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `target` after a JSON Merge Patch. Neither is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), change));
  }
  return Object.fromEntries(merged);
}

/** What an amendment makes of the order: each part it touches as it is afterwards, or named as removed. */
export function amended(order: Order, changes: OrderPatch): EventData<'OrderAmended'> {
  const touched = AMENDABLE.filter((name) => changes[name] !== undefined);
  const removed = touched.filter((name) => changes[name] === null);
  const after = touched
    .filter((name) => changes[name] !== null)
    .map((name) => [name, mergePatch(order[name], changes[name])] as const);
  return { ...Object.fromEntries(after), ...(removed.length > 0 && { removed }) };
}

/** Why an amendment cannot be made although its parts are well formed. */
export function amendmentRefused(order: Order, changes: OrderPatch): Refusal | undefined {
  const { metadata } = amended(order, changes);
  return metadata !== undefined && Object.keys(metadata).length > METADATA_MAX
    ? refuse('VALIDATION_FAILED', `An order has at most ${METADATA_MAX} entries of metadata; remove some with null.`)
    : undefined;
}
