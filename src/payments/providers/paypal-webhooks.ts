import { createVerify, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';
import { paypalHeadProblem } from './webhook-head.ts';
import { type ProviderWebhooks, ProviderUnreachable } from './port.ts';
import type { Body } from './paypal-client.ts';

/**
 * Webhooks of PayPal, verified on the bytes as sent: a signature over their checksum, by a certificate that they name and
 * that only PayPal's own hosts can give out. An event is a picture of some moment, and events come late, twice and in any
 * order: so its content is not believed, and PayPal is asked how things stand.
 */

/** The events that are news: what they are about is asked for. */
const NEWS =
  /^(CHECKOUT\.ORDER\.(APPROVED|COMPLETED|VOIDED)|CHECKOUT\.PAYMENT-APPROVAL\.REVERSED|PAYMENT\.(CAPTURE|AUTHORIZATION|REFUND)\.[A-Z]+|CUSTOMER\.DISPUTE\.[A-Z]+)$/;
const CERTIFICATES_MAX = 8;
/** Loads under way at once: anybody can name addresses at PayPal. */
const LOADS_MAX = 4;
const CERTIFICATE_BYTES_MAX = 64 * 1024;
const OWN_DOMAIN = '.paypal.com';

/** Certificates by their address, from PayPal's hosts or, where the API is another one, from its host. */
class Certificates {
  readonly #api: URL;
  readonly #timeoutMs: number;
  readonly #known = new Map<string, X509Certificate>();
  readonly #loading = new Map<string, Promise<X509Certificate>>();

  constructor(api: URL, timeoutMs: number) {
    this.#api = api;
    this.#timeoutMs = timeoutMs;
  }

  isTrusted(address: string): boolean {
    if (!URL.canParse(address)) return false;
    const url = new URL(address);
    if (url.username !== '' || url.password !== '') return false;
    if (url.origin === this.#api.origin) return true;
    return url.protocol === 'https:' && url.port === '' && url.hostname.endsWith(OWN_DOMAIN);
  }

  async get(address: string, nowMs: number): Promise<X509Certificate | undefined> {
    const certificate = this.#known.get(address) ?? (await this.#loaded(address));
    const { validFrom, validTo } = certificate;
    return Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo) ? certificate : undefined;
  }

  /** Loads it once, however many messages name it meanwhile. */
  #loaded(address: string): Promise<X509Certificate> {
    const underWay = this.#loading.get(address);
    if (underWay) return underWay;
    if (this.#loading.size >= LOADS_MAX) throw new ProviderUnreachable('certificates_busy');
    const loading = this.#load(address)
      .then((certificate) => {
        if (this.#known.size >= CERTIFICATES_MAX) this.#known.clear();
        this.#known.set(address, certificate);
        return certificate;
      })
      .finally(() => this.#loading.delete(address));
    this.#loading.set(address, loading);
    return loading;
  }

  async #load(address: string): Promise<X509Certificate> {
    try {
      const reply = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(this.#timeoutMs) });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of reply.body ?? []) {
        bytes += (chunk as Uint8Array).length;
        if (bytes > CERTIFICATE_BYTES_MAX) throw new Error('The certificate is too large');
        chunks.push(chunk as Uint8Array);
      }
      if (!reply.ok) throw new Error(`http_${reply.status}`);
      return new X509Certificate(Buffer.concat(chunks));
    } catch (error) {
      throw new ProviderUnreachable('certificate_unreachable', { cause: error });
    }
  }
}

export function paypalWebhooks(
  webhookIds: readonly string[],
  api: URL,
  { timeoutMs }: { readonly timeoutMs: number },
  noticeOf: (resource: Body) => { readonly orderId: string; readonly key?: string } | undefined,
): ProviderWebhooks {
  const certificates = new Certificates(api, timeoutMs);

  async function problemOf(headers: IncomingHttpHeaders, body: Buffer, nowMs: number): Promise<string | undefined> {
    const problem = paypalHeadProblem(headers, nowMs);
    if (problem !== undefined) return problem;
    const address = String(headers['paypal-cert-url']);
    if (!certificates.isTrusted(address)) return 'paypal-cert-url is none of PayPal.';
    const certificate = await certificates.get(address, nowMs);
    if (!certificate) return 'The certificate is not valid now.';
    const { 'paypal-transmission-id': id, 'paypal-transmission-time': time } = headers;
    const signature = Buffer.from(String(headers['paypal-transmission-sig']), 'base64');
    for (const webhookId of webhookIds) {
      const signed = createVerify('RSA-SHA256').update(`${String(id)}|${String(time)}|${webhookId}|${crc32(body)}`);
      if (signed.verify(certificate.publicKey, signature)) return undefined;
    }
    return 'No signature matches.';
  }

  return {
    headProblem: paypalHeadProblem,
    async read(headers, body, nowMs) {
      const problem = await problemOf(headers, body, nowMs);
      if (problem !== undefined) return { problem };
      const { id, event_type: type, resource } = JSON.parse(body.toString()) as Readonly<Record<string, unknown>>;
      if (typeof type !== 'string' || !NEWS.test(type) || typeof resource !== 'object' || resource === null) return {};
      const about = noticeOf(resource as Body);
      if (!about) return {};
      return { notice: { ...about, result: { type: 'changed' }, type, ...(typeof id === 'string' && { id }) } };
    },
  };
}
