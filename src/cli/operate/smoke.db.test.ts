import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createProgram } from '#cli/program.ts';
import { useSystem } from '#tests/support/system.ts';
import { useTerminal } from '#tests/support/terminal.ts';
import type { SmokeReport } from './smoke.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** `olms smoke` against a real system, where parcels move only when somebody moves them, and late is very late. */

const system = useSystem({
  env: { SANDBOX_CARRIER_DELAY_MS: 'off', SANDBOX_SLOW_MS: '4000', PAYMENTS_TIMEOUT_MS: '20000' },
});

const terminal = useTerminal();

async function smoke(...words: string[]): Promise<{ code: unknown; report: SmokeReport }> {
  terminal.clear();
  const address = words.includes('--url') ? [] : ['--url', system.api.url, '--key', system.key];
  await createProgram().parseAsync(['smoke', '--json', ...address, ...words], { from: 'user' });
  return {
    code: process.exitCode,
    report: terminal.printed === '' ? ({} as SmokeReport) : (JSON.parse(terminal.printed) as SmokeReport),
  };
}

/** Nothing is left that could be sold or is under way. */
async function expectClean({ sku, orderId }: SmokeReport): Promise<void> {
  await untilLike(() => system.api.stock(sku), { onHand: 0, reserved: 0 });
  const order = await system.api.order(orderId!);
  expect(['COMPLETED', 'CANCELLED', 'PAYMENT_FAILED', 'REJECTED']).toContain(order.status);
}

describe('olms smoke', () => {
  test('ships an order of its own, and leaves no stock', async () => {
    const { code, report } = await smoke();
    expect(report).toMatchObject({ outcome: 'passed', status: 'COMPLETED', left: [] });
    expect(code).toBe(0);
    expect(report.steps.map(({ step }) => step)).toEqual([
      'ready',
      'product and stock',
      'placed',
      'reserved and paid',
      'dispatched and delivered',
      'invoiced',
      'notified',
    ]);
    expect(report.stays).toEqual([
      `product ${report.sku} without stock`,
      `order ${report.orderId} with its events and notifications`,
      expect.stringMatching(/^invoice [A-Z0-9-]*\d+$/),
    ]);
    await expectClean(report);
  });

  test('cancels a paid order where an invoice must not be, and gives the money back', async () => {
    const { code, report } = await smoke('--until', 'cancel');
    expect(report).toMatchObject({ outcome: 'passed', status: 'CANCELLED', left: [] });
    expect(code).toBe(0);
    expect(report.stays.join()).not.toContain('invoice');
    expect(await system.api.order(report.orderId!)).toMatchObject({ capturedAmount: '1.00', refundedAmount: '1.00' });
    await expectClean(report);
  });

  test('fails where an order does not get to its end, and cleans up', async () => {
    const declined = await smoke('--token', 'tok_decline');
    expect(declined.report).toMatchObject({ outcome: 'failed', status: 'PAYMENT_FAILED', left: [] });
    expect(declined.report.problem).toContain('the order became PAYMENT_FAILED');
    expect(declined.code).toBe(1);
    await expectClean(declined.report);

    // Charged, but the answer comes later than the smoke test waits: it is cancelled, and what was charged given back.
    const late = await smoke('--token', 'tok_timeout', '--timeout', '1');
    expect(late.report).toMatchObject({ outcome: 'failed', status: 'CANCELLED', left: [] });
    expect(late.report.problem).toContain('did not come within 1 s');
    expect(late.code).toBe(1);
    await expectClean(late.report);
  });

  test('says that a system is away, not ready, or refuses the key, and makes nothing', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '60' });
      response.end('{"code":"UNAVAILABLE","detail":"not ready","status":503}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await smoke('--url', url, '--key', 'x')).toMatchObject({
      code: 3,
      report: { outcome: 'unavailable', problem: 'UNAVAILABLE: not ready', steps: [], stays: [] },
    });
    await new Promise((resolve) => server.close(resolve));
    expect(await smoke('--url', system.api.url, '--key', 'wrong')).toMatchObject({
      code: 3,
      report: { outcome: 'unavailable', steps: [], stays: [] },
    });
  });

  test('refuses an end that there is not', async () => {
    expect((await smoke('--until', 'delivery')).code).toBe(2);
    expect(terminal.complained).toContain('complete or cancel');
  });
});
