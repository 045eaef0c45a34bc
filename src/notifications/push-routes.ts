import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { uuidv7 } from 'uuidv7';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { answerOnce } from '#platform/http/commands.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { keepReply, requestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import { Id, IdText, strict, Text, Time, type View } from '#platform/http/schemas.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import { isPushService } from './channels/web-push.ts';
import { subscriptionIn } from './channels/web-push-crypto.ts';
import { isSubscribed, removeSubscription, saveSubscription, subscriptionAt } from './push-subscriptions.ts';

/** Browsers in which customers ask to be notified of their orders: theirs alone, or by a shop for its customers. */

export interface PushRoutesOptions {
  readonly database: Database;
  /** Under what browsers subscribe; undefined: there are no pushes. */
  readonly publicKey: string | undefined;
  readonly services: readonly string[];
  readonly clock: Clock;
}

const ENDPOINT_MAX = 1_000;

const Subscribe = Type.Object(
  {
    customerId: Type.Optional(
      Text(100, {
        minLength: 1,
        description: 'Whose browser it is, where a shop says so; of customers it is their own',
      }),
    ),
    endpoint: Text(ENDPOINT_MAX, { minLength: 1, description: 'Of the push service of the browser' }),
    expirationTime: Type.Optional(Type.Unknown({ description: 'As browsers have it; not used' })),
    keys: Type.Object({ p256dh: Text(200, { minLength: 1 }), auth: Text(100, { minLength: 1 }) }, strict),
  },
  {
    ...strict,
    description: 'As `PushSubscription.toJSON()` of a browser gives it',
    examples: [
      {
        customerId: 'c-7',
        endpoint: 'https://fcm.googleapis.com/fcm/send/abc',
        keys: {
          p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
          auth: 'BTBZMqHH6r4Tts7J_aSIgg',
        },
      },
    ],
  },
);
const SubscriptionView = Type.Object(
  { id: Id, customerId: Type.String(), createdAt: Time },
  { title: 'PushSubscription' },
);
type Answer = View<typeof SubscriptionView>;
const KeyView = Type.Object(
  {
    publicKey: Type.Union([Type.String(), Type.Null()], {
      description:
        'The `applicationServerKey` that browsers subscribe with, in base64url; null: there are no pushes here',
    }),
  },
  { title: 'PushKey' },
);
const Params = Type.Object({ id: IdText });
const PERMISSION = { permission: 'push:subscribe', ofCustomer: 'filtered' } as const;
const tags = ['notifications'];

export function pushRoutes(app: FastifyInstance, options: PushRoutesOptions): void {
  const { database, publicKey, services, clock } = options;
  app.get(
    '/push-subscriptions/key',
    {
      config: { ...PERMISSION, ofCustomer: 'everybody' },
      schema: {
        operationId: 'readPushKey',
        tags,
        summary: 'The key that browsers subscribe to pushes with',
        response: { 200: answer('The key', KeyView) },
      },
    },
    async (): Promise<View<typeof KeyView>> => ({ publicKey: publicKey ?? null }),
  );

  app.post<{ Body: Static<typeof Subscribe> }>(
    '/push-subscriptions',
    {
      config: { ...PERMISSION, idempotencyKey: 'accepted', refusals: ['PUSH_OFF'] },
      schema: {
        operationId: 'subscribeToPushes',
        tags,
        summary: 'Notify a customer in a browser',
        description:
          'From then on, messages about the orders of the customer go to this browser too, until it is gone. Of a customer’s browsers the last ten count; the same endpoint again is the same subscription.',
        body: Subscribe,
        response: { 201: answer('It is subscribed', SubscriptionView) },
      },
    },
    async (request, reply) => {
      if (publicKey === undefined)
        throw new Problem('PUSH_OFF', 'There are no pushes here: VAPID_PRIVATE_KEY is not set.');
      const key = requestKey(request);
      const customerId = customerOf(request);
      const subscription = subscriptionIn(request.body);
      if (!subscription || !isPushService(subscription.endpoint, services))
        throw new Problem(
          'VALIDATION_FAILED',
          'It is no subscription of a browser at a push service that is known here.',
          {
            errors: [
              subscription
                ? { pointer: '/endpoint', detail: 'is at no push service of PUSH_SERVICES' }
                : { pointer: '/keys', detail: 'are no keys of a subscription' },
            ],
          },
        );
      const subscribed = await answerOnce<Answer, Answer>(database, key, {
        async act() {
          const before = await subscriptionAt(database, subscription.endpoint);
          const made = {
            id: before?.id ?? uuidv7(),
            customerId,
            createdAt: before?.createdAt ?? isoTime(clock.nowMs()),
          };
          await database.write([
            ...saveSubscription(made, subscription),
            ...(key ? [keepReply(key, { status: 201, answer: made })] : []),
          ]);
          return made;
        },
        repeat: (stored) => stored,
      });
      return reply.code(201).send(subscribed);
    },
  );

  app.delete<{ Params: Static<typeof Params> }>(
    '/push-subscriptions/:id',
    {
      config: { ...PERMISSION, idempotencyKey: 'accepted', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'unsubscribeFromPushes',
        tags,
        summary: 'Notify a customer in this browser no more',
        params: Params,
        response: { 204: answer('It is forgotten') },
      },
    },
    async (request, reply) => {
      const key = requestKey(request);
      const id = request.params.id.toLowerCase();
      await answerOnce<true, true>(database, key, {
        async act() {
          if (!(await isSubscribed(database, id, request.principal.customer)))
            throw new Problem('NOT_FOUND', 'There is no such subscription.');
          await database.write([
            removeSubscription(id),
            ...(key ? [keepReply(key, { status: 204, answer: true })] : []),
          ]);
          return true;
        },
        repeat: () => true,
      });
      return reply.code(204).send();
    },
  );
}

/** Whose browser it is. Customers say it of themselves alone. */
function customerOf({ principal, body }: FastifyRequest<{ Body: Static<typeof Subscribe> }>): string {
  const { customerId } = body;
  const own = principal.customer;
  if (own !== undefined && customerId !== undefined && customerId !== own)
    throw new Problem('VALIDATION_FAILED', 'Customers subscribe for themselves: leave customerId out.', {
      errors: [{ pointer: '/customerId', detail: 'is another customer' }],
    });
  const customer = own ?? customerId;
  if (customer === undefined)
    throw new Problem('VALIDATION_FAILED', 'Say with customerId whose browser it is.', {
      errors: [{ pointer: '/customerId', detail: 'is missing' }],
    });
  return customer;
}
