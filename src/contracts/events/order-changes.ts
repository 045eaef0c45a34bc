import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import {
  Allocation,
  Amount,
  CustomerMessage,
  Id,
  LinePart,
  LineQuantity,
  LineValue,
  ParcelFailure,
  Reason,
  SOURCES,
  Time,
  TrackingUrl,
  exampleId,
  exampleTime,
} from './vocabulary.ts';

const source = SOURCES.orders;
const ChangeKind = Type.Literal('cancellation');
const exampleLine = { line: 1, sku: 'MUG-1', quantity: 1 };

/** What the orders service emits where an order is changed after it was placed, or a parcel of it goes wrong. */
export const ORDER_CHANGE_EVENTS = {
  OrderChangeRequested: defineEvent({
    source,
    meaning: 'Pieces are to be taken off an order that is with the warehouse; shipping says what is still here.',
    data: Type.Object({
      changeId: Id,
      kind: ChangeKind,
      removes: Type.Array(LineQuantity),
      atMost: Type.Optional(Type.Boolean({ description: 'As many of them as can still be stopped' })),
      reason: Reason,
      by: Type.String(),
      customerMessage: Type.Optional(CustomerMessage),
      deadlineAt: Time,
    }),
    example: {
      changeId: exampleId,
      kind: 'cancellation',
      removes: [exampleLine],
      reason: 'ordered twice',
      by: 'customer',
      deadlineAt: exampleTime,
    },
  }),
  OrderChanged: defineEvent({
    source,
    meaning:
      'Pieces were taken off the order: `removed` with what they cost, `released` as they were set aside; `totalAmount` is what stands.',
    data: Type.Object({
      changeId: Id,
      kind: ChangeKind,
      removed: Type.Array(LineValue),
      released: Type.Array(Allocation),
      credited: Type.Optional(
        Type.Array(LinePart, { description: 'Shipping, where with it nothing of the order is left' }),
      ),
      totalAmount: Amount,
      reason: Reason,
      by: Type.String(),
      customerMessage: Type.Optional(CustomerMessage),
    }),
    example: {
      changeId: exampleId,
      kind: 'cancellation',
      removed: [{ ...exampleLine, amount: '9.95' }],
      released: [{ sku: 'MUG-1', location: 'main', quantity: 1 }],
      totalAmount: '9.95',
      reason: 'ordered twice',
      by: 'customer',
    },
  }),
  OrderChangeLapsed: defineEvent({
    source,
    meaning: 'A change that was asked for came too late or was not decided in time; the order is as before.',
    data: Type.Object({ changeId: Id, reason: Reason }),
    example: { changeId: exampleId, reason: 'the parcel had left already' },
  }),
  OrderShippingClosed: defineEvent({
    source,
    meaning: 'Everything of the order that stands has left; the rest was cancelled.',
    data: Type.Object({
      amount: Type.Optional(
        Type.String({ ...Amount, description: 'Still to be captured, where the payment was only authorized' }),
      ),
      deadlineAt: Time,
    }),
    example: { deadlineAt: exampleTime },
  }),
  OrderTrackingCorrected: defineEvent({
    source,
    meaning: 'A parcel of the order has another tracking number, or another carrier, than was said before.',
    data: Type.Object({
      shipmentId: Id,
      carrier: Type.String(),
      trackingNumber: Type.String(),
      trackingUrl: Type.Optional(TrackingUrl),
    }),
    example: { shipmentId: exampleId, carrier: 'DHL', trackingNumber: 'JD2' },
  }),
  OrderLossRecorded: defineEvent({
    source,
    meaning: 'A parcel of the order was lost or damaged, or came back undelivered.',
    data: Type.Object({ shipmentId: Id, kind: ParcelFailure, reason: Type.Optional(Reason) }),
    example: { shipmentId: exampleId, kind: 'lost' },
  }),
  OrderClaimOpened: defineEvent({
    source,
    meaning:
      'Pieces of a parcel did not reach the customer as they should: their value is refunded, or a replacement order sends them again.',
    data: Type.Object({
      claimId: Id,
      shipmentId: Id,
      kind: ParcelFailure,
      resolution: Type.Union([Type.Literal('refund'), Type.Literal('reship')]),
      items: Type.Array(LineQuantity),
      credited: Type.Optional(Type.Array(LinePart)),
      followUpId: Type.Optional(Type.String({ format: 'uuid', description: 'The order that replaces them' })),
      reason: Reason,
      by: Type.String(),
      customerMessage: Type.Optional(CustomerMessage),
    }),
    example: {
      claimId: exampleId,
      shipmentId: exampleId,
      kind: 'lost',
      resolution: 'refund',
      items: [exampleLine],
      credited: [{ line: 1, quantity: 1, amount: '9.95' }],
      reason: 'the carrier cannot find it',
      by: 'operator',
    },
  }),
  OrderFollowUpClosed: defineEvent({
    source,
    meaning: 'The order that replaced pieces has ended; where it did not send them, their value is refunded.',
    data: Type.Object({
      claimId: Id,
      followUpId: Id,
      status: Type.String(),
      credited: Type.Optional(Type.Array(LinePart)),
    }),
    example: { claimId: exampleId, followUpId: exampleId, status: 'COMPLETED' },
  }),
  OrderReturnClosed: defineEvent({
    source,
    meaning: 'Nothing more of the return is expected; what never came may be returned again.',
    data: Type.Object({ returnId: Id, reason: Reason, by: Type.String() }),
    example: { returnId: exampleId, reason: 'nothing more is to come', by: 'operator' },
  }),
} as const satisfies Record<string, EventDefinition>;
