import { Type } from 'typebox';
import { PageOf, strict } from '#platform/http/schemas.ts';
import { Several } from '#platform/http/several.ts';
import { ListQuery, OrderView } from './schemas.ts';

/** Schemas of `GET /orders/details`: the list of orders with everything of each, or what is asked for. */

export const OrderDetailsPage = PageOf(
  Type.Partial(Type.Object(OrderView.properties), {
    title: 'OrderDetails',
    description: 'An order as it is shown by itself, or the fields of it that were asked for',
  }),
);

/** What the list of orders takes, and which fields are wanted. */
export const DetailsQuery = Type.Object(
  {
    ...ListQuery.properties,
    fields: Type.Optional(
      Several(
        Type.String({ enum: Object.keys(OrderView.properties) }),
        'Only these fields of each; those that are not asked for cost nothing',
      ),
    ),
  },
  strict,
);
