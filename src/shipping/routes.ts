import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { idTimeMs } from '#contracts/ids.ts';
import { isoTime } from '#contracts/time.ts';
import { Sku } from '#contracts/catalog.ts';
import type { Database } from '#platform/database/database.ts';
import { SkuQuantity, TRACKING_STATUSES, TrackingUrl } from '#contracts/order-events.ts';
import { commandOnce } from '#platform/http/commands.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { ownOrders } from '#platform/http/own-orders.ts';
import { Problem } from '#platform/http/problems.ts';
import { idCursor, idOfCursor, pageOf } from '#platform/http/paging.ts';
import {
  Id,
  IdText,
  limitOf,
  PageOf,
  pageParameters,
  Reason,
  SlipUrl,
  strict,
  Text,
  Time,
  type View,
} from '#platform/http/schemas.ts';
import { idsOf } from '#platform/http/several.ts';
import { emptyBodyIsObject } from '#platform/http/server.ts';
import type { Processor } from '#platform/processor/processor.ts';
import {
  type CarrierDue,
  FAILED_STATUS,
  isPaused,
  type Shipment,
  SHIPMENT_STATUSES,
  type Shipping,
  type ShippingCommand,
} from './rules/model.ts';
import type { TrackingLinks } from './carriers/links.ts';
import { exportShipments } from './export.ts';
import { shipmentFilterOf, shipmentParameters } from './filter.ts';
import { COUNTED_MAX, loadShipping, listShipments, orderOfShipment, waitingByLocation } from './store.ts';

export interface ShippingRoutesOptions {
  readonly processor: Processor<Shipping, ShippingCommand, CarrierDue>;
  readonly database: Database;
  readonly links: TrackingLinks;
}

const PIECES_MAX = 1_000_000;
const ITEMS_MAX = 2_000;

const ShipmentParams = Type.Object({ id: IdText });
const ListQuery = Type.Object({ ...shipmentParameters, ...pageParameters }, strict);
const DispatchBody = Type.Object(
  {
    carrier: Text(100, { minLength: 1, description: 'Who carries it' }),
    trackingNumber: Text(100, { minLength: 1, description: 'The carrier’s number of the parcel' }),
    items: Type.Optional(
      Type.Array(Type.Object({ sku: Sku, quantity: Type.Integer({ minimum: 1, maximum: PIECES_MAX }) }, strict), {
        minItems: 1,
        maxItems: ITEMS_MAX,
        description: 'What leaves; without it, everything. The rest waits in a shipment of its own',
      }),
    ),
  },
  { ...strict, examples: [{ carrier: 'DHL', trackingNumber: 'JD014600' }] },
);
const CorrectBody = Type.Object(
  {
    trackingNumber: Text(100, { minLength: 1, description: 'The carrier’s number of the parcel' }),
    carrier: Type.Optional(Text(100, { minLength: 1, description: 'Who carries it; as before unless said otherwise' })),
    reason: Reason,
  },
  { ...strict, examples: [{ trackingNumber: 'JD014601', reason: 'mistyped' }] },
);
const FailureBody = Type.Object({ reason: Type.Optional(Reason) }, strict);
const CameBackBody = Type.Object(
  {
    reason: Type.Optional(Reason),
    restock: Type.Optional(
      Type.Boolean({ description: 'The goods go back to the shelf they left from; true unless said otherwise' }),
    ),
  },
  strict,
);
/** What can go wrong with a parcel that has left. */
const FAILURE_ROUTES = [
  { kind: 'lost', path: 'lost', operationId: 'loseShipment', summary: 'A shipment was lost on its way' },
  { kind: 'damaged', path: 'damaged', operationId: 'damageShipment', summary: 'A shipment was damaged' },
  {
    kind: 'returned_to_sender',
    path: 'returned-to-sender',
    operationId: 'returnShipment',
    summary: 'A shipment came back undelivered',
  },
] as const;
const DeliverBody = Type.Object({}, strict);
const ShipmentView = Type.Object(
  {
    id: Id,
    orderId: Id,
    status: Type.String({ enum: [...SHIPMENT_STATUSES] }),
    location: Type.String(),
    items: Type.Array(SkuQuantity),
    carrier: Type.Optional(Type.String()),
    trackingNumber: Type.Optional(Type.String()),
    trackingUrl: Type.Optional(TrackingUrl),
    tracking: Type.Optional(
      Type.Object(
        { status: Type.String({ enum: [...TRACKING_STATUSES] }), at: Time, detail: Type.Optional(Type.String()) },
        { description: 'The last that counts of what the carrier said', title: 'ParcelTracking' },
      ),
    ),
    scheduledAt: Time,
    packingSlipUrl: SlipUrl,
    paused: Type.Boolean({ description: 'A hold or a cancellation of the order keeps it here' }),
  },
  { title: 'Shipment' },
);
const CountsView = Type.Object(
  {
    locations: Type.Array(
      Type.Object(
        {
          location: Type.String(),
          ready: Type.Integer({ description: 'Shipments that may leave now' }),
          paused: Type.Integer({ description: 'Shipments that a hold or a change of the order keeps here' }),
          oldestAt: Type.Optional(
            Type.String({ ...Time, description: 'Since when the oldest of those that may leave waits' }),
          ),
        },
        { title: 'WaitingShipments' },
      ),
    ),
  },
  {
    title: 'ShipmentCounts',
    description: `What waits; of more than ${COUNTED_MAX} shipments, those that have waited longest`,
  },
);
const MOVE_REFUSALS = ['SHIPMENT_NOT_FOUND', 'OVERLOADED'] as const;
const FIRST = { id: '$response.body#/items/0/id' };
const MOVED_TO = { dispatch: 'DISPATCHED', deliver: 'DELIVERED' } as const;
const tags = ['shipments'];

