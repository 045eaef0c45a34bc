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
