import { Button, Group, Modal, Progress, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import { useText } from '../text/text.tsx';
import { Effects, type Once } from './act.tsx';
import { Failed, Loading } from './parts.tsx';

/** One act on several things, each by itself: what will happen to which is said first, and what became of each then. */

export interface Several {
  readonly id: string;
  readonly label: string;
  readonly detail?: string | undefined;
}

interface ActOnManyProps {
  readonly title: string;
  /** What it will do to each, in sentences. */
  readonly effects: readonly string[];
  readonly items: readonly Several[];
  /** By id, why nothing would happen to it as it stands now; looked up again when the dialog opens. */
  readonly check: () => Promise<ReadonlyMap<string, string>>;
  readonly perform: (id: string, once: Once) => Promise<unknown>;
  readonly confirm: (count: number) => string;
  readonly danger?: boolean;
  readonly ready?: boolean;
  readonly onClose: (done: readonly string[]) => void;
  /** Fields. */
  readonly children?: ReactNode;
}

/** So many are under way at a time. */
const AT_ONCE = 4;
const LISTED_MAX = 200;

type Outcome = { readonly done: true } | { readonly done: false; readonly why: string };

export function ActOnMany(props: ActOnManyProps): ReactNode {
  const { title, effects, items, check, perform, confirm, danger = false, ready = true, onClose, children } = props;
  const { many, common } = useText();
  // Each has its own for as long as the dialog is there: tried again after a lost answer, it still happens once.
  const [key] = useState(() => crypto.randomUUID());
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const [running, setRunning] = useState(false);
  const stopped = useRef(false);
  const started = useRef(false);
  const checked = useQuery({ queryKey: ['many', key], queryFn: check, staleTime: Number.POSITIVE_INFINITY, gcTime: 0 });
  const would = items.filter(({ id }) => !checked.data?.has(id));
  const left = would.filter(({ id }) => !outcomes.get(id)?.done);
  const done = [...outcomes].flatMap(([id, outcome]) => (outcome.done ? [id] : []));
  const failed = [...outcomes.values()].filter((outcome) => !outcome.done).length;
  const run = async (): Promise<void> => {
    if (started.current) return;
    started.current = true;
    stopped.current = false;
    setRunning(true);
    const queue = [...left];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next && !stopped.current; next = queue.shift()) {
        const { id } = next;
        const outcome: Outcome = await perform(id, { idempotencyKey: `${key}-${id}` }).then(
          () => ({ done: true }),
          (error: unknown) => ({ done: false, why: (error as Error).message }),
        );
        setOutcomes((before) => new Map(before).set(id, outcome));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    started.current = false;
    setRunning(false);
  };
  const begun = outcomes.size > 0 || running;
  return (
    <Modal
      opened
      size="lg"
      onClose={() => !running && onClose(done)}
      title={title}
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && left.length > 0) void run();
        }}
      >
        <Stack gap="sm">
          {!begun && children}
          {!begun && <Effects effects={effects} danger={danger} />}
          {begun && (
            <Stack gap={6} role="status">
              <Progress
                value={would.length === 0 ? 100 : (outcomes.size / would.length) * 100}
                aria-label={many.progress(outcomes.size, would.length)}
                animated={running}
              />
              <Text size="sm" fw={600}>
                {many.done(done.length)}
                {failed > 0 && ` · ${many.failed(failed)}`}
              </Text>
            </Stack>
          )}
          {checked.isPending ? (
            <Loading rows={2} />
          ) : checked.error ? (
            <Failed error={checked.error} retry={() => void checked.refetch()} />
          ) : (
            <div className="scroll-y" tabIndex={0} role="group" aria-label={many.items}>
              <table className="plain">
                <tbody>
                  {items.slice(0, LISTED_MAX).map(({ id, label, detail }) => {
                    const outcome = outcomes.get(id);
                    const why = checked.data.get(id) ?? (outcome && !outcome.done ? outcome.why : undefined);
                    return (
                      <tr key={id}>
                        <td>
                          <code>{label}</code>
                        </td>
                        <td>{detail}</td>
                        <td className={why === undefined ? 'dim' : 'failed'}>
                          {why ?? (outcome ? many.ok : running ? many.waits : many.would)}
                        </td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          )}
          <Group justify="flex-end">
            {running ? (
              <Button variant="default" onClick={() => void (stopped.current = true)}>
                {many.stop}
              </Button>
            ) : (
              <Button variant="default" onClick={() => onClose(done)}>
                {begun ? common.close : common.cancel}
              </Button>
            )}
            {(!begun || left.length > 0) && (
              <Button
                type="submit"
                color={danger ? 'red' : undefined}
                loading={running}
                disabled={!ready || !checked.data || left.length === 0}
              >
                {begun ? many.again(left.length) : confirm(left.length)}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
