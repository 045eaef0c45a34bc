import type { AuthType } from '#contracts/envelope.ts';
import { type Entitled, type Permission, rolesWith } from '#contracts/permissions.ts';
import { Problem } from './problems.ts';

export const PRINCIPAL_KINDS = ['key', 'person', 'customer', 'service'] as const;
export type PrincipalKind = (typeof PRINCIPAL_KINDS)[number];

/** Who calls, and what they may: an API key, a person or a customer with a token; between processes also a service, or nobody that was asked. */
export interface Principal extends Entitled {
  readonly name: string;
  /** By default a key, or a service where the role says so. */
  readonly kind?: PrincipalKind;
  /** Whom the key belongs to, where another key of the same client may follow it; by default the name. */
  readonly client?: string;
  /** The `customerId` whose orders are all that is there for this caller; undefined: all orders are. */
  readonly customer?: string;
  /** When the key or token ends, in milliseconds since 1970; known where it was shown. */
  readonly expiresAtMs?: number;
}

export function kindOf({ kind, role }: Principal): PrincipalKind {
  return kind ?? (role === 'service' ? 'service' : 'key');
}

const AUTH_TYPE_OF: Readonly<Record<PrincipalKind, AuthType>> = {
  key: 'api_key',
  person: 'user',
  customer: 'app_user',
  service: 'system',
};

/** The kind of a principal as events name it. */
export function authTypeOf(principal: Principal): AuthType {
  return AUTH_TYPE_OF[kindOf(principal)];
}

/** Whether somebody runs the system: what they ask is the last to be refused. */
export function isOperator({ role, scopes = [] }: Entitled): boolean {
  return [role, ...scopes].some((each) => each === 'operator' || each === 'admin');
}

/** What distinguishes callers who have something each for themselves. Of people, several may have one name. */
export function callerId({ name, kind, client }: Principal): string {
  return (kind === 'person' || kind === 'customer') && client !== undefined ? client : name;
}

/** Why a caller may not do something, and who may. */
export function forbidden({ role, scopes = [] }: Principal, permission: Permission): Problem {
  const yours = role === 'scoped' ? `the scopes ${scopes.join(', ')}` : `the role ${role}`;
  return new Problem(
    'FORBIDDEN',
    `This needs the permission ${permission}, as these roles have it: ${rolesWith(permission).join(', ')}. You have ${yours}.`,
    { headers: { 'www-authenticate': 'Bearer realm="olms", error="insufficient_scope"' } },
  );
}
