import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { isRefusal } from '#contracts/errors.ts';
import { type Database, isUniqueViolation } from '#platform/database/database.ts';
import { requestKey, storedAnswer } from '#platform/http/idempotency.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import type { Lane } from '#platform/lane.ts';
import { type CarrierDue, isPaused, type Shipment, type Shipping, type ShippingCommand } from './rules.ts';
import { loadShipping, orderOfShipment } from './store.ts';

export interface ShippingRoutes {
  readonly lane: Lane<Shipping, ShippingCommand, CarrierDue>;
  readonly database: Database;
}

const Id = Type.String({ format: 'uuid' });
const ShipmentParams = Type.Object({ id: Id });
const ListQuery = Type.Object({ orderId: Id }, { additionalProperties: false });
const DispatchBody = Type.Object(
  {
    carrier: Type.String({ minLength: 1, maxLength: 100, description: 'Who carries it' }),
    trackingNumber: Type.String({ minLength: 1, maxLength: 100, description: 'The carrier’s number of the parcel' }),
  },
  { additionalProperties: false },
);
const NoBody = Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]);
const KeyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ description: 'A fresh value per intent; the same key and body get the same answer' }),
  ),
});
const tags = ['shipments'];

function view(orderId: string, shipping: Shipping, shipment: Shipment): Record<string, unknown> {
  const { id, status, location, items, carrier, trackingNumber } = shipment;
  return { id, orderId, status, location, items, carrier, trackingNumber, paused: isPaused(shipping, shipment) };
}

export function shippingRoutes(app: FastifyInstance, { lane, database }: ShippingRoutes): void {
  const orderIdOf = async (shipmentId: string): Promise<string> => {
    const orderId = await orderOfShipment(database, shipmentId);
    if (orderId === undefined) throw new Problem('SHIPMENT_NOT_FOUND', `There is no shipment ${shipmentId}.`);
    return orderId;
  };
  const viewOf = (orderId: string, shipping: Shipping, shipmentId: string): Record<string, unknown> =>
    view(
      orderId,
      shipping,
      shipping.shipments.find((shipment) => shipment.id === shipmentId)!,
    );

  /** Gives a command; a repeat under the same key gets the answer of the first time. */
  const give = async (
    request: FastifyRequest,
    command: Extract<ShippingCommand, { shipmentId: string }>,
  ): Promise<Record<string, unknown>> => {
    const key = requestKey(request, false);
    const repeated = async (): Promise<Record<string, unknown> | undefined> => {
      const answer = await storedAnswer<{ orderId: string }>(database, key);
      if (!answer) return undefined;
      const shipping = await loadShipping(database, answer.orderId);
      const status = command.type === 'dispatch' ? 'DISPATCHED' : 'DELIVERED';
      return { ...viewOf(answer.orderId, shipping!, command.shipmentId), status };
    };
    const before = await repeated();
    if (before) return before;
    const orderId = await orderIdOf(command.shipmentId);
    try {
      const answer = await lane.submit({ orderId, command, cause: request.cause, idempotency: key });
      // The same key at the same time: the other request was decided first, and this one answers like it.
      if (isRefusal(answer)) return (await repeated()) ?? Promise.reject(problemOfRefusal(answer));
      return viewOf(orderId, answer.row.state!, command.shipmentId);
    } catch (error) {
      const answer = isUniqueViolation(error) ? await repeated() : undefined;
      if (answer) return answer;
      throw error;
    }
  };

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/shipments',
    { schema: { tags, summary: 'The shipments of an order', querystring: ListQuery } },
    async (request) => {
      const orderId = request.query.orderId.toLowerCase();
      const shipping = await loadShipping(database, orderId);
      return { items: shipping?.shipments.map((shipment) => view(orderId, shipping, shipment)) ?? [] };
    },
  );

  app.get<{ Params: Static<typeof ShipmentParams> }>(
    '/shipments/:id',
    { schema: { tags, summary: 'One shipment', params: ShipmentParams } },
    async (request) => {
      const id = request.params.id.toLowerCase();
      const orderId = await orderIdOf(id);
      return viewOf(orderId, (await loadShipping(database, orderId))!, id);
    },
  );

  app.post<{ Params: Static<typeof ShipmentParams>; Body: Static<typeof DispatchBody> }>(
    '/shipments/:id/dispatch',
    {
      config: { role: 'operator' },
      schema: {
        tags,
        summary: 'A shipment was handed to the carrier',
        params: ShipmentParams,
        headers: KeyHeaders,
        body: DispatchBody,
      },
    },
    (request) => give(request, { type: 'dispatch', shipmentId: request.params.id.toLowerCase(), ...request.body }),
  );

  app.post<{ Params: Static<typeof ShipmentParams> }>(
    '/shipments/:id/deliver',
    {
      config: { role: 'operator' },
      schema: {
        tags,
        summary: 'A shipment reached the customer',
        params: ShipmentParams,
        headers: KeyHeaders,
        body: NoBody,
      },
    },
    (request) => give(request, { type: 'deliver', shipmentId: request.params.id.toLowerCase() }),
  );
}
