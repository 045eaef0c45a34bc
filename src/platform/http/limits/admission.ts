import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '#platform/telemetry/logger.ts';
import { Problem } from '#platform/http/problems.ts';
import { callerId, type Principal } from '#platform/http/principal.ts';
import { Bodies } from './bodies.ts';
import { networkOf } from './connections.ts';
import { Guesses, keyPrefix } from './guesses.ts';
import { LargeAnswers } from './large-answers.ts';
import { Turns } from './turns.ts';

/** Keys of one address that are being looked up at once. */
const LOOKUPS_MAX = 16;

type Authenticate = (
  request: FastifyRequest,
  beforeLookup: () => void,
) => Principal | undefined | Promise<Principal | undefined>;

/**
 * What a process lets in of one caller at once: a key, or where nobody is asked who calls, an address. What is more is
 * refused early and cheaply, so that one caller cannot take the process from the others.
 */
export class Admission {
  readonly #turns: Turns;
  readonly #bodies = new Bodies();
  readonly #large = new LargeAnswers();
  readonly #guesses: Guesses;
  readonly #lookups = new Map<string, number>();

  /** At most `changesMax` changes of one caller are in flight at once. */
  constructor(changesMax: number, logger: Logger) {
    this.#turns = new Turns(changesMax);
    this.#guesses = new Guesses(logger);
  }

  /** Who calls, or undefined: then the address has had to wait, if it was refused often. Throws RATE_LIMITED for too many unknown keys at once. */
  async authenticate(request: FastifyRequest, authenticate: Authenticate): Promise<Principal | undefined> {
    let looksUp = false;
    const address = (): string => networkOf(request.ip);
    try {
      const asked = authenticate(request, () => {
        const lookups = this.#lookups.get(address()) ?? 0;
        if (lookups >= LOOKUPS_MAX)
          throw new Problem('RATE_LIMITED', 'Too many unknown keys come from this address at once.', {
            headers: { 'retry-after': '1' },
          });
        this.#lookups.set(address(), lookups + 1);
        looksUp = true;
      });
      const principal = asked instanceof Promise ? await asked : asked;
      if (!principal)
        await this.#guesses.refused(address(), {
          route: request.routeOptions.url,
          keyPrefix: keyPrefix(request.headers.authorization),
          correlationId: request.correlationId,
        });
      return principal;
    } finally {
      if (looksUp) {
        const left = this.#lookups.get(address())! - 1;
        if (left > 0) this.#lookups.set(address(), left);
        else this.#lookups.delete(address());
      }
    }
  }

  /** Lets a request in, at once or when its turn comes. Throws RATE_LIMITED where its caller has too much of something. */
  enter(request: FastifyRequest, reply: FastifyReply): undefined | Promise<void> {
    const caller = callerOf(request);
    if (caller === undefined) return undefined;
    const reading = isReading(request);
    if (reading) this.#large.check(caller);
    // A stream is no read that ends; the stream itself counts those.
    const { endless } = request.routeOptions.config ?? {};
    if (typeof endless === 'function' ? endless(request) : endless) return undefined;
    const turn = this.#turns.enter(request, reply, caller, reading);
    // What others of this caller were answered meanwhile counts.
    return turn?.then(() => this.#large.check(caller));
  }

  watchBody(request: FastifyRequest, reply: FastifyReply): void {
    const caller = callerOf(request);
    const { method } = request;
    if (caller !== undefined && method !== 'GET' && method !== 'HEAD')
      this.#bodies.watch(request, reply, caller, !request.principal);
  }

  /** A request was answered with so many bytes. */
  answered(request: FastifyRequest, length: number): void {
    const caller = isReading(request) ? callerOf(request) : undefined;
    if (caller !== undefined) this.#large.took(caller, length);
  }
}

function isReading({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD' || routeOptions.config?.reads === true;
}

/** A key or an address; undefined for other processes of the system, which hold back by themselves. */
function callerOf({ principal, ip }: FastifyRequest): string | undefined {
  if (!principal) return `address ${networkOf(ip)}`;
  return principal.role === 'service' ? undefined : `key ${callerId(principal)}`;
}
