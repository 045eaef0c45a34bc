import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isoTime } from '#contracts/time.ts';
import { answer } from '#platform/http/description/openapi.ts';
import type { InnerAnswer, InnerCall } from '#platform/http/inner-calls.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Principal } from '#platform/http/principal.ts';
import { IdText, Time, type View } from '#platform/http/schemas.ts';
import type { SignedLinks } from '#platform/http/signed-links.ts';
import { ADDRESS_FIELDS, plainPage, type Shown, TRACKING_HEADERS, type TrackedOrder, trackingPage } from './page.ts';
import { languageOf } from './words.ts';

/**
 * `/track/{token}`: what a customer sees of one order without signing in, and the two things that can be done there. The
 * order decides whether they are possible; here they are only asked for, with the rights of whoever has the link.
 */

export interface TrackingOptions {
  /** Undefined where there are no tracking pages. */
  readonly links: SignedLinks | undefined;
  readonly publicUrl: () => string;
  readonly nowMs?: () => number;
}

/** Whoever has a link: events and audit name them so. */
const HOLDER: Principal = {
  name: 'tracking-link',
  kind: 'customer',
  role: 'scoped',
  scopes: ['orders:read', 'orders:cancel', 'orders:amend', 'personal-data:read'],
};
const FORM_BYTES_MAX = 8 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
/** Of ISO 3166. */
const COUNTRY = /^[A-Z]{2}$/;
const KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SUCCESS_END = 300;
const BAD_REQUEST = 400;
const NOT_FOUND = 404;
const UNPROCESSABLE = 422;
const SERVER_ERROR = 500;

const TrackingLink = Type.Object(
  {
    url: Type.String({ description: 'Opens the tracking page of the order for whoever has it' }),
    expiresAt: Time,
  },
  { title: 'TrackingLink' },
);

interface Form {
  readonly Params: { token: string };
  readonly Querystring: { lang?: string; done?: string; late?: string };
  readonly Body: URLSearchParams | null;
}
type TrackRequest = FastifyRequest<Form>;

/** What became of what a form asked for, by the name in the address of the page that says so. */
const NOTICES: Readonly<Record<string, NonNullable<Shown['notice']>>> = {
  'done=cancel': { text: 'cancelDone', isProblem: false },
  'late=cancel': { text: 'cancelTooLate', isProblem: true },
  'done=address': { text: 'addressDone', isProblem: false },
  'late=address': { text: 'addressTooLate', isProblem: true },
};

