import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { WEBHOOK_MAX_BYTES } from '#platform/http/standard-webhooks.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import { isSignedByTwilio, type TwilioOptions, twilioVerdict } from './channels/twilio.ts';
import type { NotificationsMetrics } from './metrics.ts';
import { recordVerdict } from './outgoing.ts';

/** `POST /notifications/reports/twilio`: where Twilio says what became of a text message. */

export interface ReportRoutesOptions {
  readonly database: Database;
  readonly twilio: TwilioOptions | undefined;
  readonly clock: Clock;
  readonly outcomes: NotificationsMetrics['outcomes'];
}

export const TWILIO_REPORTS = '/notifications/reports/twilio';
/** Base64 of a SHA-1. */
const SIGNATURE = /^[A-Za-z0-9+/]{27}=$/;

/** Why a report cannot be Twilio's whatever its body is; undefined where it can. */
export function reportHeadProblem(headers: Readonly<Record<string, unknown>>): Problem | undefined {
  const signature = headers['x-twilio-signature'];
  return typeof signature === 'string' && SIGNATURE.test(signature)
    ? undefined
    : new Problem('WEBHOOK_SIGNATURE_INVALID', 'X-Twilio-Signature is required.');
}

export function reportRoutes(app: FastifyInstance, { database, twilio, clock, outcomes }: ReportRoutesOptions): void {
  // The signature covers every parameter as it was sent, so this route alone takes the form unparsed.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    scope.post(
      TWILIO_REPORTS,
      {
        config: {
          public: true,
          headers: {
            'x-twilio-signature': { description: 'HMAC-SHA1 of TWILIO_CALLBACK_URL and every parameter, in base64' },
          },
          refusals: ['NOT_FOUND', 'WEBHOOK_SIGNATURE_INVALID', 'OVERLOADED'],
        },
        bodyLimit: WEBHOOK_MAX_BYTES,
        onRequest: async ({ headers }) => {
          if (twilio?.callbackUrl === undefined)
            throw new Problem('NOT_FOUND', 'No reports of text messages are taken: TWILIO_CALLBACK_URL is not set.');
          const problem = reportHeadProblem(headers);
          if (problem) throw problem;
        },
        schema: {
          operationId: 'receiveTextReport',
          tags: ['notifications'],
          summary: 'Takes what Twilio reports of a text message, under its signature',
          description:
            'Reports may come twice and in any order: one that arrived stays delivered. One about a message that is not known is taken and ignored.',
          requestBody: {
            required: true,
            content: {
              'application/x-www-form-urlencoded': {
                schema: {
                  type: 'object',
                  description: 'As Twilio says it: MessageSid, MessageStatus, ErrorCode and more',
                },
              },
            },
          },
          response: {
            202: answer(
              'Taken; `accepted` is false where it said nothing new',
              Type.Object({ accepted: Type.Boolean() }),
            ),
          },
        },
      },
      async ({ body, headers }, reply) => {
        const { authToken, callbackUrl } = twilio!;
        const form = new URLSearchParams(typeof body === 'string' ? body : '');
        if (!isSignedByTwilio(authToken, callbackUrl!, [...form], String(headers['x-twilio-signature'])))
          throw new Problem('WEBHOOK_SIGNATURE_INVALID', 'The signature is not one of this URL and these parameters.');
        const verdict = twilioVerdict(form.get('MessageStatus') ?? '', form.get('ErrorCode') ?? undefined);
        const sid = form.get('MessageSid') ?? '';
        if (verdict === undefined) return reply.code(202).send({ accepted: false });
        const isDelivered = verdict === 'delivered';
        const said = isDelivered ? { deliveredAt: isoTime(clock.nowMs()) } : verdict;
        const accepted = await recordVerdict(database, 'sms', sid, said);
        if (accepted) outcomes.labels('sms', isDelivered ? 'delivered' : 'bounced').inc();
        return reply.code(202).send({ accepted });
      },
    );
  });
}
