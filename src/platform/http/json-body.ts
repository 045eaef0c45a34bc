import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problems.ts';

/** What may be a number that no double can hold; a text with such digits in it is looked at for nothing. */
const MAYBE_HUGE = /[eE]\+?0*[1-9]\d{2}|\d{309}/;

/** A merge patch (RFC 7396) is JSON with a meaning that the route knows. */
const JSON_TYPES = ['application/json', 'application/merge-patch+json'];

/** The body of requests as JSON. */
export function parseJsonBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // Many clients send the content type without a body: then there is none, and the route's schema judges that.
  app.addContentTypeParser<Buffer>(JSON_TYPES, { parseAs: 'buffer' }, (request, bytes, done) => {
    if (bytes.length === 0) return done(null, undefined);
    // Decoding would put another character in the place of what is none.
    if (!isUtf8(bytes)) return done(new Problem('MALFORMED_JSON', 'The body is not UTF-8.'));
    const text = bytes.toString();
    void parseJson(request, text, (error, body) => {
      const at = error || !MAYBE_HUGE.test(text) ? undefined : pointerToInfinity(body);
      if (at === undefined) return done(error, body);
      done(
        new Problem(
          'VALIDATION_FAILED',
          `The body does not match the schema: ${at} is a number too large to be kept.`,
          {
            errors: [{ pointer: at, detail: 'is a number too large to be kept; send it as a text' }],
          },
        ),
      );
    });
  });
  app.removeContentTypeParser('text/plain');
}

/** JSON pointer to the first number that was read as infinite and would be written as null. */
function pointerToInfinity(root: unknown): string | undefined {
  const left: { readonly value: unknown; readonly pointer: string }[] = [{ value: root, pointer: '' }];
  for (let entry = left.pop(); entry; entry = left.pop()) {
    const { value, pointer } = entry;
    if (typeof value === 'number' && !Number.isFinite(value)) return pointer;
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, member] of Object.entries(value))
      left.push({ value: member, pointer: `${pointer}/${name.replace(/~/g, '~0').replace(/\//g, '~1')}` });
  }
  return undefined;
}
