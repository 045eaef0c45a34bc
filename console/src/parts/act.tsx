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

/** What will be done, in sentences. */
export function Effects({
  effects,
  danger,
}: {
  readonly effects: readonly string[];
  readonly danger: boolean;
}): ReactNode {
  const { action } = useText();
  return (
    <Alert variant="light" title={action.will} color={danger ? 'orange' : 'blue'}>
      {effects.map((effect) => (
        <Text size="sm" key={effect}>
          {effect}
        </Text>
      ))}
    </Alert>
  );
}

interface ActProps<Done> {
  readonly title: string;
  /** What it will do, in sentences; shown before it is done. */
  readonly effects: readonly string[];
  readonly perform: (once: Once) => Promise<Done>;
  /** Called when it is done, before the dialog closes. */
  readonly done?: (result: Done) => Promise<void> | void;
  readonly onClose: () => void;
  /** Whether it takes something away: goods, money, an event. */
  readonly danger?: boolean;
  /** Whether what is needed has been given. */
  readonly ready?: boolean;
  /** Why it would be refused as things stand. */
  readonly refused?: string | undefined;
  /** Somebody has changed the thing since the dialog said what it does: what happened. It is not done until that is seen. */
  readonly changed?: string | undefined;
  /** Goes on with the thing as it is now, with all that was filled in. */
  readonly goOn?: () => Promise<void> | void;
  /** Shows the thing as it is now, where somebody else has changed it meanwhile. */
  readonly look?: () => Promise<void> | void;
  /** Code of the refusal that says that somebody was faster, and what it is then called; by default that of an order. */
  readonly faster?: { readonly code: string; readonly title: string };
  readonly confirm?: string;
  readonly size?: string;
  /** Fields. */
  readonly children?: ReactNode;
}

/**
 * A dialog that says what an act will do, and does it once: pressed twice, or sent again after a lost answer, it bears
 * the same idempotency key.
 */
export function Act<Done>(props: ActProps<Done>): ReactNode {
  const { title, effects, perform, done, onClose, danger = false, ready = true, refused } = props;
  const { goOn, look, faster, confirm } = props;
  const { action, common, order: words } = useText();
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const sent = useRef(false);
  const run = useMutation({
    mutationFn: () => perform({ idempotencyKey }),
    async onSuccess(result) {
      await done?.(result);
      onClose();
    },
    onSettled: () => void (sent.current = false),
  });
  const problem = run.error instanceof Problem ? run.error : undefined;
  // What this dialog itself has done is no change by others.
  const changed = run.isPending ? undefined : props.changed;
  const mismatch = problem !== undefined && problem.code === (faster?.code ?? 'VERSION_MISMATCH');
  const doneBefore = problem?.code === 'IDEMPOTENCY_KEY_REUSED';
  const unknown = run.error !== null && (problem === undefined || problem.status >= 500);
  const stopped = changed !== undefined || mismatch || doneBefore;
  const seeNow = (): void => {
    if (goOn && !doneBefore) {
      void Promise.resolve(goOn()).then(() => run.reset());
      return;
    }
    void look?.();
    onClose();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size={props.size ?? 'md'}
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (sent.current || !ready || stopped) return;
          sent.current = true;
          run.mutate();
        }}
      >
        <Stack gap="sm">
          {props.children}
          {refused !== undefined && !stopped ? (
            <Alert variant="light" color="orange" title={action.refused} role="alert">
              <Text size="sm">{refused}</Text>
            </Alert>
          ) : (
            <Effects effects={effects} danger={danger} />
          )}
          {stopped ? (
            <Alert color="orange" title={doneBefore ? words.doneBefore : (faster?.title ?? words.changed)} role="alert">
              <Text size="sm">
                {doneBefore ? words.doneBeforeHelp : (changed ?? (faster && problem?.message) ?? words.changedHelp)}
              </Text>
              {(look ?? goOn) && (
                <Button mt="xs" size="xs" onClick={seeNow}>
                  {goOn && !doneBefore ? words.goOn : words.look}
                </Button>
              )}
            </Alert>
          ) : (
            run.error && (
              <>
                <Failed error={run.error} />
                {unknown && <Text size="sm">{action.again}</Text>}
              </>
            )
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {common.cancel}
            </Button>
            <Button
              type="submit"
              color={danger ? 'red' : undefined}
              loading={run.isPending}
              disabled={stopped || !ready || refused !== undefined}
            >
              {confirm ?? action.confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
