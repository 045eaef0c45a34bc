import { Alert, Button, Group, Modal, Progress, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { BulkForecast, BulkRun } from '#client';
import { api } from '../api.ts';
import { Failed } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';

/** One command to many orders: first what it would do, then doing it, with progress and what was refused. */

const COMMANDS = ['hold', 'release', 'cancel', 'complete'] as const;
type Command = (typeof COMMANDS)[number];
const POLL_MS = 500;

export function BulkDialog({
  ids,
  onClose,
}: {
  readonly ids: readonly string[];
  readonly onClose: (changed: boolean) => void;
}): ReactNode {
  const { bulk, common } = useText();
  const [command, setCommand] = useState<Command>('hold');
  const [reason, setReason] = useState('');
  // One for this dialog: however often it is pressed, it happens once.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const body = { command, ids, arguments: command === 'complete' ? {} : { reason } };
  const forecast = useMutation({
    mutationFn: async () => (await api.runBulk({ ...body, dryRun: true })) as BulkForecast,
  });
  const run = useMutation({ mutationFn: async () => (await api.runBulk(body, { idempotencyKey })) as BulkRun });
  const progress = useQuery({
    queryKey: ['bulk', run.data?.id],
    queryFn: () => api.readBulk({ id: run.data!.id }),
    enabled: run.data !== undefined,
    refetchInterval: ({ state }) => (state.data?.status === 'running' || !state.data ? POLL_MS : false),
  });
  const now = progress.data ?? run.data;
  const change = (next: Partial<{ command: Command; reason: string }>): void => {
    if (next.command) setCommand(next.command);
    if (next.reason !== undefined) setReason(next.reason);
    forecast.reset();
  };
  const ready = command === 'complete' || reason.trim() !== '';
  return (
    <Modal
      opened
      onClose={() => onClose(run.data !== undefined)}
      title={bulk.title}
      size="lg"
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <Stack gap="sm">
        {!now && (
          <>
            <Select
              label={bulk.command}
              allowDeselect={false}
              value={command}
              data={COMMANDS.map((value) => ({ value, label: bulk[value] }))}
              onChange={(value) => change({ command: value as Command })}
            />
            {command !== 'complete' && (
              <TextInput
                label={bulk.reason}
                required
                value={reason}
                maxLength={500}
                onChange={(event) => change({ reason: event.currentTarget.value })}
              />
            )}
          </>
        )}
        {forecast.error && <Failed error={forecast.error} />}
        {forecast.data && !now && (
          <Alert
            variant="light"
            color={forecast.data.would > 0 ? 'blue' : 'orange'}
            title={bulk.would(forecast.data.would)}
          >
            {forecast.data.refused > 0 && <Text size="sm">{bulk.refused(forecast.data.refused)}</Text>}
            <Refusals items={forecast.data.items.filter(({ outcome }) => outcome === 'refused')} />
            <Text size="sm" className="dim">
              {bulk.nothing}
            </Text>
          </Alert>
        )}
        {run.error && <Failed error={run.error} />}
        {now && (
          <Stack gap={6} role="status">
            <Text fw={600}>
              {now.status === 'running' ? bulk.running : now.status === 'stopped' ? bulk.stopped : bulk.done} ·{' '}
              {bulk.progress(now.done + now.refused, now.total)}
            </Text>
            <Progress
              value={now.total === 0 ? 100 : ((now.done + now.refused) / now.total) * 100}
              aria-label={bulk.running}
              animated={now.status === 'running'}
            />
            <Text size="sm">
              {bulk.doneNow(now.done)}
              {now.refused > 0 && ` · ${bulk.refusedNow(now.refused)}`}
            </Text>
            {now.refused > 0 && now.status !== 'running' && <RefusedItems id={now.id} />}
          </Stack>
        )}
        <Group justify="flex-end">
          {now?.status === 'running' && (
            <Button variant="default" onClick={() => void api.stopBulk({ id: now.id })}>
              {bulk.stop}
            </Button>
          )}
          {now ? (
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
                <Button loading={forecast.isPending} disabled={!ready} onClick={() => forecast.mutate()}>
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

function RefusedItems({ id }: { readonly id: string }): ReactNode {
  const items = useQuery({
    queryKey: ['bulk', id, 'refused'],
    queryFn: async () => (await api.listBulkItems({ id, outcome: 'refused', limit: 50 })).items,
  });
  return <Refusals items={items.data ?? []} />;
}

const SHOWN_MAX = 20;

function Refusals({
  items,
}: {
  readonly items: readonly { readonly orderId: string; readonly detail?: string; readonly code?: string }[];
}): ReactNode {
  if (items.length === 0) return null;
  return (
    <Table fz="sm">
      <Table.Tbody>
        {items.slice(0, SHOWN_MAX).map(({ orderId, detail, code }) => (
          <Table.Tr key={orderId}>
            <Table.Td>
              <a href={`/console/orders/${orderId}`} target="_blank" rel="noreferrer">
                …{orderId.slice(-12)}
              </a>
            </Table.Td>
            <Table.Td>{detail ?? code}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
