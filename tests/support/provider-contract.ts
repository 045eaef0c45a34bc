import type { IncomingHttpHeaders } from 'node:http';
import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import type { CustomerAction } from '#payments/rules/operation.ts';
import { type PaymentProvider, type ProviderCall, ProviderUnreachable } from '#payments/providers/port.ts';

/** What every adapter of a payment provider keeps to, whatever is behind it. */

/** What the provider's own books say of an order, in minor units. */
export interface Books {
  readonly payments: number;
  readonly captured: number;
  readonly refunded: number;
  /** Put aside, and neither captured nor given up. */
  readonly held: number;
}

export interface ProviderWorld {
  readonly provider: PaymentProvider;
  books(orderId: string): Promise<Books>;
  /** Tokens by what becomes of a charge: `action`: the customer has to act first; `lost`: taken, but the reply is lost; `late`: its reply comes after the adapter's patience. */
  readonly tokens: Readonly<Record<'approved' | 'declined' | 'action' | 'lost' | 'late', string>>;
  readonly declineReason: string;
  /** Takes the provider down, or brings it back. */
  outage(down: boolean): Promise<void>;
  /** A webhook about an operation, signed at a time; `forged`: with another secret. */
  webhook(of: ProviderCall, nowMs: number, forged?: boolean): { headers: IncomingHttpHeaders; body: Buffer };
}

/** A first operation on an order of 19.90 EUR, with what a test needs otherwise. */
export function callOf(token: string, change: Partial<ProviderCall> = {}): ProviderCall {
  const orderId = uuidv7();
  return {
    orderId,
    amount: '19.90',
    currency: 'EUR',
    token,
    key: `${orderId}-0`,
    chargeReference: undefined,
    ...change,
  };
}

