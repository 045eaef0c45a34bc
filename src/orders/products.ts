import { type Peers, type Product, PRODUCTS_FRESH_MS } from '#contracts/peers.ts';
import { Lru } from '#platform/runtime/lru.ts';
import type { Catalog, OrderRequest } from './rules/placement.ts';

const KNOWN_MAX = 100_000;
/** After a failure to ask, orders go on with the names that are known for this long. */
const RETRY_MS = 5_000;
/** So often a lookup that a refresh overtook is checked by another one. */
const ATTEMPTS_MAX = 5;

/**
 * The products that this process has heard of. Products are never deleted, so one that was found once stays known; only
 * new ones are asked for. What was renamed is asked for a few times a second, by the first order that comes then, and not
 * for each order.
 */
export class KnownProducts implements Catalog {
  readonly #peers: Pick<Peers, 'lookupProducts' | 'renamedProducts'>;
  readonly #bySku = new Lru<Product>(KNOWN_MAX);
  readonly #byId = new Lru<Product>(KNOWN_MAX);
  /** Everything renamed before this is known. */
  #since: string | undefined;
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(peers: Pick<Peers, 'lookupProducts' | 'renamedProducts'>) {
    this.#peers = peers;
  }

  bySku(sku: string): Product | undefined {
    return this.#bySku.get(sku);
  }

  byId(id: string): Product | undefined {
    return this.#byId.get(id);
  }

  /** Learns the products of these items that are not known, and what was renamed until {@link PRODUCTS_FRESH_MS} ago. */
  async learn(items: OrderRequest['items']): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (performance.now() >= this.#freshUntilMs) await (this.#refreshing ??= this.#refresh());
      const skus: string[] = [];
      const productIds: string[] = [];
      for (const item of items) {
        if (item.sku !== undefined) {
          if (!this.#bySku.get(item.sku)) skus.push(item.sku);
        } else if (!this.#byId.get(item.productId!)) productIds.push(item.productId!);
      }
      if (skus.length === 0 && productIds.length === 0) return;
      const since = this.#since;
      this.#remember(await this.#peers.lookupProducts({ skus, productIds }));
      if (since === this.#since || attempt === ATTEMPTS_MAX) return;
      // What was renamed meanwhile may be known by its old name once more.
      this.#since = since;
      this.#freshUntilMs = Number.NEGATIVE_INFINITY;
    }
  }

  async #refresh(): Promise<void> {
    const startedMs = performance.now();
    try {
      const { products, since, more } = await this.#peers.renamedProducts({ since: this.#since });
      if (more) {
        this.#bySku.clear();
        this.#byId.clear();
      } else this.#remember(products);
      this.#since = since;
      this.#freshUntilMs = startedMs + PRODUCTS_FRESH_MS;
    } catch {
      // Inventory is away: what is known may be sold, and what is not known is refused by the lookup.
      this.#freshUntilMs = performance.now() + RETRY_MS;
    } finally {
      this.#refreshing = undefined;
    }
  }

  #remember(products: readonly Product[]): void {
    for (const product of products) {
      this.#bySku.set(product.sku, product);
      this.#byId.set(product.id, product);
    }
  }
}
