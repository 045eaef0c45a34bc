import { type TSchema, Type } from 'typebox';

/**
 * The few calls one service makes to another and waits for. Everything else goes through the log. In one
 * process they are function calls; with a process per service they travel over HTTP.
 */
export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly price?: string | undefined;
  readonly currency?: string | undefined;
}

export interface Peers {
  /** Products by SKU or product id, in one call; unknown ones are missing from the answer. */
  lookupProducts(keys: {
    readonly skus: readonly string[];
    readonly productIds: readonly string[];
  }): Promise<Product[]>;
}

const KEYS_MAX = 4_000;
const Keys = Type.Array(Type.String({ maxLength: 100 }), { maxItems: KEYS_MAX });

/** How each call travels between processes: the path it is posted to, and the schema of its argument. */
export const PEER_CALLS: Readonly<Record<keyof Peers, { readonly path: string; readonly argument: TSchema }>> = {
  lookupProducts: {
    path: '/internal/products/lookup',
    argument: Type.Object({ skus: Keys, productIds: Keys }, { additionalProperties: false }),
  },
};
