import {
  type GraphQLFieldConfig,
  GraphQLID,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
} from 'graphql';
import { isUuid } from '#contracts/ids.ts';
import type { StreamFilter } from '../stream.ts';
import { type CallContext, errorOf } from './calls.ts';
import type { Queries } from './queries.ts';
import { DATE_TIME } from './scalars.ts';
import type { Types } from './types.ts';

/** What can be followed: orders as they change. */

/** An event about an order, as far as every caller who may read the order may know it. */
export interface ChangedOrder {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly orderId: string;
  readonly order: unknown;
}

type Changes = AsyncIterable<Omit<ChangedOrder, 'order'>>;

/** What a subscription works with beside what every operation does. */
export interface SubscriptionContext extends CallContext {
  /** Events from now on, until the caller goes away. Throws where nobody more can be served. */
  readonly changes: (filter: StreamFilter) => Promise<Changes>;
}

const FILTER_MAX = 200;

interface ChangedArguments {
  readonly orderIds?: readonly string[] | null;
  readonly types?: readonly string[] | null;
}

/** The fields of `Subscription`. */
export function subscriptionFields(
  types: Types,
  queries: Queries,
): Record<string, GraphQLFieldConfig<unknown, CallContext, ChangedArguments>> {
  const change = new GraphQLObjectType<ChangedOrder>({
    name: 'ChangedOrder',
    description: 'An event of an order, and the order as it stands',
    fields: {
      id: { type: new GraphQLNonNull(GraphQLID), description: 'Of the event; it may come twice' },
      type: { type: new GraphQLNonNull(GraphQLString), description: 'Of the event, such as OrderPaid' },
      time: { type: new GraphQLNonNull(DATE_TIME) },
      orderId: { type: new GraphQLNonNull(GraphQLID) },
      order: { type: new GraphQLNonNull(types.output({ $ref: '#/components/schemas/Order' }, 'Order')) },
    },
  });
  const several = (type: typeof GraphQLID): GraphQLList<GraphQLNonNull<typeof type>> =>
    new GraphQLList(new GraphQLNonNull(type));
  return {
    orderChanged: {
      type: new GraphQLNonNull(change),
      description:
        'Orders as they change, from now on. It ends with an error of the code EVENTS_MISSED where events may be missing: subscribe again, and read again what you show',
      args: {
        orderIds: { type: several(GraphQLID), description: `These orders alone, at most ${FILTER_MAX}` },
        types: { type: several(GraphQLString), description: 'These types of events alone' },
      },
      subscribe: (_source, args, context) => ordersChanged(context as SubscriptionContext, queries, args),
      resolve: (source) => source,
    },
  };
}

async function ordersChanged(
  context: SubscriptionContext,
  queries: Queries,
  { orderIds, types }: ChangedArguments,
): Promise<AsyncIterable<ChangedOrder>> {
  const ids = (orderIds ?? []).map((id) => id.toLowerCase());
  if (ids.length > FILTER_MAX || !ids.every(isUuid))
    throw errorOf({ code: 'VALIDATION_FAILED', detail: `orderIds takes at most ${FILTER_MAX} order ids.` });
  const changes = await context.changes({ orderIds: new Set(ids), types: new Set(types ?? []) });
  return seen(context, queries, changes);
}

/** Those changes whose orders the caller may read: others' orders do not exist for a customer. */
async function* seen(context: CallContext, queries: Queries, changes: Changes): AsyncGenerator<ChangedOrder> {
  for await (const change of changes) {
    // Each answer shows what is there now, and nothing that was read for an earlier one.
    context.loaders.clear();
    const order = await queries.order(context, change.orderId);
    if (order !== null) yield { ...change, order };
  }
}
