import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect } from 'react';
import { ask, type Session, whenSignedOut } from './api.ts';
import { Loading } from './parts/parts.tsx';
import { SignIn } from './shell/sign-in.tsx';

/** Who is signed in, for everything below; who is not sees the sign-in, and goes on where they were. */

type Person = NonNullable<Session['person']>;
const Context = createContext<Person | undefined>(undefined);
const KEY = ['session'] as const;
/** So that the token changes, and the end is noticed, while nobody loads a page. */
const EVERY_MS = 300_000;

export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const client = useQueryClient();
  const { data, isPending } = useQuery({
    queryKey: KEY,
    queryFn: () => ask<Session>('GET', '/session'),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS / 2,
  });
  useEffect(
    () =>
      whenSignedOut(() => {
        if (client.getQueryData<Session>(KEY)?.person) void client.invalidateQueries({ queryKey: KEY });
      }),
    [client],
  );
  if (isPending)
    return (
      <div className="alone">
        <Loading rows={3} />
      </div>
    );
  if (!data?.person) return <SignIn methods={data?.methods} />;
  return <Context value={data.person}>{children}</Context>;
}

export function usePerson(): Person {
  const person = useContext(Context);
  if (!person) throw new Error('nobody is signed in');
  return person;
}

/** Whether the person may do something; what they may not is not shown. */
export function useMay(): (permission: string) => boolean {
  const { permissions } = usePerson();
  return (permission) => permissions.includes(permission);
}
