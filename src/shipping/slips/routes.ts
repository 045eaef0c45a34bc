import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { countryCodeOf } from '#contracts/countries.ts';
import { idTimeMs } from '#contracts/ids.ts';
import { type Language, languageOfLocale } from '#contracts/languages.ts';
import type { OrderOnPaper, Peers } from '#contracts/peers.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { IdText, strict } from '#platform/http/schemas.ts';
import { PAPERS, type Paper, paperOf } from '#platform/paper/sheet.ts';
import type { Shipping } from '#shipping/rules/model.ts';
import { loadShipping, orderOfShipment } from '#shipping/store.ts';
import type { Place } from './slips.ts';

/** `GET /shipments/{id}/packing-slip` and `GET /orders/{id}/returns/{returnId}/slip`: PDF to print and lay into parcels. */

export interface SlipParts {
  readonly database: Database;
  readonly peers: Pick<Peers, 'orderOnPaper' | 'addressOfLocation'>;
  readonly shopName: string;
  /** Of customers whose order names none of ours. */
  readonly language: Language;
}

const ShipmentParams = Type.Object({ id: IdText });
const ReturnParams = Type.Object({ id: { ...IdText, description: 'The order id' } as typeof IdText, returnId: IdText });
const SlipQuery = Type.Object(
  {
    paper: Type.Optional(
      Type.String({ enum: [...PAPERS], description: 'By default that of the country that the goods were sent to' }),
    ),
  },
  strict,
);
const PDF = 'application/pdf';
const slipAnswer = (description: string): ReturnType<typeof answer> =>
  answer(description, Type.String(), { media: PDF });
/** Where goods go whose parcel is not known. */
const DEFAULT_LOCATION = 'main';

export function slipRoutes(app: FastifyInstance, { database, peers, shopName, language }: SlipParts): void {
  const commonOf = async (order: OrderOnPaper, location: string, id: string, paper: string | undefined) => {
    const { address } = await peers.addressOfLocation({ name: location });
    return {
      order,
      place: { location, address } satisfies Place,
      shopName,
      language: languageOfLocale((order.locale ?? language).replaceAll('_', '-')) ?? language,
      paper: (paper as Paper | undefined) ?? paperOf(countryCodeOf(order.shippingAddress?.country)),
      at: new Date(idTimeMs(id)),
    };
  };

  app.get<{ Params: Static<typeof ShipmentParams>; Querystring: Static<typeof SlipQuery> }>(
    '/shipments/:id/packing-slip',
    {
      config: { permission: 'slips:read', ofCustomer: 'filtered', refusals: ['SHIPMENT_NOT_FOUND'] },
      schema: {
        operationId: 'printPackingSlip',
        tags: ['shipments'],
        summary: 'What is in a parcel, to be put into it: without prices, in the language of the customer',
        params: ShipmentParams,
        querystring: SlipQuery,
        response: { 200: slipAnswer('The packing slip, with the number of the order as a bar code (Code 128)') },
      },
    },
    async (request, reply) => {
      const id = request.params.id.toLowerCase();
      const orderId = await orderOfShipment(database, id);
      const own = orderId === undefined ? [] : await app.ownOrders.among(request.principal, [orderId]);
      const { order } = own.length === 0 ? {} : await peers.orderOnPaper({ orderId: orderId! });
      if (!order) throw new Problem('SHIPMENT_NOT_FOUND', `There is no shipment ${id}.`);
      const all = (await loadShipping(database, orderId!))!.shipments;
      // One that was cancelled is none of the parcels that the customer gets.
      const shipments = all.filter((one) => one.id === id || one.status !== 'CANCELLED');
      const index = shipments.findIndex((one) => one.id === id);
      const shipment = shipments[index]!;
      const { packingSlipOf } = await import('./slips.ts');
      const pdf = await packingSlipOf({
        ...(await commonOf(order, shipment.location, id, request.query.paper)),
        shipment,
        nth: index + 1,
        parcels: shipments.length,
      });
      return send(reply, `packing-slip-${order.number}-${index + 1}`, pdf);
    },
  );

  app.get<{ Params: Static<typeof ReturnParams>; Querystring: Static<typeof SlipQuery> }>(
    '/orders/:id/returns/:returnId/slip',
    {
      config: {
        permission: 'slips:read',
        ofCustomer: 'order',
        refusals: ['ORDER_NOT_FOUND', 'RETURN_NOT_FOUND', 'RETURN_CLOSED'],
      },
      schema: {
        operationId: 'printReturnSlip',
        tags: ['shipments'],
        summary: 'What is expected with a return and why, to be put into the parcel, in the language of the customer',
        params: ReturnParams,
        querystring: SlipQuery,
        response: { 200: slipAnswer('The return slip, with the number of the return as a bar code (Code 128)') },
      },
    },
    async (request, reply) => {
      const [orderId, returnId] = [request.params.id.toLowerCase(), request.params.returnId.toLowerCase()];
      const { order } = await peers.orderOnPaper({ orderId });
      if (!order) throw new Problem('ORDER_NOT_FOUND', 'There is no order with this id.');
      const entry = order.returns.find((one) => one.returnId === returnId);
      if (!entry) throw new Problem('RETURN_NOT_FOUND', `The order has no return ${returnId}.`);
      const [first] = entry.items;
      if (!first) throw new Problem('RETURN_CLOSED', 'Nothing more of this return is expected; ask for another one.');
      const location = cameFrom(await loadShipping(database, orderId), first.sku);
      const { returnSlipOf } = await import('./slips.ts');
      const common = await commonOf(order, location, returnId, request.query.paper);
      return send(reply, `return-slip-${entry.number}`, await returnSlipOf({ ...common, entry }));
    },
  );
}

/** Where the last parcel with an article left from. */
function cameFrom(shipping: Shipping | undefined, sku: string): string {
  const parcels = (shipping?.shipments ?? []).filter(({ items }) => items.some((item) => item.sku === sku));
  return parcels.at(-1)?.location ?? DEFAULT_LOCATION;
}

function send(reply: FastifyReply, name: string, pdf: Buffer): FastifyReply {
  return reply.type(PDF).header('content-disposition', `inline; filename="${name}.pdf"`).send(pdf);
}
