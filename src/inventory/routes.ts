import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { currencyProblem } from '#contracts/currencies.ts';
import { formatUnitPrice, parseUnitPrice } from '#contracts/money.ts';
import type { Database } from '#platform/database/database.ts';
import { etagOf, ifMatch, isMatched, sendTagged, TAGS_PATTERN } from '#platform/http/conditional.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { answerOnce } from '#platform/http/commands.ts';
import { requestKey } from '#platform/http/idempotency.ts';
import { type Page, pageOf, textCursor, textOfCursor } from '#platform/http/paging.ts';
import { Problem } from '#platform/http/problems.ts';
import { Sku } from '#contracts/catalog.ts';
import { PRODUCTS_FRESH_MS } from '#contracts/peers.ts';
import { PageOf, limitOf, type View } from '#platform/http/schemas.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { Adjust, AdjustmentView, PageQuery, ProductView, PutProduct, StockQuery, StockView } from './schemas.ts';
import { adjust, DEFAULT_LOCATION, SHORT_ORDERS_MAX } from './routes/adjust.ts';
import { locationRoutes } from './routes/locations.ts';
import { holderRoutes } from './routes/holders.ts';
import { movementRoutes } from './routes/movements.ts';
import { type Before, findProducts, listProducts, productPutBefore, putProduct } from './store/products.ts';
import { reportedShortOf } from './store/shortages.ts';
import { listStock, stockOf } from './store/levels.ts';
import type { Adjustment } from './store/stock.ts';

/** A new name is answered when every new order has it, whichever process takes it; and a little later, as clocks of processes tick. */
const MARGIN_MS = 50;
const OF_SKU = { sku: '$response.body#/sku' };
const OF_PRODUCT = { readProduct: OF_SKU, readStock: OF_SKU };

export interface InventoryRoutesOptions {
  readonly database: Database;
  /** Stock of a SKU changed; positive where more became available. */
  readonly onAdjusted: (sku: string, delta: number | undefined) => void;
}

const IF_NONE_MATCH = {
  'If-None-Match': { description: 'ETags: answered 304 while it has one of them', pattern: TAGS_PATTERN },
};
const UNCHANGED = answer('It still has an ETag of If-None-Match', undefined, { headers: ['ETag'] });

/** What `If-Match` and `If-None-Match` say a product must be before it is put; throws VERSION_MISMATCH where it is not. */
async function expectedBefore(
  request: FastifyRequest<{ Params: { sku: string } }>,
  database: Database,
): Promise<Before> {
  const tags = ifMatch(request);
  const absent = request.headers['if-none-match'];
  if (absent !== undefined) {
    if (absent.trim() !== '*')
      throw new Problem('VALIDATION_FAILED', 'If-None-Match must be * here: only where there is no such product yet.');
    return 'absent';
  }
  if (tags === undefined) return 'any';
  const [product] = await findProducts(database, { skus: [request.params.sku], productIds: [] });
  if (!product || !isMatched(tags, etagOf(product)))
    throw new Problem('VERSION_MISMATCH', 'The product is not what If-Match says. Read it again, then decide again.');
  return product;
}

/** Reads a page by SKU: from after the cursor, one entry more than fits. */
async function page<Item extends { readonly sku: string }>(
  { limit, cursor }: Pick<Static<typeof PageQuery>, 'limit' | 'cursor'>,
  read: (after: string, limit: number) => Promise<Item[]>,
): Promise<Page<Item>> {
  const fits = limitOf(limit);
  const items = await read(cursor === undefined ? '' : textOfCursor(cursor), fits + 1);
  return pageOf(
    items,
    fits,
    (item) => item,
    ({ sku }) => textCursor(sku),
  );
}

