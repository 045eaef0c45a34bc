import { Autocomplete, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Shipment } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { useText } from '../text/text.tsx';
import { CARRIERS, carrierOf } from './carriers.ts';

/** Another tracking number, or carrier, for a parcel that has left: what has left cannot be called back, what was written can. */
export function CorrectDialog({
  shipment,
  number,
  done,
  onClose,
}: {
  readonly shipment: Shipment;
  readonly number: string;
  readonly done: (shipment: Shipment) => void;
  readonly onClose: () => void;
}): ReactNode {
  const { warehouse, action } = useText();
  const [trackingNumber, setTrackingNumber] = useState(shipment.trackingNumber ?? '');
  const [carrier, setCarrier] = useState(shipment.carrier ?? '');
  const [reason, setReason] = useState<string>(warehouse.mistyped);
  const changed = trackingNumber.trim() !== shipment.trackingNumber || carrier.trim() !== shipment.carrier;
  return (
    <Act
      title={`${warehouse.correct} · ${number}`}
      effects={[changed ? warehouse.willCorrect : warehouse.correctSame]}
      ready={changed && trackingNumber.trim() !== '' && carrier.trim() !== '' && reason.trim() !== ''}
      perform={async (once) =>
        done(
          await api.correctTracking(
            { id: shipment.id },
            { trackingNumber: trackingNumber.trim(), carrier: carrier.trim(), reason: reason.trim() },
            once,
          ),
        )
      }
      onClose={onClose}
    >
      <TextInput
        label={warehouse.tracking}
        data-autofocus
        required
        maxLength={100}
        value={trackingNumber}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setTrackingNumber(text);
          setCarrier(carrierOf(text) ?? carrier);
        }}
      />
      <Autocomplete
        label={warehouse.carrier}
        required
        maxLength={100}
        value={carrier}
        data={[...CARRIERS]}
        onChange={setCarrier}
      />
      <TextInput
        label={action.reason}
        required
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </Act>
  );
}