export function providerContract(world: () => ProviderWorld): void {
  const newCall = (change: Partial<ProviderCall> = {}): ProviderCall => callOf(world().tokens.approved, change);
  /** An operation on what a charge made. */
  const onCharge = async (
    kind: 'charge' | 'authorize',
    call = newCall(),
  ): Promise<(amount: string, key: string) => ProviderCall> => {
    const made = await world().provider[kind](call);
    if (made.type !== 'approved') throw new Error(`The ${kind} was ${JSON.stringify(made)}`);
    return (amount, key) => ({ ...call, amount, key: `${call.orderId}-${key}`, chargeReference: made.reference });
  };
  const unreachable = (answer: Promise<unknown>): Promise<void> =>
    expect(answer).rejects.toBeInstanceOf(ProviderUnreachable);

  describe('a charge', () => {
    test('is made once under its key, however often it is asked for', async () => {
      const { provider, books } = world();
      const call = newCall();
      const answers = [await provider.charge(call), await provider.charge(call), await provider.charge(call)];
      expect(answers[0]).toMatchObject({ type: 'approved' });
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(await provider.find({ ...call, kind: 'charge' })).toEqual(answers[0]);
      expect(await books(call.orderId)).toEqual({ payments: 1, captured: 1990, refunded: 0, held: 0 });
    });
    test('that is declined says why, and again when asked', async () => {
      const { provider, tokens, declineReason: reason, books } = world();
      const call = newCall({ token: tokens.declined });
      expect(await provider.charge(call)).toEqual({ type: 'declined', reason });
      expect(await provider.find({ ...call, kind: 'charge' })).toEqual({ type: 'declined', reason });
      expect((await books(call.orderId)).captured).toBe(0);
    });
    test('under a key of another one is no refusal, and what the key made is found', async () => {
      const { provider } = world();
      const call = newCall();
      await provider.charge(call);
      expect(await provider.charge({ ...call, amount: '20.00' })).toMatchObject({ type: 'unknown' });
      expect(await provider.find({ ...call, kind: 'charge' })).toMatchObject({ type: 'approved' });
    });
    test.each(['lost', 'late'] as const)('whose reply is %s is found, and not made again', async (fate) => {
      const { provider, tokens, books } = world();
      const call = newCall({ token: tokens[fate] });
      await unreachable(provider.charge(call));
      expect(await provider.find({ ...call, kind: 'charge' })).toMatchObject({ type: 'approved' });
      expect(await provider.charge(call)).toMatchObject({ type: 'approved' });
      expect((await books(call.orderId)).captured).toBe(1990);
    });
    test('that waits for its customer says how they act, and is given up where nobody wants it', async () => {
      const { provider, tokens, books } = world();
      const call = newCall({ token: tokens.action });
      const made = await provider.charge(call);
      expect(made).toMatchObject({ type: 'pending', action: expect.anything() });
      const { reference, action } = made as { reference: string; action: CustomerAction };
      expect(action.clientSecret ?? action.redirectUrl).toBeTruthy();
      expect(await provider.find({ ...call, kind: 'charge', reference })).toEqual(made);
      const unwanted = { ...call, kind: 'charge', reference, unwanted: true } as const;
      // Declined, or as if it had never been: nothing that could be paid is left.
      for (let time = 0; time < 2; time++)
        expect(['declined', 'not_found']).toContain((await provider.find(unwanted)).type);
      expect((await books(call.orderId)).captured).toBe(0);
    });
    test('that was never asked for is not found', async () => {
      expect(await world().provider.find({ ...newCall(), kind: 'charge' })).toEqual({ type: 'not_found' });
    });
    test('of a provider that is down is no answer, nor is a question', async () => {
      const { provider, outage, books } = world();
      const call = newCall();
      await outage(true);
      try {
        await unreachable(provider.charge(call));
        await unreachable(provider.find({ ...call, kind: 'charge' }));
        await unreachable(provider.probe());
      } finally {
        await outage(false);
      }
      expect(await provider.probe()).toBeUndefined();
      expect((await books(call.orderId)).payments).toBe(0);
    });
  });

  describe('an authorization', () => {
    test('is captured in parts, and the rest is given up', async () => {
      const { provider, books } = world();
      const call = newCall();
      const of = await onCharge('authorize', call);
      expect(await books(call.orderId)).toMatchObject({ captured: 0, held: 1990 });
      const [first, second, rest] = [of('10.00', 'a'), of('5.00', 'b'), of('4.90', 'c')];
      expect(await provider.find({ ...first, kind: 'capture' })).toEqual({ type: 'not_found' });
      for (const part of [first, first, second])
        expect(await provider.capture(part)).toMatchObject({ type: 'approved' });
      for (const part of [first, second])
        expect(await provider.find({ ...part, kind: 'capture' })).toMatchObject({ type: 'approved' });
      expect(await provider.find({ ...rest, kind: 'void' })).toEqual({ type: 'not_found' });
      for (let time = 0; time < 2; time++) expect(await provider.void(rest)).toMatchObject({ type: 'approved' });
      expect(await provider.find({ ...rest, kind: 'void' })).toMatchObject({ type: 'approved' });
      expect(await books(call.orderId)).toMatchObject({ captured: 1500, held: 0 });
    });
    test('is given up whole', async () => {
      const { provider, books } = world();
      const call = newCall();
      const of = await onCharge('authorize', call);
      expect(await provider.void(of('19.90', 'a'))).toMatchObject({ type: 'approved' });
      expect(await books(call.orderId)).toMatchObject({ captured: 0, held: 0 });
    });
  });

  test('what was captured is given back in parts, each once, and never more than there is', async () => {
    const { provider, books } = world();
    const call = newCall();
    const of = await onCharge('charge', call);
    const [first, second, third] = [of('9.95', 'a'), of('5.00', 'b'), of('5.00', 'c')];
    expect(await provider.find({ ...first, kind: 'refund' })).toEqual({ type: 'not_found' });
    for (const part of [first, first, second]) expect(await provider.refund(part)).toMatchObject({ type: 'approved' });
    expect(await provider.refund(third)).toMatchObject({ type: 'declined' });
    expect(await provider.find({ ...first, kind: 'refund' })).toMatchObject({ type: 'approved' });
    expect(await books(call.orderId)).toMatchObject({ captured: 1990, refunded: 1495 });
  });

  describe('a webhook', () => {
    // In whole seconds, as headers have it; later than certificates that are made when the tests begin.
    const NOW_MS = Math.floor(Date.now() / 1000) * 1000 + 60_000;
    const FIVE_MINUTES_MS = 300_000;
    const read = (signedMs: number, forged = false, tamper = (body: Buffer): Buffer => body) => {
      const call = newCall();
      const { headers, body } = world().webhook(call, signedMs, forged);
      return { call, answer: world().provider.webhooks!.read(headers, tamper(body), NOW_MS) };
    };
    test('that is authentic and recent says which operation it is about', async () => {
      const { call, answer } = read(NOW_MS - FIVE_MINUTES_MS);
      expect((await answer).notice).toMatchObject({ orderId: call.orderId, key: call.key });
    });
    test.each([
      ['is too old', NOW_MS - FIVE_MINUTES_MS - 1_000, false],
      ['is from the future', NOW_MS + FIVE_MINUTES_MS + 1_000, false],
      ['has a signature by another secret', NOW_MS, true],
    ])('that %s is refused', async (_, signedMs, forged) => {
      const { notice, problem } = await read(signedMs, forged).answer;
      expect(notice).toBeUndefined();
      expect(problem).toBeTruthy();
    });
    test('that was tampered with is refused', async () => {
      const { answer } = read(NOW_MS, false, (body) => Buffer.from(body.toString().replace('olms', 'slmo') + ' '));
      expect((await answer).problem).toBe('No signature matches.');
    });
  });
}
