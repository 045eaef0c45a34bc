import { Agent, request } from 'undici';

/** The sandbox payment provider, asked directly: its books are the other side's word on every charge. */

export interface BookEntry {
  readonly id: string;
  /** The order id, as our payments service named it. */
  readonly reference: string;
  readonly status: 'approved' | 'declined' | 'pending';
  readonly kind: string;
  readonly key: string;
  readonly currency: string;
  readonly amount: string;
  readonly authorized: string;
  readonly captured: string;
  readonly voided: string;
  readonly refunded: string;
}

export class SandboxBooks {
  readonly url: string;
  readonly #agent = new Agent({ connections: 4 });

  constructor(url: string) {
    this.url = url;
  }

  async #call<Body>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Body> {
    const response = await request(`${this.url}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode !== 200) throw new Error(`${method} ${path} answered ${response.statusCode}: ${text}`);
    return JSON.parse(text) as Body;
  }

  /** Every charge on the books. */
  async all(pageSize = 1_000): Promise<readonly BookEntry[]> {
    const entries: BookEntry[] = [];
    for (let after: string | null = null; ;) {
      const query: string = after === null ? '' : `&after=${after}`;
      const page: { items: BookEntry[]; next: string | null } = await this.#call(
        'GET',
        `/v1/books?limit=${pageSize}${query}`,
      );
      entries.push(...page.items);
      if (page.next === null) return entries;
      after = page.next;
    }
  }

  /** Charges of one order. */
  async of(orderId: string): Promise<readonly BookEntry[]> {
    return (await this.all()).filter((entry) => entry.reference === orderId);
  }

  async outage(down: boolean): Promise<void> {
    await this.#call('POST', '/v1/outage', { down });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
