import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { currencyExponent, parseUnitPrice } from '#contracts/money.ts';
import { ConflictError, type Database, isUniqueViolation } from '#platform/database/database.ts';
import { keepReply, requestKey, storedAnswer } from '#platform/http/idempotency.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import {
  Amount,
  Currency,
  Id,
  limitOf,
  Location,
  PageOf,
  pageParameters,
  Reason,
  Sku,
  strict,
  Text,
  Time,
} from '#platform/http/schemas.ts';
import {
  type Adjustment,
  adjustStock,
  findProducts,
  listProducts,
  listStock,
  productPutBefore,
  putProduct,
  type PutProduct as PutProductResult,
  stockOf,
} from './store.ts';

const PutProduct = Type.Object(
  {
    name: Text(300, { minLength: 1 }),
    price: Type.Optional(Type.String({ pattern: '^\\d{1,16}(\\.\\d{1,18})?$' })),
    currency: Type.Optional(Currency),
  },
  { ...strict, title: 'PutProduct', examples: [{ name: 'Mug', price: '9.95', currency: 'EUR' }] },
);
const QUANTITY_MAX = 1_000_000_000;
const Adjust = Type.Object(
  {
    sku: Sku,
    location: Type.Optional(Location),
    delta: Type.Optional(Type.Integer({ minimum: -QUANTITY_MAX, maximum: QUANTITY_MAX })),
    onHand: Type.Optional(Type.Integer({ minimum: 0, maximum: QUANTITY_MAX })),
    reason: Reason,
  },
  {
    ...strict,
    title: 'AdjustStock',
    oneOf: [{ required: ['delta'] }, { required: ['onHand'] }],
    examples: [{ sku: 'MUG-1', delta: 100, reason: 'delivery' }],
  },
);
const PageQuery = Type.Object(pageParameters, strict);
type PageQuery = { limit?: string; cursor?: string };
const ProductView = Type.Object(
  {
    id: Id,
    sku: Type.String(),
    name: Type.String(),
    price: Type.Optional(Amount),
    currency: Type.Optional(Currency),
  },
  { title: 'Product' },
);
const level = {
  onHand: Type.Integer({ description: 'On the shelf' }),
  reserved: Type.Integer({ description: 'Set aside for orders' }),
  available: Type.Integer({ description: 'On hand and not reserved' }),
};
const StockView = Type.Object(
  {
    sku: Type.String(),
    ...level,
    locations: Type.Array(Type.Object({ location: Type.String(), ...level })),
  },
  { title: 'Stock' },
);
const AdjustmentView = Type.Object(
  {
    sku: Type.String(),
    location: Type.String(),
    delta: Type.Optional(Type.Integer()),
    onHand: Type.Optional(Type.Integer()),
    reason: Type.String(),
    at: Time,
  },
  { title: 'StockAdjustment' },
);
const DEFAULT_LOCATION = 'main';
const OF_SKU = { sku: '$response.body#/sku' };
const OF_PRODUCT = { readProduct: OF_SKU, readStock: OF_SKU };

export interface InventoryRoutesOptions {
  readonly database: Database;
  /** Stock of a SKU changed; positive where more became available. */
  readonly onAdjusted: (sku: string, delta: number | undefined) => void;
}

async function page<Item extends { readonly sku: string }>(
  query: PageQuery,
  read: (after: string, limit: number) => Promise<Item[]>,
): Promise<{ items: Item[]; nextCursor: string | null }> {
  const limit = limitOf(query.limit);
  const items = await read(
    query.cursor === undefined ? '' : Buffer.from(query.cursor, 'base64url').toString('utf8').replaceAll('\0', ''),
    limit + 1,
  );
  const shown = items.slice(0, limit);
  return {
    items: shown,
    nextCursor: items.length > limit ? Buffer.from(shown.at(-1)!.sku).toString('base64url') : null,
  };
}

