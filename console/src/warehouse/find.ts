import type { Order, OrderSummary, Shipment } from '#client';
import { Problem } from '#client';
import { api } from '../api.ts';

/** What somebody means by what they scanned, and what became of parcels. */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** The number of a return, as its slip has it: that of the order, and which of its returns. */
const RETURN = /^(.+)-R\d{1,3}$/i;
const PARCELS_MAX = 200;

export type Found =
  | { readonly kind: 'none' }
  /** It has the form of a number, and no order can be called so. */
  | { readonly kind: 'mistyped' }
  | { readonly kind: 'several' }
  | {
      readonly kind: 'order';
      readonly order: OrderSummary;
      readonly shipmentId?: string;
      readonly returnNumber?: string;
    };

/** The order that a scanned text names: by its number, the id of a parcel, or whatever else finds exactly one. */
export async function orderOf(text: string): Promise<Found> {
  const ofReturn = RETURN.exec(text)?.[1];
  if (ofReturn !== undefined) {
    const found = await orderOf(ofReturn);
    return found.kind === 'order' ? { ...found, returnNumber: text.toUpperCase() } : found;
  }
  if (UUID.test(text)) {
    const shipment = await orNothing(api.readShipment({ id: text }));
    const id = shipment?.orderId ?? text;
    const [order] = (await api.listOrders({ id: [id], limit: 1 })).items;
    return order ? { kind: 'order', order, ...(shipment && { shipmentId: shipment.id }) } : { kind: 'none' };
  }
  try {
    const [order] = (await api.listOrders({ number: [text], limit: 1 })).items;
    if (order) return { kind: 'order', order };
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error;
    if (error.code === 'ORDER_NUMBER_INVALID') return { kind: 'mistyped' };
  }
  const found = (await api.listOrders({ text, limit: 2 })).items;
  if (found.length > 1) return { kind: 'several' };
  return found[0] ? { kind: 'order', order: found[0] } : { kind: 'none' };
}

async function orNothing<Item>(read: PromiseLike<Item>): Promise<Item | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  }
}

export async function parcelsOf(orderId: string): Promise<readonly Shipment[]> {
  return (await api.listShipments({ orderId: [orderId], limit: PARCELS_MAX })).items;
}

/** Who sent a parcel, and when; nothing where the person may not know. */
export async function sentBy(shipment: Shipment): Promise<{ readonly by?: string; readonly at?: string }> {
  try {
    const events = (await api.listOrderEvents({ id: shipment.orderId })).items;
    const sent = events.findLast(
      ({ type, data }) => type === 'ShipmentDispatched' && (data as { shipmentId?: string }).shipmentId === shipment.id,
    );
    const by = (sent?.data as { by?: string } | undefined)?.by;
    return { ...(by !== undefined && { by }), ...(sent && { at: sent.time }) };
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return {};
    throw error;
  }
}

export type Line = Order['items'][number];
