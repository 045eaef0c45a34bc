import type { FastifyRequest } from 'fastify';
import { Problem } from './problems.ts';

/** What the head of a request must not say, whatever it is about. */

/** Fields that mean one thing only (RFC 9110 and 9112, RFC 6750): of two of them, somebody on the way may believe the other one. */
const ONCE: ReadonlySet<string> = new Set(['host', 'authorization', 'content-type']);
const LENGTHS: ReadonlySet<number> = new Set([...ONCE].map((name) => name.length));

/** Why a request is refused for its head, or undefined. */
export function headProblem({ headers, raw }: FastifyRequest): Problem | undefined {
  const twice = givenTwice(raw.rawHeaders);
  if (twice !== undefined) return new Problem('MALFORMED_REQUEST', `Send one ${twice} header, not several.`);
  const coding = headers['content-encoding'];
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (hasBody && coding !== undefined && coding.trim().toLowerCase() !== 'identity')
    return new Problem('UNSUPPORTED_MEDIA_TYPE', 'Send the body without Content-Encoding.', {
      headers: { 'accept-encoding': 'identity' },
    });
  return undefined;
}

/** The first field that may come once and comes again. Node keeps one of them and drops the others. */
function givenTwice(rawHeaders: readonly string[]): string | undefined {
  const seen: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (!LENGTHS.has(name.length)) continue;
    const lower = name.toLowerCase();
    if (!ONCE.has(lower)) continue;
    if (seen.includes(lower)) return lower;
    seen.push(lower);
  }
  return undefined;
}
