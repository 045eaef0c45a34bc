import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { carrierContract, type CarrierWorld, type Parcel } from '#tests/support/carrier-contract.ts';
import { signedByCarrier } from '#tests/support/carriers.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { shipping } from './service.ts';

const DELAY_MS = 60_000;
const OLD = `whsec_${Buffer.from('the secret before, of this carrier').toString('base64')}`;
const NEW = `whsec_${Buffer.from('the secret after, of this carrier').toString('base64')}`;
const FEED = { SANDBOX_CARRIER_DELAY_MS: 'off', CARRIER_WEBHOOK_SECRETS: `Bike Couriers=${NEW},${OLD}` };

const one = useOneService(shipping);
let app: ReturnType<typeof one.api>;

const start = (env: Record<string, string>) => async (): Promise<void> => {
  app = one.api(await one.start(env));
};
const parcels = async (orderId: string): Promise<readonly Parcel[]> =>
  ((await app.inject(`/shipments?orderId=${orderId}`)).json() as { items: Parcel[] }).items;
const world = (change: Pick<CarrierWorld, 'start' | 'takes' | 'brings'>) => (): CarrierWorld => ({
  one,
  parcels,
  ...change,
});

describe('the sandbox carrier', () => {
  const timePasses = async (): Promise<void> => void (one.clock.aheadMs += DELAY_MS + 1_000);
  const env = { SANDBOX_CARRIER_DELAY_MS: String(DELAY_MS) };
  // It does everything by itself: asked to take a parcel it is given time, and time for one step only.
  const takes = async ({ orderId }: Parcel): Promise<void> => {
    const isHere = (await parcels(orderId)).some(({ status }) => status === 'SCHEDULED');
    if (!isHere) return;
    await timePasses();
    await app.inject('/shipments');
  };
  const brings = async ({ orderId }: Parcel): Promise<void> => {
    if ((await parcels(orderId)).some(({ status }) => status === 'DISPATCHED')) await timePasses();
  };
  carrierContract(world({ start: start(env), takes, brings }));
});

describe('a carrier that people report for', () => {
  const post = (id: string, action: string, payload: object): Promise<unknown> =>
    app.inject({ method: 'POST', url: `/shipments/${id}/${action}`, payload });
  carrierContract(
    world({
      start: start({ SANDBOX_CARRIER_DELAY_MS: 'off' }),
      takes: ({ id }) => post(id, 'dispatch', { carrier: 'dhl', trackingNumber: `JD-${id}` }),
      brings: ({ id }) => post(id, 'deliver', {}),
    }),
  );
});

