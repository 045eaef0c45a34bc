import { isUuid } from '#contracts/ids.ts';
import { JsonClient, type JsonClientOptions, type JsonReply } from './json-client.ts';
import { type PaymentProvider, type ProviderCall, type ProviderNotice, ProviderUnreachable } from './port.ts';
import type { CustomerAction, ProviderResult } from '../rules/operation.ts';
import { standardWebhooks } from './webhook-signature.ts';

/** Our side of the sandbox payment provider: what its replies mean. */

export interface SandboxProviderOptions extends JsonClientOptions {
  readonly webhookSecret: string | undefined;
}

/** Refusals that leave the operation's outcome open: it may be repeated. */
const NOT_THE_OPERATION = new Set([401, 403, 408, 409, 425, 429]);
/** The provider did something else under this key: what became of that has to be asked, and may be money taken. */
const KEY_REUSED = 'idempotency_key_reused';

/** The fact in a reply, webhook or lookup; all three carry the same document. */
function factOf(body: JsonReply['body']): ProviderResult | undefined {
  const { status, id, reason } = body;
  if (status === 'approved' && typeof id === 'string') return { type: 'approved', reference: id };
  if (status === 'pending' && typeof id === 'string') {
    const action = actionIn(body['action']);
    return { type: 'pending', reference: id, ...(action && { action }) };
  }
  if (status === 'declined') return { type: 'declined', reason: typeof reason === 'string' ? reason : 'declined' };
  return undefined;
}

/** What the customer has to do first. */
function actionIn(action: unknown): CustomerAction | undefined {
  if (typeof action !== 'object' || action === null) return undefined;
  const { clientSecret, redirectUrl } = action as Record<string, unknown>;
  return {
    ...(typeof clientSecret === 'string' && { clientSecret }),
    ...(typeof redirectUrl === 'string' && { redirectUrl }),
  };
}

function resultOf({ status, body }: JsonReply): ProviderResult {
  if (NOT_THE_OPERATION.has(status)) return { type: 'unknown', reason: `http_${status}` };
  if (status >= 400) {
    // A refusal names its code; anything else did not come from the provider.
    if (typeof body['code'] !== 'string') throw new ProviderUnreachable(`http_${status}`);
    return body['code'] === KEY_REUSED
      ? { type: 'unknown', reason: KEY_REUSED }
      : { type: 'declined', reason: body['code'] };
  }
  const fact = factOf(body);
  if (!fact) throw new ProviderUnreachable('reply_unreadable');
  return fact;
}

/** A key that no operation has. */
const PROBE_KEY = 'probe';

function noticeOf(payload: unknown): ProviderNotice | undefined {
  const data = (payload as { data?: Record<string, unknown> } | null)?.data;
  const result = data && factOf(data);
  const { reference, key } = data ?? {};
  if (!result || typeof reference !== 'string' || !isUuid(reference) || typeof key !== 'string') return undefined;
  return { orderId: reference, key, result };
}

export function createSandboxProvider(options: SandboxProviderOptions): PaymentProvider {
  const client = new JsonClient(options);
  const create = async (call: ProviderCall, capture: boolean): Promise<ProviderResult> => {
    const { amount, currency, token, key, orderId, traceparent } = call;
    return resultOf(
      await client.call({
        method: 'POST',
        path: '/v1/charges',
        key,
        traceparent,
        body: JSON.stringify({ amount, currency, token, capture, reference: orderId }),
      }),
    );
  };
  const change = async (call: ProviderCall, action: 'capture' | 'void' | 'refund'): Promise<ProviderResult> => {
    if (call.chargeReference === undefined) throw new Error(`A ${action} needs the reference of its charge`);
    const path = `/v1/charges/${encodeURIComponent(call.chargeReference)}/${action}`;
    return resultOf(
      await client.call({
        method: 'POST',
        path,
        key: call.key,
        traceparent: call.traceparent,
        body: JSON.stringify({ amount: call.amount }),
      }),
    );
  };
  const find = async (key: string, traceparent?: string): Promise<ProviderResult> => {
    const path = `/v1/charges?key=${encodeURIComponent(key)}`;
    const reply = await client.call({ method: 'GET', path, traceparent });
    if (reply.status === 404) return { type: 'not_found' };
    // A refused question is no answer about the operation.
    if (reply.status >= 400) return { type: 'unknown', reason: `http_${reply.status}` };
    return resultOf(reply);
  };
  const giveUp = async (chargeId: string, traceparent?: string): Promise<ProviderResult> =>
    resultOf(
      await client.call({
        method: 'POST',
        path: `/v1/charges/${encodeURIComponent(chargeId)}/cancel`,
        traceparent,
        body: '{}',
      }),
    );
  const { webhookSecret } = options;
  return {
    name: 'sandbox',
    webhooks: webhookSecret === undefined ? undefined : standardWebhooks(webhookSecret, noticeOf),
    charge: (call) => create(call, true),
    authorize: (call) => create(call, false),
    capture: (call) => change(call, 'capture'),
    void: (call) => change(call, 'void'),
    refund: (call) => change(call, 'refund'),
    async find({ key, traceparent, unwanted }) {
      const found = await find(key, traceparent);
      // What waits for its customer is given up where nobody wants it any more.
      return unwanted && found.type === 'pending' && found.action ? giveUp(found.reference, traceparent) : found;
    },
    async probe() {
      const found = await find(PROBE_KEY);
      return found.type === 'unknown' ? found.reason : undefined;
    },
    close: () => client.close(),
  };
}
