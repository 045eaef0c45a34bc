import { type Entitled, permissionsOf } from '#contracts/permissions.ts';
import type { Principal } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';

/**
 * Nobody gives others what they may not themselves, and nobody takes over what may more: neither by a key nor by the
 * account of a person. Throws FORBIDDEN.
 */
export function assertMayGive(giver: Principal, given: Entitled): void {
  const own = new Set(permissionsOf(giver));
  const lacking = permissionsOf(given).filter((permission) => !own.has(permission));
  if (lacking.length > 0)
    throw new Problem('FORBIDDEN', `You cannot give what you may not yourself: ${lacking.join(', ')}.`);
}
