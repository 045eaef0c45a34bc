import { Type } from 'typebox';
import { NUMBERS_MAX } from '#contracts/many-orders.ts';
import {
  CustomerMessage,
  Id,
  IdText,
  PageOf,
  pageParameters,
  Reason,
  strict,
  Text,
  Time,
} from '#platform/http/schemas.ts';
import { ListQuery, Metadata } from '#orders/schemas.ts';
import { BULK_COMMANDS } from './commands.ts';

/** Orders of one run; more take several. */
export const BULK_MAX = 50_000;
const IDS_MAX = 10_000;
/** What became of a run's orders, by name. */
const OUTCOMES = ['waiting', 'done', 'refused'] as const;
/** Orders that the answer to a dry run names one by one; the counts are of all. */
export const FORESEEN_MAX = 1_000;

const { cursor: _cursor, limit: _limit, sort: _sort, ...filters } = ListQuery.properties;
const Command = Type.String({ enum: Object.keys(BULK_COMMANDS), description: 'What is asked of each order' });
const HoldType = Text(50, { minLength: 1, description: 'Type of the hold; `manual` by default' });

const Arguments = Type.Object(
  {
    reason: Type.Optional(Reason),
    customerMessage: Type.Optional(CustomerMessage),
    type: Type.Optional(HoldType),
    metadata: Type.Optional(Metadata),
    carrier: Type.Optional(Text(100, { minLength: 1 })),
    trackingNumber: Type.Optional(
      Text(100, { minLength: 1, description: 'Of a dispatch: what the carrier calls all that it took' }),
    ),
    trackingNumbers: Type.Optional(
      Type.Array(
        Type.Object(
          { shipmentId: IdText, trackingNumber: Text(100, { minLength: 1 }) },
          { ...strict, title: 'BulkParcelNumber' },
        ),
        {
          minItems: 1,
          maxItems: NUMBERS_MAX,
          description:
            'Of a dispatch, instead of `trackingNumber`: what the carrier calls each parcel; those that are not named stay here',
        },
      ),
    ),
  },
  { ...strict, title: 'BulkArguments', description: 'What goes with the command: as in its own route' },
);

export const BulkRequest = Type.Object(
  {
    command: Command,
    arguments: Type.Optional(Arguments),
    ids: Type.Optional(Type.Array(IdText, { minItems: 1, maxItems: IDS_MAX, description: 'These orders' })),
    query: Type.Optional(
      Type.Object(filters, {
        ...strict,
        title: 'BulkQuery',
        description: 'The orders that GET /orders lists by these filters, oldest first',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: BULK_MAX, description: 'Of those that `query` finds, so many' }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'Say what would happen to each order, and change nothing' })),
  },
  {
    ...strict,
    examples: [
      {
        command: 'hold',
        arguments: { reason: 'customs strike' },
        query: { country: ['GB'], status: ['RESERVED', 'PAID'] },
        limit: 20,
        dryRun: true,
      },
    ],
  },
);

const Status = Type.String({ enum: ['running', 'stopped', 'done'] });

export const BulkRunView = Type.Object(
  {
    id: Id,
    command: Command,
    arguments: Arguments,
    status: Status,
    total: Type.Integer(),
    done: Type.Integer({ description: 'Orders to which it was done' }),
    refused: Type.Integer({ description: 'Orders that do not allow it' }),
    waiting: Type.Integer({ description: 'Orders that are still to come, or were left when the run was stopped' }),
    createdBy: Type.String(),
    createdAt: Time,
    endedAt: Type.Optional(Time),
  },
  { title: 'BulkRun' },
);

export const BulkForecast = Type.Object(
  {
    command: Command,
    total: Type.Integer(),
    would: Type.Integer({ description: 'Orders to which it would be done' }),
    refused: Type.Integer(),
    refusals: Type.Array(Type.Object({ code: Type.String(), count: Type.Integer() }), {
      description: 'How many orders would refuse, by code',
    }),
    items: Type.Array(
      Type.Object({
        orderId: Id,
        outcome: Type.String({ enum: ['would', 'refused'] }),
        status: Type.Optional(Type.String({ description: 'What it would be afterwards, or is' })),
        events: Type.Optional(Type.Array(Type.String(), { description: 'What would happen' })),
        code: Type.Optional(Type.String()),
        detail: Type.Optional(Type.String({ description: 'Why not' })),
      }),
      { description: `The first ${FORESEEN_MAX} orders` },
    ),
  },
  { title: 'BulkForecast' },
);

export const BulkListQuery = Type.Object({ status: Type.Optional(Status), ...pageParameters }, strict);
export const BulkRunPage = PageOf(BulkRunView);

export const BulkParams = Type.Object({ id: IdText });
export const BulkItemsQuery = Type.Object(
  { outcome: Type.Optional(Type.String({ enum: [...OUTCOMES] })), ...pageParameters },
  strict,
);
export const BulkItemPage = PageOf(
  Type.Object(
    {
      orderId: Id,
      outcome: Type.String({ enum: [...OUTCOMES] }),
      code: Type.Optional(Type.String()),
      detail: Type.Optional(Type.String({ description: 'Why it was refused' })),
    },
    { title: 'BulkItem' },
  ),
);
