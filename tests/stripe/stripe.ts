import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { cached, freePort, onPath, run, type ServerProcess, startServer } from '#dev/brokers/programs.ts';
import type { PaymentProvider, ProviderCall } from '#payments/providers/port.ts';
import { createStripeProvider } from '#payments/providers/stripe.ts';
import { StripeStandIn } from '#tests/support/stripe-stand-in.ts';

/**
 * `npm run stripe`: every request of the adapter for Stripe goes to stripe-mock, which refuses what Stripe's description
 * of its API does not know; and what the stand-in of the tests answers is held against that description.
 */

const MODULE = 'github.com/stripe/stripe-mock';
const VERSION = 'v0.203.0';
const START_TIMEOUT_MS = 30_000;

/** The part of Stripe's OpenAPI document that is read here. */
interface Description {
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties: Properties }>> };
}
type Properties = Readonly<Record<string, { readonly type?: string; readonly enum?: readonly string[] }>>;

/** What a request of the adapter was answered with. */
interface Answered {
  readonly call: string;
  readonly status: number;
  readonly detail: string;
}

async function stripeMock(): Promise<{ program: string; description: Description }> {
  if (!onPath('go')) throw new Error('stripe-mock is built by Go, and there is no go on the PATH.');
  const folder = await cached(`stripe-mock-${VERSION}`, async (fresh) => {
    await run('env', [`GOBIN=${fresh}`, 'go', 'install', `${MODULE}@${VERSION}`], fresh);
  });
  const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', `${MODULE}@${VERSION}`], folder)) as {
    Dir: string;
  };
  const description = readFileSync(join(Dir, 'embedded', 'openapi', 'spec3.json'), 'utf8');
  return { program: join(folder, 'stripe-mock'), description: JSON.parse(description) as Description };
}

/** Passes requests on, and remembers how each was answered. */
async function recorder(url: string, answers: Answered[]): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { authorization = '', 'content-type': type = 'application/x-www-form-urlencoded' } = request.headers;
      const reply = await fetch(`${url}${request.url}`, {
        method: request.method!,
        headers: { authorization, 'content-type': type },
        body: request.method === 'POST' ? Buffer.concat(chunks) : null,
      });
      const text = await reply.text();
      const path = request.url!.replace(/\?.*/, '').replaceAll(/(pi|re)_\w+/g, '$1_…');
      const detail = reply.ok ? '' : text.replaceAll(/\s+/g, ' ').slice(0, 300);
      answers.push({ call: `${request.method} ${path}`, status: reply.status, detail });
      response.writeHead(reply.status, { 'content-type': 'application/json' }).end(text);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** Everything that the adapter ever asks. The answers of stripe-mock have no state, so what comes of it is of no interest. */
async function wholeLife(provider: PaymentProvider): Promise<void> {
  const orderId = uuidv7();
  const call: ProviderCall = {
    orderId,
    amount: '19.90',
    currency: 'EUR',
    token: 'pm_card_visa',
    key: `${orderId}-0-charge-19.90`,
    chargeReference: 'pi_1',
  };
  await provider.probe();
  await provider.charge(call);
  await provider.charge({ ...call, token: 'ctoken_1', key: `${orderId}-1` });
  await provider.authorize({ ...call, key: `${orderId}-2` });
  for (const kind of ['charge', 'capture', 'void', 'refund'] as const)
    for (const reference of [undefined, kind === 'refund' ? 're_1' : 'pi_1'])
      await provider.find({ ...call, kind, reference, unwanted: true });
  await provider.books!(call);
  await provider.capture({ ...call, amount: '5.00', key: `${orderId}-3` });
  await provider.void({ ...call, key: `${orderId}-4` });
  await provider.refund({ ...call, amount: '5.00', key: `${orderId}-5` });
}

/** What objects of the stand-in have that those of Stripe have not. */
function differences(name: string, objects: readonly object[], { components }: Description): string[] {
  const { properties } = components.schemas[name]!;
  return objects.flatMap((object) =>
    Object.entries(object).flatMap(([key, value]) => {
      const known = properties[key];
      if (!known) return [`${name}.${key} is no property`];
      if (known.enum && value !== null && !known.enum.includes(String(value)))
        return [`${name}.${key} is never ${String(value)}`];
      const isOther =
        known.type === 'integer'
          ? typeof value !== 'number'
          : known.type === 'string' && value !== null && typeof value !== 'string';
      return isOther ? [`${name}.${key} is ${known.type}, not ${JSON.stringify(value)}`] : [];
    }),
  );
}