export function inventoryRoutes(app: FastifyInstance, { database, onAdjusted }: InventoryRoutesOptions): void {
  const tags = ['inventory'];
  const params = Type.Object({ sku: { ...Sku, examples: ['MUG-1'] } as typeof Sku });

  movementRoutes(app, database);
  holderRoutes(app, database);
  locationRoutes(app, database);

  app.put<{ Params: { sku: string }; Body: { name: string; price?: string; currency?: string } }>(
    '/products/:sku',
    {
      config: {
        permission: 'products:write',
        idempotencyKey: 'accepted',
        headers: {
          'If-Match': { description: 'ETags, of which the product must have one', pattern: TAGS_PATTERN },
          'If-None-Match': { description: '`*`: only where there is no such product yet', pattern: '^\\*$' },
        },
        refusals: ['UNKNOWN_CURRENCY', 'UNIT_PRICE_INVALID', 'VERSION_MISMATCH'],
      },
      schema: {
        operationId: 'putProduct',
        tags,
        summary: 'Create or change a product',
        params,
        body: PutProduct,
        response: {
          200: answer('It was changed', ProductView, { headers: ['ETag', 'Location'], links: OF_PRODUCT }),
          201: answer('It is new', ProductView, { headers: ['ETag', 'Location'], links: OF_PRODUCT }),
        },
      },
    },
    async (request, reply) => {
      const { name, price, currency } = request.body;
      const unknown = currency === undefined ? undefined : currencyProblem(currency);
      if (unknown !== undefined)
        throw new Problem('UNKNOWN_CURRENCY', `${currency} ${unknown}.`, {
          errors: [{ pointer: '/currency', detail: unknown }],
        });
      if (price !== undefined && parseUnitPrice(price) === undefined)
        throw new Problem('UNIT_PRICE_INVALID', 'A price has at most four decimals.', {
          errors: [{ pointer: '/price', detail: 'has more than four decimals' }],
        });
      const key = requestKey(request);
      const { product, created, renamed } = await answerOnce(database, key, {
        act: async () =>
          putProduct(
            database,
            {
              id: uuidv7(),
              sku: request.params.sku,
              name,
              price: price && formatUnitPrice(price, currency ?? ''),
              currency,
            },
            { key, before: await expectedBefore(request, database), by: auditedBy(request) },
          ),
        repeat: productPutBefore,
      });
      if (renamed) await sleep(PRODUCTS_FRESH_MS + MARGIN_MS);
      return reply
        .code(created ? 201 : 200)
        .header('location', `/products/${encodeURIComponent(product.sku)}`)
        .header('etag', etagOf(product))
        .send(product);
    },
  );

  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/products',
    {
      config: { permission: 'products:read', ofCustomer: 'everybody' },
      schema: {
        operationId: 'listProducts',
        tags,
        summary: 'List products by SKU',
        querystring: PageQuery,
        response: { 200: answer('A page of products', PageOf(ProductView)) },
      },
    },
    (request): Promise<Page<View<typeof ProductView>>> =>
      page(request.query, (after, limit) => listProducts(database, after, limit)),
  );

  app.get<{ Params: { sku: string } }>(
    '/products/:sku',
    {
      config: {
        permission: 'products:read',
        ofCustomer: 'everybody',
        headers: IF_NONE_MATCH,
        refusals: ['PRODUCT_NOT_FOUND'],
      },
      schema: {
        operationId: 'readProduct',
        tags,
        summary: 'One product',
        params,
        response: { 200: answer('The product', ProductView, { headers: ['ETag'] }), 304: UNCHANGED },
      },
    },
    async (request, reply) => {
      const [product] = await findProducts(database, { skus: [request.params.sku], productIds: [] });
      if (!product) throw new Problem('PRODUCT_NOT_FOUND', 'There is no product with this SKU.');
      return sendTagged(request, reply, product satisfies View<typeof ProductView>);
    },
  );

  app.post<{ Body: Omit<Adjustment, 'location'> & { location?: string } }>(
    '/stock/adjustments',
    {
      config: {
        permission: 'stock:adjust',
        idempotencyKey: 'required',
        refusals: ['UNKNOWN_SKU', 'LOCATION_UNKNOWN', 'STOCK_INSUFFICIENT', 'STOCK_TOO_LARGE'],
      },
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
      const adjustment: Adjustment = { ...request.body, location: request.body.location ?? DEFAULT_LOCATION };
      const done = await answerOnce<View<typeof AdjustmentView>, View<typeof AdjustmentView>>(database, key, {
        async act() {
          try {
            return await adjust(database, key, adjustment, auditedBy(request));
          } finally {
            // Also after a failure: it may have been saved, and only the answer was lost.
            onAdjusted(adjustment.sku, adjustment.delta);
          }
        },
        repeat: (stored) => stored,
      });
      return reply.code(201).send(done);
    },
  );

  app.get<{ Params: { sku: string } }>(
    '/stock/:sku',
    {
      config: { permission: 'stock:read', headers: IF_NONE_MATCH, refusals: ['PRODUCT_NOT_FOUND'] },
      schema: {
        operationId: 'readStock',
        tags,
        summary: 'Stock of a product, in all and per location',
        params,
        response: { 200: answer('The stock', StockView, { headers: ['ETag'] }), 304: UNCHANGED },
      },
    },
    async (request, reply) => {
      const view = await stockOf(database, request.params.sku);
      if (!view) throw new Problem('PRODUCT_NOT_FOUND', 'There is no product with this SKU.');
      const shortOrders = view.short === 0 ? undefined : await reportedShortOf(database, view.sku, SHORT_ORDERS_MAX);
      return sendTagged(request, reply, { ...view, ...(shortOrders && { shortOrders }) } satisfies View<
        typeof StockView
      >);
    },
  );

  app.get<{ Querystring: Static<typeof StockQuery> }>(
    '/stock',
    {
      config: { permission: 'stock:read' },
      schema: {
        operationId: 'listStock',
        tags,
        summary: 'List stock by SKU: all of it, or what is short, waited for, or nearly gone',
        querystring: StockQuery,
        response: { 200: answer('A page of stock', PageOf(StockView)) },
      },
    },
    ({ query }): Promise<Page<View<typeof StockView>>> => {
      const { sku, location, text, short, waiting, availableMax } = query;
      const filter = {
        skus: sku,
        locations: location,
        text: text?.trim() === '' ? undefined : text?.trim(),
        short: short === 'true',
        waiting: waiting === 'true',
        availableMax: availableMax === undefined ? undefined : Number(availableMax),
      };
      return page(query, (after, limit) => listStock(database, { ...filter, after, limit }));
    },
  );
}
