import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isRole, PERMISSIONS, permissionsOf, ROLES } from '#contracts/permissions.ts';
import { isoTime } from '#contracts/time.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { kindOf, PRINCIPAL_KINDS } from '#platform/http/principal.ts';
import { Time, type View } from '#platform/http/schemas.ts';

const Me = Type.Object(
  {
    name: Type.String({ description: 'As events and audit entries name you' }),
    kind: Type.String({ enum: [...PRINCIPAL_KINDS] }),
    client: Type.Optional(Type.String({ description: 'Whom the key belongs to' })),
    customer: Type.Optional(Type.String({ description: 'The `customerId` whose orders are all that you see' })),
    roles: Type.Array(Type.String({ enum: Object.keys(ROLES) })),
    permissions: Type.Array(Type.String({ enum: Object.keys(PERMISSIONS) }), { description: 'All that you may' }),
    expiresAt: Type.Optional({ ...Time, description: 'When the key or token ends; absent: it does not' }),
  },
  { title: 'Me' },
);

/** `GET /me`: who calls, and what they may. */
export function meRoute(app: FastifyInstance): void {
  app.get(
    '/me',
    {
      config: { permission: 'me:read', ofCustomer: 'everybody' },
      schema: {
        operationId: 'readMe',
        tags: ['api keys'],
        summary: 'Who you are, and what you may',
        response: { 200: answer('You', Me) },
      },
    },
    async ({ principal }): Promise<View<typeof Me>> => {
      const { name, client, customer, role, scopes = [], expiresAtMs } = principal;
      return {
        name,
        kind: kindOf(principal),
        client,
        customer,
        roles: role === 'scoped' ? scopes.filter(isRole) : [role].filter(isRole),
        permissions: permissionsOf(principal),
        expiresAt: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
      };
    },
  );
}
