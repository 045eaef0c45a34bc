import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Bucket, type Cache, msUntil } from '#platform/cache/cache.ts';
import { MemoryCache } from '#platform/cache/memory-cache.ts';
import { networkOf } from '#platform/http/limits/connections.ts';
import { callerId, isOperator, kindOf, type Principal } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';
import { PROCESS_PATHS } from '#platform/http/process-paths.ts';
import { Lru } from '#platform/runtime/lru.ts';

/**
 * How often somebody may call: every caller has a token bucket, which all gateways that share a Redis take from. While
 * that is away each gateway counts by itself: no call fails for it. Health and metrics are never counted, nor is what
 * another process of this system asks.
 */

/** Calls a second of each kind of caller, and as many at once; 0: no limit. */
export interface Rates {
  /** An API key, or a person. */
  readonly key: number;
  /** The same with the role `operator` or `admin`, so that who must act can, whatever programs do. */
  readonly operator: number;
  /** A customer, with whichever keys and tokens. */
  readonly customer: number;
  /** An address that calls without a key; with IPv6 its network. */
  readonly address: number;
}

type Kind = keyof Rates;

const WHO: Readonly<Record<Kind, string>> = {
  key: 'This key',
  operator: 'This operator',
  customer: 'This customer',
  address: 'This address',
};
const REFUSED_MAX = 10_000;
/** Objects that a GraphQL document may answer with for the price of one call: a page of a list. */
const OBJECTS_PER_CALL = 50;

/** Charges what a request costs beyond others, before it is done. Throws RATE_LIMITED. */
export type Charge = (request: FastifyRequest, reply: FastifyReply, cost: number) => Promise<void>;

/** The calls that a GraphQL document of this cost counts as. */
export function callsOf(cost: number): number {
  return Math.max(1, Math.ceil(cost / OBJECTS_PER_CALL));
}

export class RateLimits {
  readonly #buckets: ReadonlyMap<Kind, Bucket>;
  readonly #shared: Cache | undefined;
  readonly #own = new MemoryCache();
  /** Until when callers have nothing in their bucket: who calls on meanwhile is refused without counting. */
  readonly #emptyUntilMs = new Lru<number>(REFUSED_MAX);

  constructor(rates: Rates, shared: Cache | undefined) {
    const limited = (Object.keys(rates) as Kind[]).filter((kind) => rates[kind] > 0);
    this.#buckets = new Map(limited.map((kind) => [kind, { size: rates[kind], perSecond: rates[kind] }]));
    this.#shared = shared;
  }

  /** Counts every call of the routes of an app from now on; one with `config.charged` only by {@link charge}. */
  limit(app: FastifyInstance): void {
    if (this.#buckets.size === 0) return;
    app.addHook('onRequest', async (request, reply) => {
      const { url, config } = request.routeOptions;
      // What a call asks inside was counted with it.
      if (request.inside || PROCESS_PATHS.has(url)) return;
      if (config.charged) this.#refuseEmpty(this.#bucketOf(request), reply);
      else await this.charge(request, reply, 1);
    });
  }

  /** Takes so many calls out of the bucket of whoever calls, and says in the headers what is left. Throws RATE_LIMITED. */
  readonly charge: Charge = async (request, reply, cost) => {
    const of = this.#bucketOf(request);
    if (!of) return;
    this.#refuseEmpty(of, reply);
    const { kind, name, bucket } = of;
    const taken = (await this.#shared?.take(name, bucket, cost)) ?? (await this.#own.take(name, bucket, cost));
    const { allowed, tokens } = taken;
    const waitMs = msUntil(1, tokens, bucket);
    if (waitMs > 0) this.#emptyUntilMs.set(name, performance.now() + waitMs);
    describe(reply, kind, bucket, tokens);
    if (!allowed) throw refusal(kind, bucket, msUntil(cost, tokens, bucket));
  };

  #refuseEmpty(of: Named | undefined, reply: FastifyReply): void {
    const leftMs = of ? (this.#emptyUntilMs.get(of.name) ?? 0) - performance.now() : 0;
    if (!of || leftMs <= 0) return;
    const { kind, bucket } = of;
    describe(reply, kind, bucket, 1 - (leftMs * bucket.perSecond) / 1000);
    throw refusal(kind, bucket, leftMs);
  }

  #bucketOf({ principal, ip }: FastifyRequest): Named | undefined {
    const [kind, who] = ownerOf(principal as Principal | undefined, ip);
    const bucket = kind && this.#buckets.get(kind);
    return bucket && { kind, bucket, name: `bucket:${kind}:${who}` };
  }
}

interface Named {
  readonly kind: Kind;
  readonly bucket: Bucket;
  readonly name: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Counted by what a call turns out to cost, by the route itself. */
    readonly charged?: true;
  }
}

function ownerOf(principal: Principal | undefined, ip: string): readonly [kind: Kind | undefined, who: string] {
  if (!principal) return ['address', networkOf(ip)];
  const { role, customer } = principal;
  if (role === 'service') return [undefined, ''];
  if (customer !== undefined) return ['customer', customer];
  const who = `${kindOf(principal)}:${callerId(principal)}`;
  return [isOperator(principal) ? 'operator' : 'key', who];
}

/** The headers of draft-ietf-httpapi-ratelimit-headers: `q` calls in `w` seconds; `r` are left, and all are again in `t` seconds. */
function describe(reply: FastifyReply, kind: Kind, bucket: Bucket, tokens: number): void {
  const fullS = Math.max(1, Math.ceil(msUntil(bucket.size, tokens, bucket) / 1000));
  reply.header('ratelimit-policy', `"${kind}";q=${bucket.size};w=1`);
  reply.header('ratelimit', `"${kind}";r=${Math.max(0, Math.floor(tokens))};t=${fullS}`);
}

function refusal(kind: Kind, { perSecond }: Bucket, waitMs: number): Problem {
  const waitS = Math.max(1, Math.ceil(waitMs / 1000));
  return new Problem('RATE_LIMITED', `${WHO[kind]} may call ${perSecond} times a second. Try again in ${waitS} s.`, {
    headers: { 'retry-after': String(waitS) },
  });
}
