import { Anchor, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { type ReactNode, useRef, useState } from 'react';
import { useText } from '../text/text.tsx';

/** Packing slips for the printer, one after the other: Enter prints the next. */

export const slipUrl = (shipmentId: string): string => `/shipments/${shipmentId}/packing-slip`;

export function SlipsDialog({
  shipmentIds,
  onClose,
}: {
  readonly shipmentIds: readonly string[];
  readonly onClose: () => void;
}): ReactNode {
  const { warehouse, common } = useText();
  const [printed, setPrinted] = useState(0);
  const [shown, setShown] = useState<string>();
  const frame = useRef<HTMLIFrameElement>(null);
  const next = shipmentIds[printed];
  return (
    <Modal
      opened
      onClose={onClose}
      title={warehouse.slips(shipmentIds.length)}
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <Stack gap="sm">
        <Text size="sm" role="status">
          {next === undefined ? warehouse.slipsDone : warehouse.slipOf(printed + 1, shipmentIds.length)}
        </Text>
        {shown !== undefined && (
          <iframe
            className="slip"
            ref={frame}
            key={shown}
            src={slipUrl(shown)}
            title={warehouse.slip}
            onLoad={() => {
              frame.current?.contentWindow?.focus();
              frame.current?.contentWindow?.print();
            }}
          />
        )}
        <Group justify="space-between">
          {shown !== undefined && (
            <Anchor href={slipUrl(shown)} target="_blank" rel="noreferrer" size="sm">
              {warehouse.openSlip}
            </Anchor>
          )}
          <Group ml="auto">
            <Button variant="default" onClick={onClose}>
              {common.close}
            </Button>
            <Button
              data-autofocus
              disabled={next === undefined}
              onClick={() => {
                setShown(next);
                setPrinted(printed + 1);
              }}
            >
              {warehouse.printNext}
            </Button>
          </Group>
        </Group>
      </Stack>
    </Modal>
  );
}
