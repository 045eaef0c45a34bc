import { Type } from 'typebox';

/** What the API says of how an order is paid. */

export const NextActionView = Type.Object(
  {
    type: Type.String({ enum: ['client_secret', 'redirect'] }),
    clientSecret: Type.Optional(Type.String({ description: "For the provider's script in the customer's browser" })),
    url: Type.Optional(Type.String({ description: 'Where the customer is sent to' })),
    expiresAt: Type.String({ format: 'date-time', description: 'The attempt ends then' }),
  },
  {
    description:
      'What the customer has to do before the payment goes on, where `paymentStatus` is REQUIRES_ACTION; shown to the customer and to who placed the order only',
  },
);
