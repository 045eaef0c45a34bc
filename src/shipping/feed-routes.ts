import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { isRefusal } from '#contracts/errors.ts';
import { TRACKING_STATUSES, type TrackingStatus } from '#contracts/order-events.ts';
import { isoMs, isoTime } from '#contracts/time.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import { IdText, strict, Text } from '#platform/http/schemas.ts';
import { WEBHOOK_HEADERS, WEBHOOK_MAX_BYTES } from '#platform/http/standard-webhooks.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Carriers } from './carriers/carriers.ts';
import type { TrackingFeed } from './carriers/port.ts';
import type { MessageOutcome } from './metrics.ts';
import type { TrackingFeedIntake } from './tracking-feed.ts';

/** `POST /webhooks/carriers/{name}`: where carriers say what became of their parcels. */

export interface FeedRoutesOptions {
  readonly carriers: Carriers;
  readonly intake: Pick<TrackingFeedIntake, 'take'>;
  readonly clock: Clock;
  /** Counts a message of a carrier. */
  counted(carrier: string, outcome: MessageOutcome): void;
}

const Params = Type.Object({ name: Type.String({ maxLength: 100, examples: ['dhl'] }) });
const Body = Type.Object(
  {
    trackingNumber: Text(100, {
      minLength: 1,
      pattern: '[0-9A-Za-z]',
      description: 'The carrier’s number of the parcel',
    }),
    status: Type.String({ enum: [...TRACKING_STATUSES] }),
    at: Type.String({ format: 'date-time', maxLength: 40, description: 'When it was so' }),
    shipmentId: Type.Optional(
      Type.String({ ...IdText, description: 'Id of the shipment, where the carrier got it with the parcel' }),
    ),
    detail: Type.Optional(Text(500, { description: 'In the words of the carrier' })),
  },
  {
    ...strict,
    examples: [{ trackingNumber: 'JD014600', status: 'out_for_delivery', at: '2026-11-28T08:12:00Z' }],
  },
);
type Message = Static<typeof Body> & { readonly status: TrackingStatus };

export function feedRoutes(app: FastifyInstance, { carriers, intake, clock, counted }: FeedRoutesOptions): void {
  /** Who sends messages under this name, and how they are verified; throws where none are taken. */
  const senderOf = (name: string): { readonly carrier: string; readonly feed: TrackingFeed } => {
    const { feed, name: carrier } = carriers.of(name);
    if (!feed)
      throw new Problem('NOT_FOUND', 'No carrier of this name sends messages: CARRIER_WEBHOOK_SECRETS names them.');
    return { carrier, feed };
  };

  const refuse = (carrier: string, problem: string | undefined): void => {
    if (problem === undefined) return;
    counted(carrier, 'refused');
    throw new Problem('WEBHOOK_SIGNATURE_INVALID', problem);
  };

  // The signature covers the bytes as sent, so this route alone takes the body unparsed.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<{ Params: Static<typeof Params>; Body: Message }>(
      '/webhooks/carriers/:name',
      {
        config: {
          public: true,
          headers: WEBHOOK_HEADERS,
          refusals: ['NOT_FOUND', 'WEBHOOK_SIGNATURE_INVALID', 'MALFORMED_JSON', 'OVERLOADED'],
        },
        bodyLimit: WEBHOOK_MAX_BYTES,
        // Nobody has said yet who calls: what can be refused without the body is refused before it is taken.
        onRequest: async ({ params, headers }) => {
          const { carrier, feed } = senderOf((params as Static<typeof Params>).name);
          refuse(carrier, feed.headProblem(headers, clock.nowMs()));
        },
        preValidation: async (request) => {
          const body: unknown = request.body;
          const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
          const { headers, params } = request;
          const { carrier, feed } = senderOf(params.name);
          refuse(carrier, feed.problem({ headers, body: bytes, nowMs: clock.nowMs() }));
          request.body = parsed(bytes) as Message;
        },
        schema: {
          operationId: 'receiveTracking',
          tags: ['shipments'],
          summary: 'Takes what a carrier says of a parcel, signed by Standard Webhooks',
          description:
            'Messages may come late, twice and in any order: an end counts more than anything on the way, a delivery more than any other end, and else what is later. One about a parcel that is not known yet, or is on hold, waits for it up to 30 days.',
          params: Params,
          body: Body,
          response: {
            202: answer(
              'Taken',
              Type.Object({
                accepted: Type.Boolean({ description: 'False: it said nothing new' }),
                waits: Type.Optional(Type.Boolean({ description: 'True: its parcel is not known or not free yet' })),
              }),
            ),
          },
        },
      },
      async ({ params, body, cause }, reply) => {
        const { trackingNumber, status, at, shipmentId, detail } = body;
        // A clock ahead of ours must not keep out what really comes later.
        const tracking = {
          status,
          at: isoTime(Math.min(isoMs(at), clock.nowMs())),
          ...(detail !== undefined && detail !== '' && { detail }),
        };
        const { carrier } = senderOf(params.name);
        const update = {
          carrier,
          trackingNumber,
          shipmentId: shipmentId?.toLowerCase(),
          tracking,
        };
        const taken = await intake.take(update, cause);
        if (isRefusal(taken)) throw problemOfRefusal(taken);
        counted(carrier, taken);
        return reply.code(202).send({ accepted: taken !== 'nothing_new', ...(taken === 'waits' && { waits: true }) });
      },
    );
  });
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new Problem('MALFORMED_JSON', 'The body is not valid JSON.');
  }
}
