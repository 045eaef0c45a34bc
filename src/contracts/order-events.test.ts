import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { billingRules } from '#billing/rules.ts';
import { inventoryRules } from '#inventory/rules.ts';
import { notificationRules } from '#notifications/rules.ts';
import { readConfig } from '#notifications/settings.ts';
import type { Deadlines } from '#orders/rules/commands.ts';
import { orderRules } from '#orders/rules.ts';
import { paymentRules } from '#payments/rules.ts';
import { reviewRules } from '#reviews/rules.ts';
import { rulesWithSandbox } from '#shipping/rules.ts';
import { ORDER_EVENTS, SOURCES } from './order-events.ts';

const EVENTS = Object.entries(ORDER_EVENTS);
const NAMES = Object.keys(ORDER_EVENTS).sort();

const SERVICES = [
  orderRules({} as Deadlines),
  inventoryRules,
  paymentRules({ capture: 'on_dispatch', providers: new Set(), timeoutMs: 0, cancelSafetyMs: 0, actionMs: 1_800_000 }),
  rulesWithSandbox(undefined),
  reviewRules({ deadlineMs: 0 }),
  notificationRules({ carried: new Set(), writing: readConfig({}).writing }),
  billingRules,
];

/** Events nobody in the system reacts to: they are for people, partners and the order's history. */
const INFORMATIONAL = [
  'CreditNoteIssued',
  'InvoiceIssued',
  'OrderCancellationLapsed',
  'OrderDeliveryRecorded',
  'OrderDisputeEnded',
  'OrderDisputed',
  'OrderFollowUpClosed',
  'OrderLossRecorded',
  'OrderOnHold',
  'OrderOverdue',
  'OrderRefundFailed',
  'OrderReserved',
  'ShipmentScheduled',
  'ShipmentTracked',
  'StockReleased',
  'StockReturned',
  'StockShipped',
];

describe.each(EVENTS)('%s', (name, { source, meaning, data, example }) => {
  test('has an example that its schema takes, and no field beside it', () => {
    expect(Value.Errors(data, example)).toEqual([]);
    expect(Value.Clean(data, structuredClone(example))).toEqual(example);
  });

  test('says what it means, and where it comes from', () => {
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(Object.values(SOURCES)).toContain(source);
    expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
  });

  test('is refused without its required fields', () => {
    for (const field of (data as unknown as { required?: string[] }).required ?? []) {
      const { [field]: _, ...rest } = example as Record<string, unknown>;
      expect([field, Value.Check(data, rest)]).toEqual([field, false]);
    }
  });
});

describe('the events together', () => {
  test('are consumed by a service, or known to inform only', () => {
    const consumed = new Set<string>(SERVICES.flatMap((service) => service.consumes));
    expect(NAMES.filter((name) => !consumed.has(name))).toEqual(INFORMATIONAL);
    expect([...consumed].filter((name) => !NAMES.includes(name))).toEqual([]);
  });

  test('are never consumed by the service that says them: it knows already', () => {
    for (const { source, consumes } of SERVICES)
      expect(consumes.filter((name) => ORDER_EVENTS[name].source === source)).toEqual([]);
  });
});
