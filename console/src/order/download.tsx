import { Button, Tooltip } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useText } from '../text/text.tsx';

/** A document of the API as a file: which form of it is said by what is accepted, so a link alone would not do. */
export function Download({
  path,
  as,
  name,
  children,
}: {
  readonly path: string;
  /** Media type. */
  readonly as: string;
  /** Of the file. */
  readonly name: string;
  readonly children: ReactNode;
}): ReactNode {
  const { common } = useText();
  const fetched = useMutation({
    async mutationFn() {
      const answer = await fetch(path, {
        credentials: 'same-origin',
        headers: { accept: `${as}, application/problem+json`, 'x-olms-console': '1' },
      });
      if (!answer.ok) {
        const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
        throw new Error(problem.detail ?? `HTTP ${answer.status}`);
      }
      const address = URL.createObjectURL(await answer.blob());
      const link = document.createElement('a');
      link.href = address;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    },
  });
  const button = (
    <Button
      size="compact-xs"
      variant="default"
      color={fetched.error ? 'red' : undefined}
      loading={fetched.isPending}
      onClick={() => fetched.mutate()}
    >
      {children}
    </Button>
  );
  return fetched.error ? (
    <Tooltip label={`${common.failed}: ${fetched.error.message}`} opened multiline maw={320}>
      {button}
    </Tooltip>
  ) : (
    button
  );
}
