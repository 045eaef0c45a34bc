import { Alert, Badge, Button, Skeleton, Stack, Text, Title, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem } from '#client';
import { useLanguage, useText } from '../text/text.tsx';

/** Small parts that every screen uses: amounts, times, states, and what is shown while there is nothing to show. */

const TONES: Readonly<Record<string, string>> = {
  CREATED: 'gray',
  BACKORDERED: 'orange',
  RESERVED: 'blue',
  PAYMENT_PENDING: 'orange',
  PAID: 'blue',
  READY_FOR_SHIPMENT: 'indigo',
  PARTIALLY_SHIPPED: 'indigo',
  SHIPPED: 'teal',
  COMPLETED: 'green',
  REJECTED: 'red',
  PAYMENT_FAILED: 'red',
  CANCELLED: 'gray',
  PENDING: 'orange',
  REQUIRES_ACTION: 'orange',
  AUTHORIZED: 'blue',
  CAPTURED: 'green',
  FAILED: 'red',
  REFUNDED: 'gray',
  PARTIALLY_REFUNDED: 'gray',
  VOIDED: 'gray',
  NONE: 'gray',
};

export function StatusBadge({ status }: { readonly status: string }): ReactNode {
  const { status: names } = useText();
  return (
    <Badge color={TONES[status] ?? 'gray'} variant="light" size="md" radius="sm" tt="none" className="badge">
      {names[status] ?? status}
    </Badge>
  );
}

export function PaymentBadge({ status }: { readonly status: string }): ReactNode {
  const { paymentStatus: names } = useText();
  return (
    <Badge color={TONES[status] ?? 'gray'} variant="dot" size="md" radius="sm" tt="none" className="badge">
      {names[status] ?? status}
    </Badge>
  );
}

/** An amount as people of the language write it; the decimals are those that the API gave, whatever the currency. */
export function useMoney(): (amount: string, currency: string) => string {
  const { language } = useLanguage();
  return (amount, currency) => {
    const decimals = amount.split('.')[1]?.length ?? 0;
    const format = new Intl.NumberFormat(language, {
      style: 'currency',
      currency,
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    // A text keeps every digit, where a number would round.
    return format.format(amount as never);
  };
}

/** A number of pieces as people of the language write it. */
export function useNumber(): (count: number) => string {
  const { language } = useLanguage();
  const format = new Intl.NumberFormat(language);
  return (count) => format.format(count);
}

const STEPS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

export function useTimes(): {
  relative: (iso: string) => string;
  exact: (iso: string) => string;
  /** Day and minute, as short as people write them. */
  clock: (iso: string) => string;
  age: (seconds: number) => string;
} {
  const { language } = useLanguage();
  return {
    relative(iso) {
      const seconds = (Date.parse(iso) - Date.now()) / 1000;
      const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1];
      return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.round(seconds / size), unit);
    },
    exact: (iso) => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'long' }).format(new Date(iso)),
    clock: (iso) =>
      new Intl.DateTimeFormat(language, {
        day: 'numeric',
        month: 'short',
        hour: '2-digit',
        minute: '2-digit',
      }).format(new Date(iso)),
    age(seconds) {
      const [unit, size] = STEPS.find(([, each]) => seconds >= each) ?? ['second', 1];
      return new Intl.NumberFormat(language, {
        style: 'unit',
        unit,
        unitDisplay: 'short',
        maximumFractionDigits: 0,
      }).format(Math.round(seconds / size));
    },
  };
}

/** A time as people say it, with the exact one on hover and for screen readers. */
export function When({ at }: { readonly at: string }): ReactNode {
  const { relative, exact } = useTimes();
  return (
    <Tooltip label={exact(at)} openDelay={200}>
      <time dateTime={at}>{relative(at)}</time>
    </Tooltip>
  );
}

export function Loading({ rows = 6 }: { readonly rows?: number }): ReactNode {
  const { common } = useText();
  return (
    <Stack gap="sm" aria-busy="true" aria-label={common.loading} role="status">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={28} radius="sm" />
      ))}
    </Stack>
  );
}

/** What went wrong, in the words of the API, with what helps: another try, and a reference for support. */
export function Failed({ error, retry }: { readonly error: unknown; readonly retry?: () => void }): ReactNode {
  const { common } = useText();
  const problem = error instanceof Problem ? error : undefined;
  return (
    <Alert color="red" variant="light" title={problem?.status === 403 ? common.notAllowed : common.failed} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{(error as Error).message}</Text>
        {problem?.correlationId !== undefined && (
          <Text size="xs" c="dimmed">
            {common.reference}: <code>{problem.correlationId}</code>
          </Text>
        )}
        {retry && (
          <Button size="xs" variant="light" color="red" onClick={retry}>
            {common.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

export function Empty({
  title,
  help,
  children,
}: {
  readonly title: string;
  readonly help: string;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <Stack align="center" gap={6} py={48} px="md" className="empty">
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text c="dimmed" size="sm" ta="center">
        {help}
      </Text>
      {children}
    </Stack>
  );
}
