import { Badge, Button, Menu, Select, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Order, Shipment } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { useAct } from './actions.tsx';
import { Download } from './download.tsx';
import { Part } from './part.tsx';
import { piecesText } from '../parts/pieces.ts';

/** Parcels of an order: where each is, its numbers, and what may be noted about it. */

const MOVES = ['dispatch', 'deliver', 'correct', 'lost', 'damaged', 'returned'] as const;
type Move = (typeof MOVES)[number];
const OUT: ReadonlySet<string> = new Set(['DISPATCHED', 'DELIVERED', 'LOST', 'DAMAGED', 'RETURNED']);
const FAILED: ReadonlySet<string> = new Set(['LOST', 'DAMAGED', 'RETURNED']);
const TONES: Readonly<Record<string, string>> = {
  SCHEDULED: 'blue',
  DISPATCHED: 'indigo',
  DELIVERED: 'green',
  CANCELLED: 'gray',
  LOST: 'red',
  DAMAGED: 'red',
  RETURNED: 'orange',
};

/** Why a parcel cannot be moved so now; undefined: it can. */
function refusalOf(move: Move, { status, paused }: Shipment): 'onHold' | 'notHere' | 'notOut' | 'ended' | undefined {
  if (move === 'dispatch') return status !== 'SCHEDULED' ? 'notHere' : paused ? 'onHold' : undefined;
  if (move === 'deliver') return status === 'DELIVERED' ? 'ended' : OUT.has(status) ? undefined : 'notOut';
  if (move === 'correct') return OUT.has(status) ? undefined : 'notOut';
  return !OUT.has(status) ? 'notOut' : FAILED.has(status) ? 'ended' : undefined;
}

export function Parcels({ order }: { readonly order: Order }): ReactNode {
  const { order: words, parcel: parcelWords } = useText();
  const may = useMay();
  const act = useAct();
  const [moving, setMoving] = useState<{ move: Move; shipment: Shipment }>();
  const { id } = order;
  return (
    <>
      <Part
        id={id}
        name="shipments"
        title={words.shipments}
        empty={words.noShipments}
        permission="shipments:read"
        read={() => api.listShipments({ orderId: id })}
      >
        {(items) =>
          items.map((shipment) => {
            const { trackingNumber, trackingUrl, tracking, carrier } = shipment;
            const claim = OUT.has(shipment.status)
              ? act('openClaim', { shipmentId: shipment.id, pieces: {} })
              : undefined;
            return (
              <tr key={shipment.id}>
                <td>
                  <Badge variant="light" tt="none" color={TONES[shipment.status] ?? 'gray'}>
                    {parcelWords.status[shipment.status]}
                  </Badge>
                  {shipment.paused && shipment.status === 'SCHEDULED' && (
                    <div className="warn">{parcelWords.paused}</div>
                  )}
                </td>
                <td>
                  {piecesText(shipment.items)}
                  <div className="dim">
                    {shipment.location} · <When at={shipment.scheduledAt} />
                  </div>
                </td>
                <td>
                  {carrier ?? ''}{' '}
                  {trackingNumber !== undefined &&
                    (trackingUrl === undefined ? (
                      <code>{trackingNumber}</code>
                    ) : (
                      <a href={trackingUrl} target="_blank" rel="noreferrer">
                        <code>{trackingNumber}</code>
                      </a>
                    ))}
                  {tracking && (
                    <div className="dim">
                      {parcelWords.carrierSays[tracking.status] ?? tracking.status} · <When at={tracking.at} />
                      {tracking.detail !== undefined && ` · ${tracking.detail}`}
                    </div>
                  )}
                </td>
                <td className="num">
                  <span className="bar end">
                    {may('slips:read') && shipment.status !== 'CANCELLED' && (
                      <Download
                        path={`/shipments/${shipment.id}/packing-slip`}
                        as="application/pdf"
                        name={`packing-slip-${order.number}-${shipment.id.slice(-6)}.pdf`}
                      >
                        {parcelWords.slip}
                      </Download>
                    )}
                    {(may('shipments:move') || claim) && (
                      <Menu withInitialFocusPlaceholder={false} position="bottom-end" width={280}>
                        <Menu.Target>
                          <Button
                            size="compact-xs"
                            variant="default"
                            rightSection={<Icon name="more" size={12} />}
                            aria-label={parcelWords.moreOf(trackingNumber ?? shipment.location)}
                          >
                            {parcelWords.more}
                          </Button>
                        </Menu.Target>
                        <Menu.Dropdown>
                          {may('shipments:move') &&
                            MOVES.map((move) => {
                              const refusal = refusalOf(move, shipment);
                              return (
                                <Menu.Item
                                  key={move}
                                  aria-disabled={refusal !== undefined}
                                  closeMenuOnClick={refusal === undefined}
                                  onClick={() => refusal ?? setMoving({ move, shipment })}
                                >
                                  <span className={refusal && 'dim'}>{parcelWords.moves[move]}</span>
                                  {refusal && <span className="why dim">{parcelWords.refused[refusal]}</span>}
                                </Menu.Item>
                              );
                            })}
                          {claim && <Menu.Item onClick={claim}>{parcelWords.claim}</Menu.Item>}
                        </Menu.Dropdown>
                      </Menu>
                    )}
                  </span>
                </td>
              </tr>
            );
          })
        }
      </Part>
      {moving && <MoveDialog {...moving} order={order} onClose={() => setMoving(undefined)} />}
    </>
  );
}

