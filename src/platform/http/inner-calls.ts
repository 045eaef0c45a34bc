import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from './principal.ts';
import { shownTo } from './withheld.ts';

/**
 * Calls that a route makes to other routes of its own process, as whoever called it: what a GraphQL document asks for is
 * asked of the REST operations, with their permissions, checks and idempotency. No bytes are sent, and what a handler
 * returns is taken as it is, without being written as JSON and read again.
 */

export interface InnerCall {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface InnerAnswer {
  readonly status: number;
  /** What the handler returned, which may be shared and must not be changed; undefined where there is none. */
  readonly body: unknown;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Calls another route as the caller of this request; it counts to that request. */
    readonly callInside: (outer: FastifyRequest, call: InnerCall) => Promise<InnerAnswer>;
  }
}

/** By it a call is known as one from inside; nobody else can know a value of it, and none is handed on. */
export const INNER_HEADER = 'x-olms-inner-call';
const SECRET_BYTES = 18;
const NOTHING = Symbol('nothing');

interface Open {
  readonly principal: Principal;
  body: unknown;
}

export class InnerCalls {
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64url');
  readonly #open = new Map<string, Open>();
  #count = 0;

  /** Offers `app.callInside`. */
  constructor(app: FastifyInstance) {
    app.decorate('callInside', (outer, call) => this.#call(app, outer, call));
    app.addHook('preSerialization', (request, _reply, payload, done) => {
      const open = this.#of(request);
      if (!open) return done(null, payload);
      // A document may give fields other names, so what its caller may not read is left out here.
      open.body = shownTo(request, payload);
      done(null, null);
    });
  }

  /** Who called the route that makes this call; undefined for every call from outside. */
  callerOf(request: FastifyRequest): Principal | undefined {
    return this.#of(request)?.principal;
  }

  #of({ headers }: FastifyRequest): Open | undefined {
    const id = headers[INNER_HEADER];
    return typeof id === 'string' ? this.#open.get(id) : undefined;
  }

  async #call(app: FastifyInstance, outer: FastifyRequest, call: InnerCall): Promise<InnerAnswer> {
    const id = `${this.#secret}${this.#count++}`;
    const open: Open = { principal: outer.principal, body: NOTHING };
    this.#open.set(id, open);
    try {
      const { statusCode, payload } = await app.inject({
        method: call.method as 'GET',
        url: call.url,
        headers: {
          ...call.headers,
          [INNER_HEADER]: id,
          'x-correlation-id': outer.correlationId,
          ...(outer.cause.traceparent !== undefined && { traceparent: outer.cause.traceparent }),
        },
        remoteAddress: outer.ip,
        ...(call.body !== undefined && { payload: call.body as object }),
      });
      if (open.body !== NOTHING) return { status: statusCode, body: open.body };
      return { status: statusCode, body: payload === '' ? undefined : (JSON.parse(payload) as unknown) };
    } finally {
      this.#open.delete(id);
    }
  }
}
