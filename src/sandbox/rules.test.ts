import { describe, expect, test } from 'vitest';
import { approved, type Charge, changed, type ChargeRequest, newCharge, sameChange, sameCharge } from './rules.ts';

const request: ChargeRequest = {
  key: 'k',
  amount: '19.9',
  currency: 'EUR',
  token: 'tok_approve',
  capture: true,
  reference: 'order',
};
const charge = (change: Partial<ChargeRequest> = {}): Charge => newCharge({ ...request, ...change }, 'id', 1_000, 500);
const change = (kind: 'capture' | 'void' | 'refund', amount?: string, key = 'change') => ({
  key,
  chargeId: 'id',
  kind,
  amount,
});

describe('a token', () => {
  test.each([
    ['tok_approve', 'approved', null],
    ['tok_decline', 'declined', 'card_declined'],
    ['tok_timeout', 'approved', null],
    ['tok_lost_reply', 'approved', null],
    ['tok_flaky', 'approved', null],
    ['tok_pending', 'pending', null],
    ['constructor', 'declined', 'invalid_token'],
  ])('%s leads to %s', (token, status, reason) => {
    expect(charge({ token })).toMatchObject({ status, reason });
  });

  test('decides what is put aside and what is taken', () => {
    expect(charge()).toMatchObject({ authorized: '19.90', captured: '19.90', wakeAt: null });
    expect(charge({ capture: false })).toMatchObject({ authorized: '19.90', captured: '0.00' });
    expect(charge({ token: 'tok_decline' })).toMatchObject({ authorized: '0.00', captured: '0.00' });
    const pending = charge({ token: 'tok_pending' });
    expect(pending).toMatchObject({ authorized: '0.00', wakeAt: 1_500 });
    expect(approved(pending)).toMatchObject({ status: 'approved', authorized: '19.90', captured: '19.90' });
  });
});

describe('a key used again', () => {
  test('asks for the same only where everything is the same', () => {
    expect(sameCharge(charge(), { ...request, amount: '19.90' })).toBe(true);
    for (const other of [
      { amount: '19.91' },
      { currency: 'USD' },
      { token: 'tok_flaky' },
      { capture: false },
      { reference: 'x' },
    ]) {
      expect(sameCharge(charge(), { ...request, ...other })).toBe(false);
    }
    const { change: stored } = changed(charge(), change('refund', '1.00'));
    expect(sameChange(stored, change('refund', '1.0'), 'EUR')).toBe(true);
    expect(sameChange(stored, change('refund', '1.01'), 'EUR')).toBe(false);
    expect(sameChange(stored, { ...change('refund', '1.00'), chargeId: 'other' }, 'EUR')).toBe(false);
  });
});

describe('a change of a charge', () => {
  test('never refunds more than was captured', () => {
    const { charge: after } = changed(charge(), change('refund', '15.00'));
    expect(after).toMatchObject({ refunded: '15.00', version: 2 });
    expect(changed(after, change('refund', '4.91')).change.reason).toBe('refund_exceeds_captured');
    expect(changed(after, change('refund')).charge.refunded).toBe('19.90');
    expect(changed(charge({ capture: false }), change('refund', '1.00')).change.reason).toBe('refund_exceeds_captured');
  });

  test('never captures or voids more than was authorized', () => {
    const authorized = charge({ capture: false });
    const { charge: captured } = changed(authorized, change('capture', '10.00'));
    expect(captured).toMatchObject({ captured: '10.00' });
    expect(changed(captured, change('capture', '9.91')).change.reason).toBe('capture_exceeds_authorized');
    const { charge: voided } = changed(captured, change('void'));
    expect(voided).toMatchObject({ captured: '10.00', voided: '9.90' });
    expect(changed(voided, change('capture', '0.01')).change.reason).toBe('capture_exceeds_authorized');
  });

  test('is refused where there is nothing to change, and leaves the charge alone', () => {
    const declined = charge({ token: 'tok_decline' });
    expect(changed(declined, change('refund', '1.00'))).toMatchObject({
      charge: declined,
      change: { reason: 'charge_not_approved' },
    });
    expect(changed(charge(), change('void')).change.reason).toBe('nothing_left');
    for (const amount of ['0.00', '-1.00', '0.001', 'x'])
      expect(changed(charge(), change('refund', amount)).change.reason).toBe('invalid_amount');
  });
});
