import { Type } from 'typebox';
import { AUTH_TYPES, type AuthType } from './envelope.ts';
import type { ErrorCode } from './errors.ts';

/** One command for many orders, as the service that has the run asks those that decide on it. */
export interface ManyOrders {
  readonly runId: string;
  readonly command: string;
  readonly arguments: BulkArguments;
  /** Who gave it, by name and kind. */
  readonly by: string;
  readonly authtype?: AuthType | undefined;
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
  /** Only says what would happen. */
  readonly dryRun: boolean;
  readonly orderIds: readonly string[];
}

/** What goes with a command; which of it, depends on the command. */
export interface BulkArguments {
  readonly reason?: string;
  readonly customerMessage?: string;
  /** Of a hold. */
  readonly type?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Of a dispatch. */
  readonly carrier?: string;
  /** One number for all: that of a pallet. */
  readonly trackingNumber?: string;
  /** Of each parcel its own; others are left where they are. */
  readonly trackingNumbers?: readonly ParcelNumber[];
}

export interface ParcelNumber {
  readonly shipmentId: string;
  readonly trackingNumber: string;
}

/** Parcels of one dispatch that have numbers of their own. */
export const NUMBERS_MAX = 5_000;

/** What becomes of an order; `later`: it was not reached, and is to be asked again. */
export interface Given {
  readonly orderId: string;
  readonly outcome: 'done' | 'would' | 'refused' | 'later';
  readonly code?: ErrorCode;
  readonly detail?: string;
  /** The status that it would have afterwards, or has. */
  readonly status?: string;
  /** Types of the events that it would cause. */
  readonly events?: readonly string[];
}

/** Orders that are asked about at once. */
export const MANY_MAX = 500;

const Text = Type.String({ maxLength: 1_000 });
export const ManyOrdersArgument = Type.Object(
  {
    runId: Type.String({ format: 'uuid' }),
    command: Type.String({ maxLength: 50 }),
    arguments: Type.Object(
      {
        reason: Type.Optional(Text),
        customerMessage: Type.Optional(Text),
        carrier: Type.Optional(Text),
        trackingNumber: Type.Optional(Text),
        trackingNumbers: Type.Optional(
          Type.Array(
            Type.Object(
              { shipmentId: Type.String({ format: 'uuid' }), trackingNumber: Text },
              { additionalProperties: false },
            ),
            { maxItems: NUMBERS_MAX },
          ),
        ),
      },
      { additionalProperties: false },
    ),
    by: Text,
    authtype: Type.Optional(Type.String({ enum: [...AUTH_TYPES] })),
    correlationid: Text,
    traceparent: Type.Optional(Text),
    dryRun: Type.Boolean(),
    orderIds: Type.Array(Type.String({ format: 'uuid' }), { maxItems: MANY_MAX }),
  },
  { additionalProperties: false },
);