function MoveDialog({
  move,
  shipment,
  order,
  onClose,
}: {
  readonly move: Move;
  readonly shipment: Shipment;
  readonly order: Order;
  readonly onClose: () => void;
}): ReactNode {
  const { parcel: words, acts, effects } = useText();
  const client = useQueryClient();
  const [carrier, setCarrier] = useState(shipment.carrier ?? '');
  const [number, setNumber] = useState(shipment.trackingNumber ?? '');
  const [reason, setReason] = useState('');
  const [restock, setRestock] = useState(true);
  const { id } = shipment;
  const pieces = shipment.items.reduce((sum, { quantity }) => sum + quantity, 0);
  const numbered = move === 'dispatch' || move === 'correct';
  const mail = order.contact?.email;
  const mailed = mail === undefined ? effects.mailedNowhere : effects.mailed(mail);
  const says: Readonly<Record<Move, readonly string[]>> = {
    dispatch: [
      words.willDispatch(pieces, shipment.location),
      ...(order.paymentStatus === 'AUTHORIZED' ? [words.willCapture] : []),
      mailed,
    ],
    deliver: [words.willDeliver, mailed],
    correct: [words.willCorrect(shipment.trackingNumber ?? '', number), mailed],
    lost: [words.willFail, words.noMoney],
    damaged: [words.willFail, words.noMoney],
    returned: [
      words.willFail,
      restock ? words.willRestock(pieces, shipment.location) : words.willNotRestock,
      words.noMoney,
    ],
  };
  const why = reason.trim() === '' ? {} : { reason: reason.trim() };
  const given = { carrier: carrier.trim(), trackingNumber: number.trim() };
  const send: Readonly<Record<Move, (once: { idempotencyKey: string }) => Promise<unknown>>> = {
    dispatch: (once) => api.dispatchShipment({ id }, given, once),
    deliver: (once) => api.deliverShipment({ id }, {}, once),
    correct: (once) => api.correctTracking({ id }, { ...given, reason: reason.trim() }, once),
    lost: (once) => api.loseShipment({ id }, why, once),
    damaged: (once) => api.damageShipment({ id }, why, once),
    returned: (once) => api.returnShipment({ id }, { ...why, restock }, once),
  };
  return (
    <Act
      title={`${words.moves[move]} · ${order.number}`}
      effects={says[move]}
      danger={move !== 'dispatch' && move !== 'deliver' && move !== 'correct'}
      ready={
        !numbered ||
        (given.carrier !== '' && given.trackingNumber !== '' && (move === 'dispatch' || reason.trim() !== ''))
      }
      perform={send[move]}
      done={() => client.invalidateQueries({ queryKey: ['order', order.id] })}
      onClose={onClose}
    >
      {numbered && (
        <>
          <TextInput
            label={words.carrier}
            required
            maxLength={100}
            value={carrier}
            onChange={(event) => setCarrier(event.currentTarget.value)}
          />
          <TextInput
            label={words.number}
            required
            maxLength={100}
            value={number}
            data-autofocus
            onChange={(event) => setNumber(event.currentTarget.value)}
          />
        </>
      )}
      {move === 'returned' && (
        <Select
          label={words.goods}
          allowDeselect={false}
          value={restock ? 'restock' : 'keep'}
          data={[
            { value: 'restock', label: words.toShelf },
            { value: 'keep', label: words.notToShelf },
          ]}
          onChange={(value) => setRestock(value === 'restock')}
        />
      )}
      {move !== 'dispatch' && move !== 'deliver' && (
        <TextInput
          label={acts.reason}
          required={move === 'correct'}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      )}
    </Act>
  );
}
