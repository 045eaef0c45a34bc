import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { plainId } from '#contracts/ids.ts';
import type { NextAction } from '#contracts/peers.ts';
import { isFormerNumber, readNumber } from '#contracts/order-number.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { idCursor, idOfCursor, type Page, pageOf } from '#platform/http/paging.ts';
import { Problem } from '#platform/http/problems.ts';
import { limitOf, type View } from '#platform/http/schemas.ts';
import { idsOf } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import { type ParkedOfOrder, parkedOf } from '#orders/parked.ts';
import { DetailsQuery, OrderDetailsPage } from '#orders/details-schemas.ts';
import type { OrderRoutesOptions } from '#orders/routes.ts';
import * as schemas from '#orders/schemas.ts';
import type { StoredRow } from '#orders/store.ts';
import type { OrderFilter } from '#orders/store/filter.ts';
import { listOrders } from '#orders/store/listing.ts';
import { countryWord } from '#orders/terms.ts';
import { type OrderField, orderFields, orderView, summaryView } from '#orders/view.ts';

/** `GET /orders`, and `GET /orders/details`: the same orders in full. */
export function listRoute(
  app: FastifyInstance,
  { database, peers, nextActions }: Pick<OrderRoutesOptions, 'database' | 'peers' | 'nextActions'>,
): void {
  /** A page of the orders that a query finds, with what is parked of them. */
  const page = async <Item>(
    { query, principal }: FastifyRequest<{ Querystring: Static<typeof schemas.ListQuery> }>,
    view: (row: StoredRow, parked: readonly ParkedOfOrder[] | undefined, nextAction: NextAction | undefined) => Item,
    { showsParked = true, showsActions = false } = {},
  ): Promise<Page<Item>> => {
    const filter = ofCustomer(filterOf(query), principal.customer);
    if (!filter) return { items: [], nextCursor: null };
    const rows = await listOrders(database, { ...filter, limit: filter.limit + 1 }, peers);
    const ids = rows.map(({ id }) => id);
    const parked = ids.length > 0 && showsParked ? await parkedOf(database, ids) : undefined;
    const shown = showsActions ? rows.map(({ id, state }) => ({ ...state!, id })) : [];
    const actions = await nextActions.shownTo(principal, shown);
    return pageOf(
      rows,
      filter.limit,
      (row) => view(row, parked?.get(row.id), actions.get(row.id)),
      ({ id }) => idCursor(id),
    );
  };

  app.get<{ Querystring: Static<typeof schemas.ListQuery> }>(
    '/orders',
    {
      config: { permission: 'orders:read', ofCustomer: 'filtered', refusals: ['ORDER_NUMBER_INVALID'] },
      schema: {
        operationId: 'listOrders',
        tags: ['orders'],
        summary: 'List orders',
        querystring: schemas.ListQuery,
        response: { 200: answer('A page of orders', schemas.OrderPage) },
      },
    },
    (request): Promise<View<typeof schemas.OrderPage>> =>
      page(request, (row, parked) => summaryView(row, row.updatedAt, parked)),
  );

  app.get<{ Querystring: Static<typeof DetailsQuery> }>(
    '/orders/details',
    {
      config: { permission: 'orders:read', ofCustomer: 'filtered', refusals: ['ORDER_NUMBER_INVALID'] },
      schema: {
        operationId: 'listOrderDetails',
        tags: ['orders'],
        summary: 'List orders in full, found as in the list of orders',
        querystring: DetailsQuery,
        response: { 200: answer('A page of orders, each as it is shown by itself', OrderDetailsPage) },
      },
    },
    (request): Promise<View<typeof OrderDetailsPage>> => {
      const { fields } = request.query;
      if (!fields)
        return page(
          request,
          (row, parked, nextAction) => ({
            ...orderView(row, row.updatedAt, parked),
            ...(nextAction && { nextAction }),
          }),
          { showsActions: true },
        );
      const shows = (...names: OrderField[]): boolean => names.some((name) => fields.includes(name));
      return page(
        request,
        (row, parked, nextAction) => ({
          ...orderFields(row, row.updatedAt, parked, fields as readonly OrderField[]),
          ...(nextAction && { nextAction }),
        }),
        { showsParked: shows('parked', 'allowedActions'), showsActions: shows('nextAction') },
      );
    },
  );
}

/** What is asked of a list, as the store reads it. Throws the {@link Problem} of what contradicts itself. */
export function filterOf(query: Static<typeof schemas.ListQuery>): OrderFilter {
  const { totalMin, totalMax, currency, limit, cursor, createdFrom, createdTo, updatedFrom, updatedTo } = query;
  if ((totalMin !== undefined || totalMax !== undefined) && currency?.length !== 1)
    throw wrong('/currency', 'is missing', 'Amounts are compared in one currency: name it with totalMin and totalMax.');
  return {
    ids: idsOf(query.id),
    statuses: query.status,
    paymentStatuses: query.paymentStatus,
    fulfillmentStatuses: query.fulfillmentStatus,
    returnStatuses: query.returnStatus,
    holds: query.hold,
    overdue: query.overdue === undefined ? undefined : query.overdue === 'true',
    customerIds: query.customerId?.map(plainId),
    channels: query.channel,
    countries: query.country?.map((country) => countryWord(country) ?? country),
    skus: query.sku,
    numbers: query.number?.map(numberOf),
    currencies: currency,
    text: query.text,
    createdFromMs: fromMs(createdFrom, 'createdFrom'),
    createdToMs: toMs(createdTo, 'createdTo'),
    updatedFromMs: fromMs(updatedFrom, 'updatedFrom'),
    updatedToMs: toMs(updatedTo, 'updatedTo'),
    totalMin,
    totalMax,
    after: cursor === undefined ? undefined : idOfCursor(cursor),
    oldestFirst: query.sort === 'createdAt',
    limit: limitOf(limit),
  };
}

/** The filter for a customer, who has own orders only; undefined where it asks for those of others alone. */
function ofCustomer(filter: OrderFilter, customer: string | undefined): OrderFilter | undefined {
  if (customer === undefined) return filter;
  if (filter.customerIds && !filter.customerIds.includes(customer)) return undefined;
  return { ...filter, customerIds: [customer] };
}

function wrong(pointer: string, detail: string, message: string): Problem {
  return new Problem('VALIDATION_FAILED', message, { errors: [{ pointer, detail }] });
}

/** A number as it is kept. One that is mistyped is none of another order. */
function numberOf(text: string): string {
  const number = readNumber(text) ?? (isFormerNumber(text) ? text : undefined);
  if (number !== undefined) return number;
  if (/^[0-9a-z]{9}$/i.test(text.replace(/[\s-]/g, '')))
    throw new Problem(
      'ORDER_NUMBER_INVALID',
      'No order can be called so: a character is wrong, or two changed places.',
    );
  throw wrong('/number', 'is not the number of an order', 'A number is written K7M4-92QX-F.');
}
