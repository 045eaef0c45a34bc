import { Alert, Button, CopyButton, Group, Modal, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';

/** A secret that is shown this once: the link of an invitation, a key of the API. */

export interface Secret {
  readonly title: string;
  readonly help: string;
  readonly value: string;
  /** RFC 3339: until when it is good. */
  readonly until?: string | undefined;
}

export function ShownOnce({ secret, onClose }: { readonly secret: Secret; readonly onClose: () => void }): ReactNode {
  const { settings, common } = useText();
  const { exact } = useTimes();
  const { title, help, value, until } = secret;
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size="lg"
      // A click beside it must not lose what is shown nowhere else.
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <Stack gap="sm">
        <Text size="sm">{help}</Text>
        <code className="secret" data-testid="secret">
          {value}
        </code>
        <Alert variant="light" color="orange">
          {settings.shownOnce}
          {until !== undefined && ` ${settings.goodUntil(exact(until))}`}
        </Alert>
        <Group justify="flex-end">
          <CopyButton value={value} timeout={4_000}>
            {({ copied, copy }) => (
              <Button onClick={copy} color={copied ? 'teal' : undefined} data-autofocus>
                {copied ? common.copied : common.copy}
              </Button>
            )}
          </CopyButton>
          <Button variant="default" onClick={onClose}>
            {common.close}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