describe('a carrier that reports by signed messages', () => {
  const say = (message: object, { secret = NEW, nowMs = Date.now(), name = 'bike-couriers', tamper = '' } = {}) => {
    const { headers, body } = signedByCarrier(secret, message, nowMs);
    return app.inject({ method: 'POST', url: `/webhooks/carriers/${name}`, headers, payload: body + tamper });
  };
  const AT = '2026-11-28T10:00:00Z';
  const numberOf = ({ id }: Parcel): string => `BC-${id.slice(-12)}`;
  carrierContract(
    world({
      start: start(FEED),
      takes: (parcel) => say({ trackingNumber: numberOf(parcel), shipmentId: parcel.id, status: 'dispatched', at: AT }),
      brings: (parcel) => say({ trackingNumber: numberOf(parcel), status: 'delivered', at: AT }),
    }),
  );

  const dispatched = async (trackingNumber: string): Promise<Parcel> => {
    const orderId = uuidv7();
    await one.happen(one.event(orderId, 'OrderReadyForShipment'));
    const [parcel] = await one.eventually(
      () => parcels(orderId),
      (found) => found.length === 1,
    );
    await app.inject({
      method: 'POST',
      url: `/shipments/${parcel!.id}/dispatch`,
      payload: { carrier: 'Bike Couriers', trackingNumber },
    });
    return parcel!;
  };

  test('finds its parcels by their number, however it is grouped, and by either secret', async () => {
    await start(FEED)();
    const { orderId } = await dispatched('BC 4711-0815');
    for (const [secret, status, at] of [
      [OLD, 'in_transit', '2026-11-28T10:00:00Z'],
      [NEW, 'exception', '2026-11-28T12:00:00+01:00'],
    ] as const) {
      const answer = await say({ trackingNumber: 'bc47110815', status, at, detail: 'as it is' }, { secret });
      expect([answer.statusCode, answer.json()]).toEqual([202, { accepted: true }]);
      expect((await parcels(orderId))[0]!.tracking).toMatchObject({ status, detail: 'as it is' });
    }
    const again = await say({ trackingNumber: 'BC47110815', status: 'in_transit', at: '2026-11-28T10:00:00Z' });
    expect([again.statusCode, again.json()]).toEqual([202, { accepted: false }]);
    const listed = (await app.inject('/shipments?tracking=exception')).json() as { items: Parcel[] };
    expect(listed.items.map((parcel) => parcel.orderId)).toEqual([orderId]);
  });

  test.each([
    ['with another secret', { secret: `whsec_${Buffer.from('of somebody else entirely').toString('base64')}` }, 401],
    ['of six minutes ago', { nowMs: Date.now() - 6 * 60_000 }, 401],
    ['from six minutes ahead', { nowMs: Date.now() + 6 * 60_000 }, 401],
    ['that was tampered with', { tamper: ' ' }, 401],
    ['of a carrier that nobody configured', { name: 'dhl' }, 404],
  ])('is not believed a message %s', async (_, change, status) => {
    await start(FEED)();
    const { orderId } = await dispatched('BC-1');
    expect((await say({ trackingNumber: 'BC-1', status: 'delivered', at: AT }, change)).statusCode).toBe(status);
    expect((await parcels(orderId))[0]).toMatchObject({ status: 'DISPATCHED' });
  });

  test('learns what is wrong with a message', async () => {
    await start(FEED)();
    const wrong = await say({ trackingNumber: 'BC-1', status: 'teleported', at: AT });
    expect([wrong.statusCode, (wrong.json() as { code: string }).code]).toEqual([400, 'VALIDATION_FAILED']);
    const { headers, body } = signedByCarrier(NEW, []);
    expect(body).toBe('[]');
    const list = await app.inject({ method: 'POST', url: '/webhooks/carriers/bike-couriers', headers, payload: body });
    expect(list.statusCode).toBe(400);
  });

  test('may know a parcel before anybody has dispatched it: its messages wait, once each', async () => {
    await start(FEED)();
    const messages = [
      { trackingNumber: 'BC-77', status: 'out_for_delivery', at: '2026-11-28T09:00:00Z' },
      { trackingNumber: 'BC77', status: 'in_transit', at: '2026-11-28T08:00:00Z' },
    ];
    for (const message of [...messages, ...messages])
      expect((await say(message)).json()).toEqual({ accepted: true, waits: true });
    const waiting = (): Promise<{ count: number }[]> =>
      one.database.query("select count(*) from shipping.tracking_waiting where tracking_key = 'BC77'");
    expect(await waiting()).toEqual([{ count: 2 }]);
    const { orderId } = await dispatched('BC-77');
    await one.eventually(
      () => parcels(orderId),
      ([parcel]) => parcel?.tracking?.status === 'out_for_delivery',
    );
    await one.eventually(waiting, ([row]) => row!.count === 0);
  });

  test('keeps at most so many messages waiting: the oldest give way', async () => {
    await start(FEED)();
    await one.database.query(
      `insert into shipping.tracking_waiting (carrier, tracking_key, status, at, body, received_at)
       select 'Bike Couriers', 'OLD' || n, 'in_transit', now(), '{}', now() - make_interval(mins => 1 + n)
       from generate_series(1, 10050) n`,
    );
    await say({ trackingNumber: 'NEWEST', status: 'in_transit', at: AT });
    const [row] = await one.database.query<{ count: number; newest: boolean }>(
      "select count(*), bool_or(tracking_key = 'NEWEST') as newest from shipping.tracking_waiting",
    );
    expect(row).toEqual({ count: 10_000, newest: true });
    await one.database.query('delete from shipping.tracking_waiting');
  });
});
