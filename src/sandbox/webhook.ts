import { createHmac } from 'node:crypto';

const TIMEOUT_MS = 5_000;
const PREFIX = 'whsec_';

/** Signs a message by the Standard Webhooks specification 1.0. */
export function signWebhook(secret: string, id: string, timestampS: number, body: string): string {
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64')}`;
}

/** Sends a signed webhook; false where it was not accepted. */
export async function sendWebhook(
  url: string,
  secret: string,
  id: string,
  nowMs: number,
  payload: unknown,
): Promise<boolean> {
  const body = JSON.stringify(payload);
  const timestampS = Math.floor(nowMs / 1000);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestampS),
        'webhook-signature': signWebhook(secret, id, timestampS, body),
      },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
