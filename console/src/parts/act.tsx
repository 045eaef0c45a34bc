import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import { Problem } from '#client';
import { useText } from '../text/text.tsx';
import { Failed } from './parts.tsx';

/** What makes an act happen once, for the calls of the API. */
export interface Once {
  readonly idempotencyKey: string;
}

interface ActProps {
  readonly title: string;
  /** What it will do, in sentences; shown before it is done. */
  readonly effects: readonly string[];
  readonly perform: (once: Once) => Promise<unknown>;
  /** Called when it is done, before the dialog closes. */
  readonly done?: () => Promise<void> | void;
  readonly onClose: () => void;
  /** Whether it takes something away: goods, money, an event. */
  readonly danger?: boolean;
  /** Whether what is needed has been given. */
  readonly ready?: boolean;
  /** Shows the thing as it is now, where somebody else has changed it meanwhile. */
  readonly look?: () => Promise<void> | void;
  /** Code of the refusal that says that somebody was faster, and what it is then called; by default that of an order. */
  readonly faster?: { readonly code: string; readonly title: string };
  readonly confirm?: string;
  /** Fields. */
  readonly children?: ReactNode;
}

/**
 * A dialog that says what an act will do, and does it once: pressed twice, or sent again after a lost answer, it bears
 * the same idempotency key.
 */
export function Act(props: ActProps): ReactNode {
  const {
    title,
    effects,
    perform,
    done,
    onClose,
    danger = false,
    ready = true,
    look,
    faster,
    confirm,
    children,
  } = props;
  const { action, common, order: words } = useText();
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const sent = useRef(false);
  const run = useMutation({
    mutationFn: () => perform({ idempotencyKey }),
    async onSuccess() {
      await done?.();
      onClose();
    },
    onSettled: () => void (sent.current = false),
  });
  const refusal = run.error instanceof Problem ? run.error : undefined;
  const changed = refusal !== undefined && refusal.code === (faster?.code ?? 'VERSION_MISMATCH');
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ 'aria-label': common.close }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (sent.current || !ready) return;
          sent.current = true;
          run.mutate();
        }}
      >
        <Stack gap="sm">
          {children}
          <Alert variant="light" title={action.will} color={danger ? 'orange' : 'blue'}>
            {effects.map((effect) => (
              <Text size="sm" key={effect}>
                {effect}
              </Text>
            ))}
          </Alert>
          {changed ? (
            <Alert color="orange" title={faster?.title ?? words.changed} role="alert">
              <Text size="sm">{faster ? refusal.message : words.changedHelp}</Text>
              {look && (
                <Button
                  mt="xs"
                  size="xs"
                  onClick={() => {
                    void look();
                    onClose();
                  }}
                >
                  {words.look}
                </Button>
              )}
            </Alert>
          ) : (
            run.error && <Failed error={run.error} />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {common.cancel}
            </Button>
            <Button
              type="submit"
              color={danger ? 'red' : undefined}
              loading={run.isPending}
              disabled={changed || !ready}
            >
              {confirm ?? action.confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