function view(
  orderId: string,
  shipping: Shipping,
  shipment: Shipment,
  links: TrackingLinks,
): View<typeof ShipmentView> {
  const { id, status, location, items, carrier, trackingNumber, tracking } = shipment;
  const trackingUrl =
    carrier === undefined || trackingNumber === undefined ? undefined : links(carrier, trackingNumber);
  const scheduledAt = isoTime(idTimeMs(id));
  const paused = isPaused(shipping, shipment);
  return {
    id,
    orderId,
    status,
    location,
    items,
    carrier,
    trackingNumber,
    trackingUrl,
    tracking,
    scheduledAt,
    packingSlipUrl: `/shipments/${id}/packing-slip`,
    paused,
  };
}

const shipmentNotFound = (id: string): Problem => new Problem('SHIPMENT_NOT_FOUND', `There is no shipment ${id}.`);

export function shippingRoutes(app: FastifyInstance, { processor, database, links }: ShippingRoutesOptions): void {
  const orderIdOf = async (shipmentId: string): Promise<string> => {
    const orderId = await orderOfShipment(database, shipmentId);
    if (orderId === undefined) throw shipmentNotFound(shipmentId);
    return orderId;
  };
  const viewOf = (orderId: string, shipping: Shipping, shipmentId: string): View<typeof ShipmentView> =>
    view(
      orderId,
      shipping,
      shipping.shipments.find((shipment) => shipment.id === shipmentId)!,
      links,
    );

  const move = (
    request: FastifyRequest,
    command: Exclude<Extract<ShippingCommand, { shipmentId: string }>, { type: 'track' }>,
  ): Promise<View<typeof ShipmentView>> =>
    commandOnce(request, {
      database,
      processor,
      wanted: async () => ({ orderId: await orderIdOf(command.shipmentId), command }),
      answer: ({ row }) => viewOf(row.id, row.state!, command.shipmentId),
      // The shipment may have moved on since; a repeat is answered with the status that its command led to.
      async repeat({ orderId }) {
        const shipping = await loadShipping(database, orderId);
        const now = viewOf(orderId, shipping!, command.shipmentId);
        if (command.type === 'correct') return now;
        return { ...now, status: command.type === 'fail' ? FAILED_STATUS[command.kind] : MOVED_TO[command.type] };
      },
    });

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/shipments',
    {
      config: { permission: 'shipments:read', ofCustomer: 'filtered' },
      schema: {
        operationId: 'listShipments',
        tags,
        summary: 'Shipments by status, location, carrier, what the carrier said of them, and age',
        querystring: ListQuery,
        response: {
          200: answer('A page of shipments', PageOf(ShipmentView), {
            links: { readShipment: FIRST, dispatchShipment: FIRST, deliverShipment: FIRST },
          }),
        },
      },
    },
    async (request) => {
      const { orderId, limit, cursor } = request.query;
      const size = limitOf(limit);
      const shipments = await listShipments(database, {
        orderIds: await ownOrders(request, idsOf(orderId)),
        ...shipmentFilterOf(request.query),
        after: cursor === undefined ? undefined : idOfCursor(cursor),
        limit: size + 1,
      });
      return pageOf(
        shipments,
        size,
        (found) => view(found.orderId, found.shipping, found.shipment, links),
        ({ shipment }) => idCursor(shipment.id),
      );
    },
  );

  exportShipments(app, database);

  app.get(
    '/shipments/counts',
    {
      config: { permission: 'stock:read' },
      schema: {
        operationId: 'readShipmentCounts',
        tags,
        summary: 'How much waits to leave, by location',
        response: { 200: answer('What waits', CountsView) },
      },
    },
    async () => ({ locations: await waitingByLocation(database) }),
  );

  app.get<{ Params: Static<typeof ShipmentParams> }>(
    '/shipments/:id',
    {
      config: { permission: 'shipments:read', ofCustomer: 'filtered', refusals: ['SHIPMENT_NOT_FOUND'] },
      schema: {
        operationId: 'readShipment',
        tags,
        summary: 'One shipment',
        params: ShipmentParams,
        response: { 200: answer('The shipment', ShipmentView) },
      },
    },
    async (request) => {
      const id = request.params.id.toLowerCase();
      const orderId = await orderIdOf(id);
      if ((await app.ownOrders.among(request.principal, [orderId])).length === 0) throw shipmentNotFound(id);
      return viewOf(orderId, (await loadShipping(database, orderId))!, id);
    },
  );

  app.post<{ Params: Static<typeof ShipmentParams>; Body: Static<typeof DispatchBody> }>(
    '/shipments/:id/dispatch',
    {
      config: {
        permission: 'shipments:move',
        idempotencyKey: 'accepted',
        refusals: [...MOVE_REFUSALS, 'SHIPMENT_NOT_DISPATCHABLE', 'SHIPMENT_ON_HOLD', 'ITEMS_NOT_IN_SHIPMENT'],
      },
      schema: {
        operationId: 'dispatchShipment',
        tags,
        summary: 'A shipment, or a part of it, was handed to the carrier',
        params: ShipmentParams,
        body: DispatchBody,
        response: { 200: answer('The shipment, on its way', ShipmentView) },
      },
    },
    (request) =>
      move(request, {
        type: 'dispatch',
        shipmentId: request.params.id.toLowerCase(),
        ...request.body,
        by: request.principal.name,
      }),
  );

  app.post<{ Params: Static<typeof ShipmentParams> }>(
    '/shipments/:id/deliver',
    {
      config: {
        permission: 'shipments:move',
        idempotencyKey: 'accepted',
        refusals: [...MOVE_REFUSALS, 'SHIPMENT_NOT_DELIVERABLE'],
      },
      schema: {
        operationId: 'deliverShipment',
        tags,
        summary: 'A shipment reached the customer',
        params: ShipmentParams,
        body: DeliverBody,
        response: { 200: answer('The shipment, delivered', ShipmentView) },
      },
      preValidation: emptyBodyIsObject,
    },
    (request) =>
      move(request, { type: 'deliver', shipmentId: request.params.id.toLowerCase(), by: request.principal.name }),
  );

  app.patch<{ Params: Static<typeof ShipmentParams>; Body: Static<typeof CorrectBody> }>(
    '/shipments/:id',
    {
      config: {
        permission: 'shipments:move',
        idempotencyKey: 'accepted',
        refusals: [...MOVE_REFUSALS, 'SHIPMENT_NOT_DISPATCHED'],
      },
      schema: {
        operationId: 'correctTracking',
        tags,
        summary: 'The tracking number of a shipment that has left was recorded wrongly, or its carrier',
        params: ShipmentParams,
        body: CorrectBody,
        response: { 200: answer('The shipment, with its number', ShipmentView) },
      },
    },
    (request) =>
      move(request, {
        type: 'correct',
        shipmentId: request.params.id.toLowerCase(),
        ...request.body,
        by: request.principal.name,
      }),
  );

  for (const { kind, path, operationId, summary } of FAILURE_ROUTES) {
    app.post<{ Params: Static<typeof ShipmentParams>; Body: { reason?: string; restock?: boolean } }>(
      `/shipments/:id/${path}`,
      {
        config: {
          permission: 'shipments:move',
          idempotencyKey: 'accepted',
          refusals: [...MOVE_REFUSALS, 'SHIPMENT_NOT_CLAIMABLE'],
        },
        schema: {
          operationId,
          tags,
          summary,
          params: ShipmentParams,
          body: kind === 'returned_to_sender' ? CameBackBody : FailureBody,
          response: { 200: answer('The shipment, as it stands', ShipmentView) },
        },
        preValidation: emptyBodyIsObject,
      },
      (request) => {
        const { id: shipmentId } = request.params;
        const by = request.principal.name;
        return move(request, { type: 'fail', shipmentId: shipmentId.toLowerCase(), kind, ...request.body, by });
      },
    );
  }
}
