import { plainId } from '#contracts/ids.ts';
import { parseUnitPrice } from '#contracts/money.ts';
import type { Peers, Product } from '#contracts/peers.ts';
import { type FieldError, Problem } from '#platform/http/problems.ts';
import type { OrderRequest } from '#orders/rules/placement.ts';

/**
 * An order as a customer may place it: for nobody else, at the prices of the catalog, and without what only a shop says
 * of an order, such as discounts.
 */

/** Whatever changes what the order costs beside its items. */
const OF_THE_SHOP = ['discountLines', 'shippingLines', 'taxLines', 'pricesIncludeTax', 'taxRounding'] as const;

/** The request with the customer in it. Throws VALIDATION_FAILED and PRICE_DIFFERS with every field that is not theirs to say. */
export async function placedBy(
  customer: string,
  request: OrderRequest,
  peers: Pick<Peers, 'lookupProducts'>,
): Promise<OrderRequest> {
  const errors: FieldError[] = OF_THE_SHOP.filter((name) => request[name] !== undefined).map((name) => ({
    pointer: `/${name}`,
    detail: 'is for the shop to say',
  }));
  request.items.forEach(({ taxRate, taxExemption }, index) => {
    if (taxRate !== undefined || taxExemption !== undefined)
      errors.push({ pointer: `/items/${index}/taxRate`, detail: 'is for the shop to say' });
  });
  if (request.customerId !== undefined && plainId(request.customerId) !== customer)
    errors.push({ pointer: '/customerId', detail: 'is somebody else: leave it out' });
  if (errors.length > 0)
    throw new Problem('VALIDATION_FAILED', `${errors[0]!.pointer} ${errors[0]!.detail}.`, { errors });
  const skus = request.items.flatMap(({ sku }) => sku ?? []);
  const productIds = request.items.flatMap(({ sku, productId }) =>
    sku === undefined && productId !== undefined ? productId.toLowerCase() : [],
  );
  const products = await peers.lookupProducts({ skus: [...new Set(skus)], productIds: [...new Set(productIds)] });
  const bySku = new Map(products.map((product) => [product.sku, product]));
  const byId = new Map(products.map((product) => [product.id, product]));
  const differing = request.items.flatMap(({ sku, productId = '', unitPrice }, index) => {
    const product = sku === undefined ? byId.get(productId.toLowerCase()) : bySku.get(sku);
    // What is no product is refused as that.
    if (!product || isPrice(unitPrice, product, request.currency)) return [];
    const price = product.price === undefined ? 'has no price' : `costs ${product.price} ${product.currency ?? ''}`;
    return [{ pointer: `/items/${index}/unitPrice`, detail: `is not the price: ${product.sku} ${price.trim()}` }];
  });
  if (differing.length > 0)
    throw new Problem('PRICE_DIFFERS', `${differing[0]!.pointer} ${differing[0]!.detail}.`, { errors: differing });
  return {
    ...request,
    customerId: customer,
    // As the catalog names it.
    items: request.items.map(({ name: _name, ...item }) => item),
  };
}

function isPrice(unitPrice: string, { price, currency }: Product, wanted: string): boolean {
  const given = parseUnitPrice(unitPrice);
  return price !== undefined && currency === wanted && given !== undefined && given === parseUnitPrice(price);
}