async function standInObjects(): Promise<{ intents: object[]; refunds: object[]; disputes: object[] }> {
  const stripe = new StripeStandIn();
  await stripe.start();
  const options = { apiKey: 'sk_test_1', webhookSecrets: [], returnUrl: undefined, timeoutMs: 5_000, connections: 2 };
  const provider = createStripeProvider({ ...options, url: stripe.url });
  try {
    for (const token of [
      'pm_card_visa',
      'pm_card_visa_chargeDeclined',
      'pm_card_threeDSecureRequired',
      'pm_sepa_processing',
    ]) {
      const orderId = uuidv7();
      const call = { orderId, amount: '19.90', currency: 'EUR', token, key: orderId, chargeReference: undefined };
      const made = await provider.charge(call);
      if (made.type !== 'approved') continue;
      await provider.refund({ ...call, key: `${orderId}-1`, amount: '9.90', chargeReference: made.reference });
      stripe.refundByHand(made.reference, 500);
      for (const outcome of [undefined, 'won', 'lost'] as const) {
        const { id } = stripe.dispute(made.reference, 100);
        if (outcome) stripe.closeDispute(id, outcome);
      }
      const held = await provider.authorize({ ...call, key: `${orderId}-2` });
      if (held.type === 'approved')
        await provider.void({ ...call, key: `${orderId}-3`, chargeReference: held.reference });
      await provider.authorize({ ...call, key: `${orderId}-4` });
    }
    const { intents, refunds, disputes } = stripe;
    return { intents: [...intents.values()], refunds: [...refunds.values()], disputes: [...disputes.values()] };
  } finally {
    await provider.close();
    await stripe.stop();
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'olms-stripe-'));
  const violations: string[] = [];
  let mock: ServerProcess | undefined;
  try {
    const { program, description } = await stripeMock();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const headers = { authorization: 'Bearer sk_test_1', 'content-type': 'application/x-www-form-urlencoded' };
    mock = await startServer({
      name: 'stripe-mock',
      command: program,
      args: ['-http-addr', `127.0.0.1:${port}`],
      cwd: folder,
      logFile: join(folder, 'stripe-mock.log'),
      ready: async () => (await fetch(`${url}/v1/balance`, { headers }).catch(() => undefined))?.ok === true,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    const answers: Answered[] = [];
    const between = await recorder(url, answers);
    const options = { apiKey: 'sk_test_1', webhookSecrets: [], timeoutMs: 10_000, connections: 2 };
    const provider = createStripeProvider({ ...options, url: between.url, returnUrl: 'https://shop.example/paid' });
    await wholeLife(provider);
    await provider.close();
    between.close();
    for (const { call, status, detail } of answers) {
      console.log(`${status} ${call} ${detail}`);
      if (status !== 200) violations.push(`${call} was refused: ${detail}`);
    }
    // stripe-mock must be able to refuse.
    const planted = await fetch(`${url}/v1/payment_intents`, {
      method: 'POST',
      headers,
      body: 'amount=1990&curency=eur',
    });
    if (planted.status !== 400) violations.push('stripe-mock takes a parameter that does not exist');
    const { intents, refunds, disputes } = await standInObjects();
    console.log(
      `the stand-in: ${intents.length} payment intents, ${refunds.length} refunds and ${disputes.length} disputes against the description`,
    );
    violations.push(...new Set(differences('payment_intent', intents, description)));
    violations.push(...new Set(differences('refund', refunds, description)));
    violations.push(...new Set(differences('dispute', disputes, description)));
    if (differences('payment_intent', [{ status: 'lost' }], description).length === 0)
      violations.push('the description does not say how a payment can stand');
  } finally {
    await mock?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const violation of violations) console.log(`VIOLATION ${violation}`);
  console.log(violations.length === 0 ? 'Everything is as Stripe describes it.' : `${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

await main();
