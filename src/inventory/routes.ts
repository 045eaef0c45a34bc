import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { uuidv7 } from '#platform/uuid.ts';
import { currencyExponent, parseUnitPrice } from '#contracts/money.ts';
import { ConflictError, type Database, isUniqueViolation } from '#platform/database/database.ts';
import { insertRows } from '#platform/database/statement.ts';
import { requestKey, storedAnswer } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import { type Adjustment, adjustStock, findProducts, listProducts, listStock, putProduct, stockOf } from './store.ts';

const strict = { additionalProperties: false } as const;
const Sku = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });
const Location = Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' });
const PutProduct = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 300, pattern: '^[^\\u0000]*$' }),
    price: Type.Optional(Type.String({ pattern: '^\\d{1,16}(\\.\\d{1,18})?$' })),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$' })),
  },
  strict,
);
const QUANTITY_MAX = 1_000_000_000;
const Adjust = Type.Object(
  {
    sku: Sku,
    location: Type.Optional(Location),
    delta: Type.Optional(Type.Integer({ minimum: -QUANTITY_MAX, maximum: QUANTITY_MAX })),
    onHand: Type.Optional(Type.Integer({ minimum: 0, maximum: QUANTITY_MAX })),
    reason: Type.String({ minLength: 1, maxLength: 500, pattern: '^[^\\u0000]*$' }),
  },
  { ...strict, oneOf: [{ required: ['delta'] }, { required: ['onHand'] }] },
);
const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,2}$' })),
    cursor: Type.Optional(Type.String({ maxLength: 400, pattern: '^[A-Za-z0-9_-]+$' })),
  },
  strict,
);
type PageQuery = { limit?: string; cursor?: string };
const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;
const DEFAULT_LOCATION = 'main';

export interface InventoryRoutesOptions {
  readonly database: Database;
  /** Stock of a SKU changed; positive where more became available. */
  readonly onAdjusted: (sku: string, delta: number | undefined) => void;
}

async function page<Item extends { readonly sku: string }>(
  query: PageQuery,
  read: (after: string, limit: number) => Promise<Item[]>,
): Promise<{ items: Item[]; nextCursor: string | null }> {
  const limit = Math.min(Number(query.limit ?? LIMIT_DEFAULT), LIMIT_MAX);
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

function skuOf(request: FastifyRequest): string {
  const { sku } = request.params as { sku: string };
  if (sku.includes('\0')) throw new Problem('PRODUCT_NOT_FOUND', 'There is no such product.');
  return sku;
}

export function inventoryRoutes(app: FastifyInstance, { database, onAdjusted }: InventoryRoutesOptions): void {
  const tags = ['inventory'];
  const params = Type.Object({ sku: Sku });

  app.put<{ Params: { sku: string }; Body: { name: string; price?: string; currency?: string } }>(
    '/products/:sku',
    { schema: { tags, summary: 'Create or change a product', params, body: PutProduct } },
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
      const { product, created } = await putProduct(database, {
        id: uuidv7(),
        sku: skuOf(request),
        name,
        price,
        currency,
      });
      return reply
        .code(created ? 201 : 200)
        .header('location', `/products/${encodeURIComponent(product.sku)}`)
        .send(product);
    },
  );

  app.get<{ Querystring: PageQuery }>(
    '/products',
    { schema: { tags, summary: 'List products by SKU', querystring: PageQuery } },
    (request) => page(request.query, (after, limit) => listProducts(database, after, limit)),
  );

  app.get<{ Params: { sku: string } }>(
    '/products/:sku',
    { schema: { tags, summary: 'One product', params } },
    async (request) => {
      const [product] = await findProducts(database, { skus: [skuOf(request)], productIds: [] });
      if (!product) throw new Problem('PRODUCT_NOT_FOUND', 'There is no product with this SKU.');
      return product;
    },
  );

  app.post<{ Body: Omit<Adjustment, 'location'> & { location?: string } }>(
    '/stock/adjustments',
    { schema: { tags, summary: 'Change stock by a difference or to a counted quantity', body: Adjust } },
    async (request, reply) => {
      const key = requestKey(request, true)!;
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
      const answer = {
        sku: adjustment.sku,
        location: adjustment.location,
        delta: adjustment.delta,
        onHand: adjustment.onHand,
        reason: adjustment.reason,
        at,
      };
      try {
        await database.write([
          ...adjustStock(adjustment, at),
          insertRows(
            'keys',
            'log.idempotency_keys',
            { key: 'text', request_hash: 'text', status: 'integer', answer: 'json' },
            [{ key: key.key, request_hash: key.requestHash, status: 201, answer }],
          ),
        ]);
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
      return reply.code(201).send(answer);
    },
  );

  app.get<{ Params: { sku: string } }>(
    '/stock/:sku',
    { schema: { tags, summary: 'Stock of a product, in all and per location', params } },
    async (request) => {
      const view = await stockOf(database, skuOf(request));
      if (!view) throw new Problem('PRODUCT_NOT_FOUND', 'There is no product with this SKU.');
      return view;
    },
  );

  app.get<{ Querystring: PageQuery }>(
    '/stock',
    { schema: { tags, summary: 'List stock by SKU', querystring: PageQuery } },
    (request) => page(request.query, (after, limit) => listStock(database, after, limit)),
  );
}
