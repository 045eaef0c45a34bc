import { Alert, Button, Group, Modal, Progress, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { BulkForecast, BulkItem, BulkQuery, BulkRun } from '#client';
import { api } from '../api.ts';
import { Failed, Loading, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** One command to many orders: first what it would do, then doing it, with progress and what became of each. */

type Command = 'hold' | 'release' | 'cancel' | 'complete' | 'approve' | 'reject';
interface Takes {
  readonly permission: string;
  readonly reason?: 'needed' | 'taken';
  /** Something for the customer. */
  readonly message?: true;
}
const COMMANDS: Readonly<Record<Command, Takes>> = {
  hold: { permission: 'orders:hold', reason: 'needed' },
  release: { permission: 'orders:hold', reason: 'taken' },
  cancel: { permission: 'orders:cancel', reason: 'needed', message: true },
  complete: { permission: 'orders:complete' },
  approve: { permission: 'reviews:decide', reason: 'needed' },
  reject: { permission: 'reviews:decide', reason: 'needed', message: true },
};
const POLL_MS = 500;

/** These orders, or all that a query finds when it is done. */
export type Target = { readonly ids: readonly string[] } | { readonly query: BulkQuery };

export function BulkDialog({
  target,
  onClose,
}: {
  readonly target: Target;
  readonly onClose: (changed: boolean) => void;
}): ReactNode {
  const { bulk, common } = useText();
  const may = useMay();
  const commands = (Object.keys(COMMANDS) as Command[]).filter((name) => may(COMMANDS[name].permission));
  const [command, setCommand] = useState<Command>(commands[0] ?? 'hold');
  const [reason, setReason] = useState('');
  const [message, setMessage] = useState('');
  // One for this dialog: however often it is pressed, it happens once.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const takes = COMMANDS[command];
  const body = {
    command,
    ...target,
    arguments: {
      ...(takes.reason && reason.trim() !== '' && { reason: reason.trim() }),
      ...(takes.message && message.trim() !== '' && { customerMessage: message.trim() }),
    },
  };
  const forecast = useMutation({
    mutationFn: async () => (await api.runBulk({ ...body, dryRun: true })) as BulkForecast,
  });
  const run = useMutation({ mutationFn: async () => (await api.runBulk(body, { idempotencyKey })) as BulkRun });
  const ready = takes.reason !== 'needed' || reason.trim() !== '';
  const started = run.data !== undefined;
  return (
    <Modal
      opened
      onClose={() => onClose(started)}
      title={bulk.title}
      size="lg"
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <Stack gap="sm">
        {!started && (
          <>
            <Text size="sm">{'ids' in target ? bulk.these(target.ids.length) : bulk.matching}</Text>
            <Select
              label={bulk.command}
              allowDeselect={false}
              value={command}
              data={commands.map((value) => ({ value, label: bulk[value] }))}
              onChange={(value) => {
                setCommand(value as Command);
                forecast.reset();
              }}
            />
            {takes.reason && (
              <TextInput
                label={bulk.reason}
                required={takes.reason === 'needed'}
                value={reason}
                maxLength={500}
                onChange={(event) => {
                  setReason(event.currentTarget.value);
                  forecast.reset();
                }}
              />
            )}
            {takes.message && (
              <TextInput
                label={bulk.message}
                value={message}
                maxLength={500}
                onChange={(event) => setMessage(event.currentTarget.value)}
              />
            )}
          </>
        )}
        {forecast.error && <Failed error={forecast.error} />}
        {forecast.data && !started && <Forecast forecast={forecast.data} />}
        {run.error && <Failed error={run.error} />}
        {run.data && <Run id={run.data.id} first={run.data} />}
        <Group justify="flex-end">
          {started ? (
            <Button onClick={() => onClose(true)}>{common.close}</Button>
          ) : (
            <>
              <Button variant="default" onClick={() => onClose(false)}>
                {common.cancel}
              </Button>
              {forecast.data ? (
                <Button loading={run.isPending} disabled={forecast.data.would === 0} onClick={() => run.mutate()}>
                  {bulk.run(forecast.data.would)}
                </Button>
              ) : (
                <Button
                  loading={forecast.isPending}
                  disabled={!ready}
                  title={ready ? undefined : bulk.reasonFirst}
                  onClick={() => forecast.mutate()}
                >
                  {bulk.check}
                </Button>
              )}
            </>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function Forecast({ forecast }: { readonly forecast: BulkForecast }): ReactNode {
  const { bulk } = useText();
  const { would, refused, refusals, items } = forecast;
  return (
    <Alert variant="light" color={would > 0 ? 'blue' : 'orange'} title={bulk.would(would)}>
      {refused > 0 && <Text size="sm">{bulk.refused(refused)}</Text>}
      {refusals.map(({ code, count }) => (
        <Text size="sm" key={code}>
          {count.toLocaleString()} × {items.find((item) => item.code === code)?.detail ?? code}
        </Text>
      ))}
      <Items items={items.filter(({ outcome }) => outcome === 'refused').slice(0, FORESEEN_SHOWN)} />
      <Text size="sm" className="dim">
        {bulk.nothing}
      </Text>
    </Alert>
  );
}

const FORESEEN_SHOWN = 20;

/** How far a run is, and what became of each of its orders. */
function Run({ id, first }: { readonly id: string; readonly first?: BulkRun }): ReactNode {
  const { bulk } = useText();
  const progress = useQuery({
    queryKey: ['bulk', id],
    queryFn: () => api.readBulk({ id }),
    refetchInterval: ({ state }) => (state.data?.status === 'running' || !state.data ? POLL_MS : false),
  });
  const now = progress.data ?? first;
  const [stopped, setStopped] = useState(false);
  if (!now) return progress.error ? <Failed error={progress.error} /> : <Loading rows={2} />;
  const share = now.total === 0 ? 100 : ((now.done + now.refused) / now.total) * 100;
  return (
    <Stack gap={6}>
      <Group justify="space-between" role="status">
        <Text fw={600}>
          {now.status === 'running' ? bulk.running : now.status === 'stopped' ? bulk.stopped : bulk.done} ·{' '}
          {bulk.progress(now.done + now.refused, now.total)}
        </Text>
        {now.status === 'running' && (
          <Button
            size="xs"
            variant="default"
            disabled={stopped}
            onClick={() => {
              setStopped(true);
              void api.stopBulk({ id }).catch(() => setStopped(false));
            }}
          >
            {bulk.stop}
          </Button>
        )}
      </Group>
      <Progress value={share} aria-label={bulk.running} animated={now.status === 'running'} />
      <Text size="sm">
        {bulk.doneNow(now.done)}
        {now.refused > 0 && ` · ${bulk.refusedNow(now.refused)}`}
        {now.status === 'stopped' && now.waiting > 0 && ` · ${bulk.left(now.waiting)}`}
      </Text>
      {now.status !== 'running' && <Outcomes id={id} refused={now.refused} />}
    </Stack>
  );
}

function Outcomes({ id, refused }: { readonly id: string; readonly refused: number }): ReactNode {
  const { bulk, common } = useText();
  const [outcome, setOutcome] = useState<BulkItem['outcome']>(refused > 0 ? 'refused' : 'done');
  const items = useInfiniteQuery({
    queryKey: ['bulk', id, outcome],
    queryFn: ({ pageParam }) =>
      api
        .send({
          method: 'GET',
          path: '/bulk/{id}/items',
          parameters: { id, outcome, limit: 100, ...(pageParam !== undefined && { cursor: pageParam }) },
        })
        .then(({ body }) => body as { items: BulkItem[]; nextCursor: string | null }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  });
  return (
    <Stack gap={6}>
      <SegmentedControl
        size="xs"
        value={outcome}
        onChange={(value) => setOutcome(value as BulkItem['outcome'])}
        data={(['refused', 'done', 'waiting'] as const).map((value) => ({ value, label: bulk.outcomes[value] }))}
      />
      {items.error && <Failed error={items.error} />}
      {items.isPending && <Loading rows={2} />}
      <div className="outcomes" tabIndex={0} role="group" aria-label={bulk.outcomes[outcome]}>
        <Items items={items.data?.pages.flatMap((page) => page.items) ?? []} />
        {items.data?.pages[0]?.items.length === 0 && (
          <Text size="sm" className="dim">
            {common.none}
          </Text>
        )}
        {items.hasNextPage && (
          <Button
            size="xs"
            variant="subtle"
            loading={items.isFetchingNextPage}
            onClick={() => void items.fetchNextPage()}
          >
            {common.more}
          </Button>
        )}
      </div>
    </Stack>
  );
}

function Items({
  items,
}: {
  readonly items: readonly { readonly orderId: string; readonly detail?: string; readonly code?: string }[];
}): ReactNode {
  if (items.length === 0) return null;
  return (
    <table className="plain">
      <tbody>
        {items.map(({ orderId, detail, code }) => (
          <tr key={orderId}>
            <td>
              <Link to="/orders/$id" params={{ id: orderId }} target="_blank" rel="noreferrer">
                …{orderId.slice(-12)}
              </Link>
            </td>
            <td>{detail ?? code}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Runs of anybody, the newest first: whoever closed the dialog, or this page, finds theirs here. */
export function RunsDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { bulk, common } = useText();
  const [chosen, setChosen] = useState<string>();
  const runs = useQuery({
    queryKey: ['bulk', 'runs'],
    queryFn: async () => await api.listBulk({ limit: 20 }),
    refetchInterval: POLL_MS * 4,
  });
  return (
    <Modal opened onClose={onClose} title={bulk.runs} size="lg" closeButtonProps={{ 'aria-label': common.close }}>
      {chosen !== undefined ? (
        <Stack gap="sm">
          <Run id={chosen} />
          <Group>
            <Button variant="default" onClick={() => setChosen(undefined)}>
              {common.backToList}
            </Button>
          </Group>
        </Stack>
      ) : runs.isPending ? (
        <Loading rows={4} />
      ) : runs.error ? (
        <Failed error={runs.error} retry={() => void runs.refetch()} />
      ) : runs.data.items.length === 0 ? (
        <Text className="dim">{bulk.noRuns}</Text>
      ) : (
        <table className="plain">
          <tbody>
            {runs.data.items.map((run) => (
              <tr key={run.id}>
                <td>
                  <Button size="compact-sm" variant="subtle" onClick={() => setChosen(run.id)}>
                    {(bulk as unknown as Readonly<Record<string, string>>)[run.command] ?? run.command}
                  </Button>
                </td>
                <td>
                  {run.status === 'running' ? bulk.running : run.status === 'stopped' ? bulk.stopped : bulk.done} ·{' '}
                  {bulk.progress(run.done + run.refused, run.total)}
                  {run.refused > 0 && ` · ${bulk.refusedNow(run.refused)}`}
                </td>
                <td className="dim">{run.createdBy}</td>
                <td className="dim">
                  <When at={run.createdAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Modal>
  );
}
