import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { idTimeMs } from '#contracts/ids.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { type Column, exportAnswer, exportOf, exportParameters, pagesBy } from '#platform/http/exports.ts';
import { strict } from '#platform/http/schemas.ts';
import { idsOf } from '#platform/http/several.ts';
import { shipmentFilterOf, shipmentParameters } from './filter.ts';
import { type FoundShipment, listShipments } from './store.ts';

const ExportQuery = Type.Object({ ...shipmentParameters, ...exportParameters }, strict);

const COLUMNS: readonly Column<FoundShipment>[] = [
  { name: 'id', of: ({ shipment }) => shipment.id },
  { name: 'orderId', of: ({ orderId }) => orderId },
  { name: 'status', of: ({ shipment }) => shipment.status },
  { name: 'location', of: ({ shipment }) => shipment.location },
  { name: 'items', of: ({ shipment }) => shipment.items.map(({ sku, quantity }) => `${quantity} ${sku}`).join('; ') },
  { name: 'carrier', of: ({ shipment }) => shipment.carrier },
  { name: 'trackingNumber', of: ({ shipment }) => shipment.trackingNumber },
  { name: 'tracking', of: ({ shipment }) => shipment.tracking?.status },
  { name: 'trackingAt', of: ({ shipment }) => shipment.tracking?.at },
  { name: 'scheduledAt', of: ({ shipment }) => isoTime(idTimeMs(shipment.id)) },
];

/** `GET /exports/shipments`: what `GET /shipments` lists, as a file. */
export function exportShipments(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Static<typeof ExportQuery> }>(
    '/exports/shipments',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'exportShipments',
        tags: ['exports'],
        summary: 'Shipments, as a file: those that GET /shipments lists, in its order',
        querystring: ExportQuery,
        response: { 200: exportAnswer('Shipments') },
      },
    },
    async (request, reply) => {
      const filter = { ...shipmentFilterOf(request.query), orderIds: idsOf(request.query.orderId) };
      const pages = pagesBy(
        (page) => listShipments(database, { ...filter, ...page }),
        ({ shipment }) => shipment.id,
      );
      return exportOf(request, reply, { name: 'shipments', permission: 'shipments:read', columns: COLUMNS, pages });
    },
  );
}