export function inventoryRoutes(app: FastifyInstance, { database, onAdjusted }: InventoryRoutesOptions): void {
  const tags = ['inventory'];
  const params = Type.Object({ sku: { ...Sku, examples: ['MUG-1'] } as typeof Sku });

  app.put<{ Params: { sku: string }; Body: { name: string; price?: string; currency?: string } }>(
    '/products/:sku',
    {
      config: { idempotencyKey: 'accepted', refusals: ['UNKNOWN_CURRENCY', 'UNIT_PRICE_INVALID'] },
      schema: {
        operationId: 'putProduct',
        tags,
        summary: 'Create or change a product',
        params,
        body: PutProduct,
        response: {
          200: answer('It was changed', ProductView, { headers: ['Location'], links: OF_PRODUCT }),
          201: answer('It is new', ProductView, { headers: ['Location'], links: OF_PRODUCT }),
        },
      },
    },
    async (request, reply) => {
      const { name, price, currency } = request.body;
      if (currency !== undefined && currencyExponent(currency) === undefined)
        throw new Problem('UNKNOWN_CURRENCY', `${currency} is not an ISO 4217 code.`, {
          errors: [{ pointer: '/currency', detail: 'is unknown' }],
        });
      if (price !== undefined && parseUnitPrice(price) === undefined)
        throw new Problem('UNIT_PRICE_INVALID', 'A price has at most four decimals.', {
          errors: [{ pointer: '/price', detail: 'has more than four decimals' }],
        });
      const key = requestKey(request);
      const before = async (): Promise<PutProductResult | undefined> => {
        const stored = await storedAnswer(database, key);
        return stored === undefined ? undefined : productPutBefore(stored);
      };
      const put = async (): Promise<PutProductResult> => {
        try {
          return await putProduct(database, { id: uuidv7(), sku: request.params.sku, name, price, currency }, key);
        } catch (error) {
          const raced = isUniqueViolation(error) ? await before() : undefined;
          if (raced) return raced;
          throw error;
        }
      };
      const { product, created } = (await before()) ?? (await put());
      return reply
        .code(created ? 201 : 200)
        .header('location', `/products/${encodeURIComponent(product.sku)}`)
        .send(product);
    },
  );

  app.get<{ Querystring: PageQuery }>(
    '/products',
    {
      schema: {
        operationId: 'listProducts',
        tags,
        summary: 'List products by SKU',
        querystring: PageQuery,
        response: { 200: answer('A page of products', PageOf(ProductView)) },
      },
    },
    (request) => page(request.query, (after, limit) => listProducts(database, after, limit)),
  );

  app.get<{ Params: { sku: string } }>(
    '/products/:sku',
    {
      config: { refusals: ['PRODUCT_NOT_FOUND'] },
      schema: {
        operationId: 'readProduct',
        tags,
        summary: 'One product',
        params,
        response: { 200: answer('The product', ProductView) },
      },
    },
    async (request) => {
      const [product] = await findProducts(database, { skus: [request.params.sku], productIds: [] });
      if (!product) throw new Problem('PRODUCT_NOT_FOUND', 'There is no product with this SKU.');
      return product;
    },
  );

  app.post<{ Body: Omit<Adjustment, 'location'> & { location?: string } }>(
    '/stock/adjustments',
    {
      config: { idempotencyKey: 'required', refusals: ['UNKNOWN_SKU', 'STOCK_INSUFFICIENT'] },
      schema: {
        operationId: 'adjustStock',
        tags,
        summary: 'Change stock by a difference or to a counted quantity',
        body: Adjust,
        response: {
          201: answer('It was done', AdjustmentView, { links: { readStock: { sku: '$response.body#/sku' } } }),
        },
      },
    },
    async (request, reply) => {
      const key = requestKey(request)!;
      const before = await storedAnswer(database, key);
      if (before) return reply.code(201).send(before);
      const adjustment: Adjustment = { ...request.body, location: request.body.location ?? DEFAULT_LOCATION };
      if (!(await stockOf(database, adjustment.sku)))
        throw new Problem(
          'UNKNOWN_SKU',
          `There is no product ${adjustment.sku}; create it with PUT /products/{sku} first.`,
          { errors: [{ pointer: '/sku', detail: 'names no product' }] },
        );
      const at = new Date().toISOString();
      const done = {
        sku: adjustment.sku,
        location: adjustment.location,
        delta: adjustment.delta,
        onHand: adjustment.onHand,
        reason: adjustment.reason,
        at,
      };
      try {
        await database.write([...adjustStock(adjustment, at), keepReply(key, { status: 201, answer: done })]);
      } catch (error) {
        if (error instanceof ConflictError || (error as { code?: string }).code === '22003')
          throw new Problem(
            'STOCK_INSUFFICIENT',
            'Less would be on hand than is reserved. Cancel or ship orders first.',
          );
        const raced = isUniqueViolation(error) ? await storedAnswer(database, key) : undefined;
        if (raced) return reply.code(201).send(raced);
        throw error;
      } finally {
        // Also after a failure: it may have been saved, and only the answer was lost.
        onAdjusted(adjustment.sku, adjustment.delta);
      }
      return reply.code(201).send(done);
    },
  );

  app.get<{ Params: { sku: string } }>(
    '/stock/:sku',
    {
      config: { refusals: ['PRODUCT_NOT_FOUND'] },
      schema: {
        operationId: 'readStock',
        tags,
        summary: 'Stock of a product, in all and per location',
        params,
        response: { 200: answer('The stock', StockView) },
      },
    },
    async (request) => {
      const view = await stockOf(database, request.params.sku);
      if (!view) throw new Problem('PRODUCT_NOT_FOUND', 'There is no product with this SKU.');
      return view;
    },
  );

  app.get<{ Querystring: PageQuery }>(
    '/stock',
    {
      schema: {
        operationId: 'listStock',
        tags,
        summary: 'List stock by SKU',
        querystring: PageQuery,
        response: { 200: answer('A page of stock', PageOf(StockView)) },
      },
    },
    (request) => page(request.query, (after, limit) => listStock(database, after, limit)),
  );
}
