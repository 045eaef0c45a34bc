import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { networkOf } from '#platform/http/limits/connections.ts';
import { Problem } from '#platform/http/problems.ts';
import {
  agentOf,
  closed,
  type ConsoleOptions,
  hidden,
  noStore,
  ofOneself,
  ownPerson,
  personal,
  signedIn,
} from './common.ts';

/** Adding and removing passkeys, and signing in with one. */

const BYTES_MAX = 20_000;
const Bytes = Type.String({ minLength: 1, maxLength: BYTES_MAX, pattern: '^[\\w-]+$' });
/** What a browser makes of a credential (`PublicKeyCredential.toJSON()`); it may add to it. */
const credential = {
  id: Bytes,
  rawId: Bytes,
  type: Type.Literal('public-key'),
  clientExtensionResults: Type.Object({}),
};
const Added = Type.Object({
  ...credential,
  response: Type.Object({
    clientDataJSON: Bytes,
    attestationObject: Bytes,
    transports: Type.Optional(Type.Array(Type.String({ maxLength: 20 }), { maxItems: 10 })),
  }),
});
const Answered = Type.Object({
  ...credential,
  response: Type.Object({ clientDataJSON: Bytes, authenticatorData: Bytes, signature: Bytes, userHandle: Bytes }),
});
const PasskeyName = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^\\p{C}]*\\S[^\\p{C}]*$' });
const AddPasskey = Type.Object({ name: PasskeyName, handle: Bytes, response: Added }, closed);
const SignIn = Type.Object({ response: Answered }, closed);
const params = Type.Object({ id: Bytes }, closed);

/** The page that asks, which is one of ours. A passkey is good for its host alone. */
function originOf({ headers }: FastifyRequest): string {
  return new URL(headers.origin!).origin;
}

export function passkeyRoutes(app: FastifyInstance, { sessions, passkeys, attempts }: ConsoleOptions): void {
  app.post('/console/session/passkey/options', { config: { public: true }, schema: hidden }, async (request, reply) => {
    sessions.assertOwnPage(request.headers);
    return noStore(reply).send(await passkeys.requestOptions(originOf(request)));
  });
  app.post<{ Body: Static<typeof SignIn> }>(
    '/console/session/passkey',
    { config: { public: true }, schema: { ...hidden, body: SignIn } },
    async (request, reply) => {
      sessions.assertOwnPage(request.headers);
      const network = networkOf(request.ip);
      attempts.check(undefined, network);
      const response = request.body.response as AuthenticationResponseJSON;
      const person = await passkeys.personOf(response, originOf(request));
      if (person === undefined) {
        attempts.failed(undefined, network);
        throw new Problem('UNAUTHENTICATED', 'This passkey is not known here, or does not answer what was asked.');
      }
      await sessions.close(sessions.tokenOf(request.headers));
      return signedIn(reply, await sessions.open(personal(person), agentOf(request)));
    },
  );
  app.post('/console/session/passkeys/options', { config: ofOneself, schema: hidden }, async (request, reply) => {
    const person = ownPerson(request);
    return noStore(reply).send(await passkeys.creationOptions(person, originOf(request)));
  });
  app.post<{ Body: Static<typeof AddPasskey> }>(
    '/console/session/passkeys',
    { config: ofOneself, schema: { ...hidden, body: AddPasskey } },
    async (request, reply) => {
      const { name, handle, response } = request.body;
      await passkeys.add(
        { person: ownPerson(request), origin: originOf(request), name: name.trim(), handle },
        response as RegistrationResponseJSON,
        auditedBy(request),
      );
      return reply.code(204).send();
    },
  );
  app.delete<{ Params: Static<typeof params> }>(
    '/console/session/passkeys/:id',
    { config: ofOneself, schema: { ...hidden, params } },
    async (request, reply) => {
      if (!(await passkeys.remove(ownPerson(request), request.params.id, auditedBy(request))))
        throw new Problem('NOT_FOUND', 'You have no such passkey.');
      return reply.code(204).send();
    },
  );
}
