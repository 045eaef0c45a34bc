import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { ask } from '../api.ts';

/** The published table of rights: what each role is for, and what each permission allows. */

export interface Rights {
  readonly roles: readonly {
    readonly name: string;
    readonly meaning: string;
    readonly permissions: readonly string[];
  }[];
  readonly permissions: readonly { readonly name: string; readonly meaning: string }[];
}

/** Roles that people can have; a customer signs in to no console. */
export function rolesOfPeople({ roles }: Rights): Rights['roles'] {
  return roles.filter(({ name }) => name !== 'customer');
}

export function useRights(): UseQueryResult<Rights> {
  return useQuery({
    queryKey: ['rights'],
    queryFn: () => ask<Rights>('GET', '/roles'),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
