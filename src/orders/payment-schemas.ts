import { Type } from 'typebox';
import { Amount, strict } from '#platform/http/schemas.ts';

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

/** What an order is to be paid with: a token of a provider, by default of the first that is configured. */
export const PaymentGiven = Type.Object(
  {
    provider: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[a-z0-9_-]+$' })),
    token: Type.String({ minLength: 1, maxLength: 300, pattern: '^[\\x21-\\x7e]+$' }),
  },
  strict,
);

export const PayAgainUntil = Type.String({
  format: 'date-time',
  description: 'The payment failed, and until then the order may be paid again; it ends after it',
});

export const DisputesView = Type.Array(
  Type.Object({
    disputeId: Type.String({ description: 'As the provider calls it' }),
    amount: Amount,
    reason: Type.String(),
    dueAt: Type.Optional(Type.String({ format: 'date-time', description: 'Until when the shop may answer' })),
    status: Type.String({ enum: ['open', 'won', 'lost'] }),
  }),
  { description: 'What the customer disputes with their bank; while one is open, nothing is refunded' },
);
