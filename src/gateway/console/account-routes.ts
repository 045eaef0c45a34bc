import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { networkOf } from '#platform/http/limits/connections.ts';
import { Problem } from '#platform/http/problems.ts';
import {
  assertGood,
  closed,
  type ConsoleOptions,
  hidden,
  noStore,
  ofOneself,
  ownPerson,
  Password,
  personOf,
} from './common.ts';
import { hashPassword, isPassword, PASSWORD_MIN } from './passwords.ts';
import { changePassword, passwordHashOf } from './people.ts';

/** What everybody who is signed in sees and changes of their own account: sessions, and the password where it is one of ours. */

const ChangePassword = Type.Object({ current: Password, password: Password }, closed);
const params = Type.Object({ id: Type.String({ format: 'uuid' }) }, closed);

export function accountRoutes(app: FastifyInstance, { database, sessions, passkeys, attempts }: ConsoleOptions): void {
  app.get('/console/session/account', { config: ofOneself, schema: hidden }, async (request, reply) => {
    const person = personOf(request.principal);
    const token = sessions.tokenOf(request.headers) ?? '';
    return noStore(reply).send({
      passwordMin: PASSWORD_MIN,
      sessions: await sessions.list(token, request.principal),
      passkeys: person === undefined ? [] : await passkeys.list(person),
    });
  });
  app.put<{ Body: Static<typeof ChangePassword> }>(
    '/console/session/password',
    { config: ofOneself, schema: { ...hidden, body: ChangePassword } },
    async (request, reply) => {
      const name = ownPerson(request);
      const { current, password } = request.body;
      const network = networkOf(request.ip);
      attempts.check(name, network);
      assertGood(password, name);
      const was = await passwordHashOf(database, name);
      if (was === undefined || !(await isPassword(current, was))) {
        attempts.failed(name, network);
        throw new Problem('VALIDATION_FAILED', 'The present password is another one.', {
          errors: [{ pointer: '/current', detail: 'is another one' }],
        });
      }
      attempts.succeeded(name);
      const becomes = await hashPassword(password);
      if (!(await changePassword(database, { name, was, becomes }, auditedBy(request))))
        throw new Problem('UNAVAILABLE', 'Your password was changed by another request at the same time. Try again.');
      // Whoever knows the old one may be in somewhere.
      await sessions.end(request.principal, { keep: sessions.tokenOf(request.headers) });
      return reply.code(204).send();
    },
  );
  app.delete<{ Params: Static<typeof params> }>(
    '/console/session/sessions/:id',
    { config: ofOneself, schema: { ...hidden, params } },
    async (request, reply) => {
      if ((await sessions.end(request.principal, { id: request.params.id })) === 0)
        throw new Problem('NOT_FOUND', 'You have no such session.');
      return reply.code(204).send();
    },
  );
  app.delete('/console/session/sessions', { config: ofOneself, schema: hidden }, async (request, reply) => {
    await sessions.end(request.principal, { keep: undefined });
    return noStore(reply)
      .header('set-cookie', await sessions.close(undefined))
      .code(204)
      .send();
  });
}