export function trackingRoutes(app: FastifyInstance, options: TrackingOptions): void {
  const { links, publicUrl, nowMs = Date.now } = options;

  app.get<{ Params: { id: string } }>(
    '/orders/:id/tracking-link',
    {
      config: { permission: 'tracking:link', refusals: ['ORDER_NOT_FOUND', 'TRACKING_OFF'] },
      schema: {
        operationId: 'readTrackingLink',
        tags: ['orders'],
        summary: 'A link to the tracking page of an order, for its customer',
        description: 'Whoever has the link sees the order without signing in, and may cancel it or change its address.',
        params: Type.Object({ id: IdText }),
        response: { 200: answer('A link that is good from now on', TrackingLink) },
      },
    },
    async (request): Promise<View<typeof TrackingLink>> => {
      if (!links)
        throw new Problem('TRACKING_OFF', 'There are no tracking pages here: TRACKING_LINK_SECRETS is not set.');
      const { status, body } = await asHolder(request, read(request.params.id));
      if (status >= SUCCESS_END) {
        const { code, detail } = body as { code: Problem['code']; detail: string };
        throw new Problem(code, detail);
      }
      const { token, untilMs } = links.sign((body as TrackedOrder).id, nowMs());
      return { url: `${publicUrl()}/track/${token}`, expiresAt: isoTime(untilMs) };
    },
  );

  void app.register(async (scope) => {
    scope.addContentTypeParser(FORM_TYPE, { parseAs: 'string', bodyLimit: FORM_BYTES_MAX }, (_request, body, done) =>
      done(null, new URLSearchParams(String(body))),
    );
    const config = { public: true } as const;
    const schema = { hide: true } as const;

    scope.get<Form>('/track/:token', { config, schema }, async (request, reply) => {
      const { query } = request;
      const name = query.done !== undefined ? `done=${query.done}` : `late=${query.late}`;
      const notice = NOTICES[name];
      return show(request, reply, 200, notice ? { notice } : {});
    });

    scope.post<Form>('/track/:token/cancel', { config, schema }, async (request, reply) => {
      const id = opened(request);
      if (id === undefined) return show(request, reply, 200);
      const call = command(
        request,
        { method: 'POST', url: `/orders/${id}/cancel` },
        { reason: 'cancelled by the customer' },
      );
      return after(request, reply, 'cancel', await asHolder(request, call));
    });

    scope.post<Form>('/track/:token/address', { config, schema }, async (request, reply) => {
      const id = opened(request);
      if (id === undefined) return show(request, reply, 200);
      const form = formOf(request);
      const typed = Object.fromEntries(ADDRESS_FIELDS.map((name) => [name, form.get(name)?.trim() ?? '']));
      typed['country'] = typed['country']!.toUpperCase();
      const missing = ADDRESS_FIELDS.filter((name) => name !== 'line2' && typed[name] === '');
      if (!COUNTRY.test(typed['country'])) missing.push('country');
      if (missing.length > 0) return notTaken(request, reply, typed, missing);
      // What the form does not ask for belonged to the address before.
      const shippingAddress = { ...typed, line2: typed['line2'] || null, company: null, region: null };
      const call = command(request, { method: 'PATCH', url: `/orders/${id}` }, { shippingAddress });
      const answered = await asHolder(request, call);
      if (answered.status !== BAD_REQUEST && answered.status !== UNPROCESSABLE)
        return after(request, reply, 'address', answered);
      const { errors = [] } = answered.body as { errors?: readonly { pointer: string }[] };
      const wrong = errors.map(({ pointer }) => pointer.split('/').at(-1)!);
      return notTaken(request, reply, typed, wrong);
    });
  });

  const opened = ({ params }: TrackRequest): string | undefined => {
    const found = links?.open(params.token, nowMs());
    return typeof found === 'object' ? found.id : undefined;
  };

  /** What whoever has the link may ask for. */
  function asHolder(request: FastifyRequest, call: InnerCall): Promise<InnerAnswer> {
    request.principal = HOLDER;
    return app.callInside(request, call);
  }

  /** The page of the order as it is now, or of what is wrong with the link. */
  async function show(
    request: TrackRequest,
    reply: FastifyReply,
    status: number,
    more: Partial<Shown> = {},
  ): Promise<FastifyReply> {
    const language = languageOf(request.headers['accept-language'], request.query.lang);
    void reply.headers(TRACKING_HEADERS);
    const found = links?.open(request.params.token, nowMs());
    if (typeof found !== 'object') {
      const about = found === 'expired' ? 'expired' : 'unknown';
      return reply.code(NOT_FOUND).send(plainPage(language, about));
    }
    const answered = await asHolder(request, read(found.id));
    if (answered.status === NOT_FOUND) return reply.code(NOT_FOUND).send(plainPage(language, 'unknown'));
    if (answered.status >= SUCCESS_END)
      return reply.code(503).header('retry-after', '30').send(plainPage(language, 'away'));
    const shown = { language, path: `/track/${request.params.token}`, key: randomUUID(), ...more };
    return reply.code(status).send(trackingPage(answered.body as TrackedOrder, shown));
  }

  function notTaken(
    request: TrackRequest,
    reply: FastifyReply,
    address: Readonly<Record<string, string>>,
    wrong: readonly string[],
  ): Promise<FastifyReply> {
    const notice = { text: 'addressWrong', isProblem: true } as const;
    return show(request, reply, UNPROCESSABLE, { notice, address, wrong: new Set(wrong) });
  }

  /** Leads back to the page, so that reloading it asks for nothing again. */
  function after(
    request: TrackRequest,
    reply: FastifyReply,
    what: 'cancel' | 'address',
    { status }: InnerAnswer,
  ): FastifyReply | Promise<FastifyReply> {
    if (status >= SERVER_ERROR || status === 429) {
      const language = languageOf(request.headers['accept-language'], request.query.lang);
      return reply.code(503).headers(TRACKING_HEADERS).header('retry-after', '30').send(plainPage(language, 'away'));
    }
    const query = new URLSearchParams({ [status < SUCCESS_END ? 'done' : 'late']: what });
    if (request.query.lang !== undefined) query.set('lang', request.query.lang);
    return reply.headers(TRACKING_HEADERS).redirect(`/track/${request.params.token}?${query.toString()}`, 303);
  }
}

const read = (id: string): InnerCall => ({ method: 'GET', url: `/orders/${encodeURIComponent(id)}` });

const formOf = ({ body }: TrackRequest): URLSearchParams =>
  body instanceof URLSearchParams ? body : new URLSearchParams();

/** A call that is made once for each page that was shown, however often its form is sent. */
function command(request: TrackRequest, call: InnerCall, body: unknown): InnerCall {
  const given = formOf(request).get('key') ?? '';
  return { ...call, headers: { 'idempotency-key': `tracking-${KEY.test(given) ? given : randomUUID()}` }, body };
}
