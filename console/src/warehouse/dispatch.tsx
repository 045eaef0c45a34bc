import { Autocomplete, Button, Select, Text } from '@mantine/core';
import { useHotkeys, useLocalStorage } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type OrderSummary, Problem, type Shipment } from '#client';
import { api } from '../api.ts';
import { useLocations } from '../inventory/inventory.tsx';
import type { Search } from '../list/search.ts';
import { OrderLink } from '../parts/order-name.tsx';
import { useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { CARRIERS, carrierOf, isOrderNumber } from './carriers.ts';
import { CorrectDialog } from './correct.tsx';
import { orderOf, parcelsOf, sentBy } from './find.ts';
import { type Leaving, ParcelCard } from './parcel.tsx';
import { Said, ScanField, useFeedback } from './scan.tsx';
import { Tabs } from './tabs.tsx';
import { piecesText } from '../parts/pieces.ts';

/** Sending parcels by scanning: first the order, or its packing slip, then the number that the carrier calls it by. */

const LOG_MAX = 20;

interface Parcel {
  readonly order: OrderSummary;
  readonly shipment: Shipment;
}
interface Sent extends Parcel {
  readonly at: number;
}

/** Keys by what is sent under which number: the same scan twice is one act, in whatever way its answer was lost. */
function useKeys(): (shipmentId: string, trackingNumber: string, leaving: Leaving | undefined) => string {
  const keys = useRef(new Map<string, string>());
  return (...what) => {
    const name = JSON.stringify(what);
    const key = keys.current.get(name) ?? crypto.randomUUID();
    keys.current.set(name, key);
    return key;
  };
}

export function Dispatch(): ReactNode {
  const { warehouse } = useText();
  const { relative } = useTimes();
  const client = useQueryClient();
  const navigate = useNavigate();
  const search: Search = useSearch({ strict: false });
  const { location: here, shipment: asked } = search;
  const locations = useLocations();
  const [carrier, setCarrier] = useLocalStorage({
    key: 'olms-carrier',
    defaultValue: '',
    getInitialValueInEffect: false,
  });
  const [open, setOpen] = useState<Parcel>();
  const [choices, setChoices] = useState<readonly Parcel[]>([]);
  const [leaving, setLeaving] = useState<Leaving>();
  const { feedback, say, silence } = useFeedback();
  const [sent, setSent] = useState<readonly Sent[]>([]);
  const [correcting, setCorrecting] = useState<Sent>();
  const keyOf = useKeys();
  const failed = (error: Error): void => say('bad', warehouse.failed, error.message);
  const leave = (): void => {
    setOpen(undefined);
    setChoices([]);
    setLeaving(undefined);
    if (asked !== undefined) {
      const { shipment: _done, ...rest } = search;
      void navigate({ to: '.', search: rest, replace: true });
    }
  };

  const take = (parcel: Parcel): void => {
    setChoices([]);
    setLeaving(undefined);
    setOpen(parcel);
    if (parcel.shipment.paused) say('bad', warehouse.doNotSend, heldBy(parcel.order));
    else silence();
  };
  const heldBy = ({ holds }: OrderSummary): string =>
    holds
      .filter(({ steps }) => steps.includes('shipment'))
      .map(({ type, reason }) => `${type}: ${reason}`)
      .join(' · ') || warehouse.heldHelp;

  /** Says who was faster, and with which number. */
  const sayGone = async ({ order, shipment }: Parcel): Promise<void> => {
    const now = await api.readShipment({ id: shipment.id });
    const { by, at } = await sentBy(now);
    const what = `${now.carrier ?? ''} ${now.trackingNumber ?? ''}`.trim();
    say(
      'warn',
      warehouse.goneAlready(order.number),
      now.trackingNumber === undefined ? warehouse.status[now.status] : warehouse.goneBy(what, by, at && relative(at)),
    );
  };

  const find = useMutation({
    async mutationFn(text: string) {
      const found = await orderOf(text);
      if (found.kind !== 'order') return say('bad', warehouse.notFound[found.kind], text);
      const { order, shipmentId, returnNumber } = found;
      if (returnNumber !== undefined) return say('bad', warehouse.isReturn, returnNumber);
      const all = (await parcelsOf(order.id)).filter(({ id }) => shipmentId === undefined || id === shipmentId);
      const waiting = all.filter(({ status }) => status === 'SCHEDULED');
      const mine = waiting.filter(({ location }) => here === undefined || location === here);
      if (mine.length === 1) return take({ order, shipment: mine[0]! });
      if (mine.length > 1) {
        silence();
        return setChoices(mine.map((shipment) => ({ order, shipment })));
      }
      if (waiting.length > 0)
        return say(
          'bad',
          warehouse.elsewhere([...new Set(waiting.map(({ location }) => location))].join(', ')),
          order.number,
        );
      const gone = all.findLast(({ status }) => status !== 'CANCELLED');
      return gone ? sayGone({ order, shipment: gone }) : say('bad', warehouse.nothingWaits(order.number));
    },
    onError: failed,
  });
  const send = useMutation({
    async mutationFn({ parcel, trackingNumber }: { readonly parcel: Parcel; readonly trackingNumber: string }) {
      const by = carrierOf(trackingNumber) ?? carrier.trim();
      if (by === '') return say('bad', warehouse.chooseCarrier, trackingNumber);
      const { id } = parcel.shipment;
      try {
        const done = await api.dispatchShipment(
          { id },
          { carrier: by, trackingNumber, ...(leaving && { items: leaving }) },
          { idempotencyKey: keyOf(id, trackingNumber, leaving) },
        );
        say('good', warehouse.sent(parcel.order.number), `${by} ${trackingNumber}`);
        setSent((before) => [{ ...parcel, shipment: done, at: Date.now() }, ...before].slice(0, LOG_MAX));
        void client.invalidateQueries({ queryKey: ['shipments'] });
        leave();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.code === 'SHIPMENT_NOT_DISPATCHABLE') {
          await sayGone(parcel);
          leave();
        } else if (error.code === 'SHIPMENT_ON_HOLD') say('bad', warehouse.doNotSend, error.message);
        else throw error;
      }
    },
    onError: failed,
  });
  useEffect(() => {
    if (asked !== undefined && open?.shipment.id !== asked) find.mutate(asked);
  }, [asked]);
  useHotkeys([['Escape', leave]], []);
  const busy = find.isPending || send.isPending;
  const scan = (text: string): void => {
    if (choices.length > 0 && /^\d$/.test(text) && choices[Number(text) - 1]) return take(choices[Number(text) - 1]!);
    // The next order instead of this one's number: then that is meant.
    if (!open || isOrderNumber(text)) return find.mutate(text);
    return send.mutate({ parcel: open, trackingNumber: text });
  };
  return (
    <div className="page station">
      <Tabs />
      <div className="page-head">
        <h1>{warehouse.dispatchTitle}</h1>
        <Select
          size="xs"
          aria-label={warehouse.location}
          placeholder={warehouse.everywhere}
          clearable
          value={here ?? null}
          data={[...locations]}
          onChange={(value) => void navigate({ to: '.', search: value ? { location: value } : {}, replace: true })}
        />
        <Autocomplete
          size="xs"
          aria-label={warehouse.carrier}
          placeholder={warehouse.carrier}
          value={carrier}
          data={[...CARRIERS]}
          maxLength={100}
          onChange={setCarrier}
        />
      </div>
      <div className="station-grid">
        <div className="stack">
          <ScanField
            label={open ? warehouse.scanNumber(open.order.number) : warehouse.scanOrder}
            help={open ? warehouse.scanNumberHelp : warehouse.scanOrderHelp}
            busy={busy}
            scan={scan}
          />
          {feedback && <Said feedback={feedback} />}
          {choices.length > 0 && <Choices parcels={choices} take={take} />}
          {open && (
            <ParcelCard
              order={open.order}
              shipment={open.shipment}
              leaving={leaving}
              change={setLeaving}
              close={leave}
              changed={() => find.mutate(open.shipment.id)}
            />
          )}
        </div>
        <section className="card">
          <h2>{warehouse.sentHere}</h2>
          {sent.length === 0 ? (
            <Text size="sm" className="dim">
              {warehouse.sentNone}
            </Text>
          ) : (
            <ul className="sent">
              {sent.map((one) => (
                <li key={one.shipment.id}>
                  <span>
                    <OrderLink id={one.order.id} />
                    <span className="dim"> {relative(new Date(one.at).toISOString())}</span>
                    <div>
                      {one.shipment.carrier} <code>{one.shipment.trackingNumber}</code>
                    </div>
                  </span>
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`${warehouse.correct}: ${one.order.number}`}
                    onClick={() => setCorrecting(one)}
                  >
                    {warehouse.correct}
                  </Button>
                </li>
              ))}
            </ul>
          )}
          <Text size="xs" className="dim" mt="sm">
            {warehouse.undoHelp}
          </Text>
        </section>
      </div>
      {correcting && (
        <CorrectDialog
          shipment={correcting.shipment}
          number={correcting.order.number}
          done={(shipment) =>
            setSent((before) => before.map((one) => (one.shipment.id === shipment.id ? { ...one, shipment } : one)))
          }
          onClose={() => setCorrecting(undefined)}
        />
      )}
    </div>
  );
}

function Choices({ parcels, take }: { readonly parcels: readonly Parcel[]; readonly take: (parcel: Parcel) => void }) {
  const { warehouse } = useText();
  return (
    <section className="card">
      <h2>{warehouse.whichParcel}</h2>
      <div className="stack">
        {parcels.map((parcel, index) => (
          <Button
            key={parcel.shipment.id}
            variant="default"
            size="md"
            justify="flex-start"
            leftSection={<kbd>{index + 1}</kbd>}
            onClick={() => take(parcel)}
          >
            {parcel.shipment.location}: {piecesText(parcel.shipment.items)}
          </Button>
        ))}
      </div>
    </section>
  );
}
