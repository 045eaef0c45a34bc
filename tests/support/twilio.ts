import { createHmac } from 'node:crypto';
import { type Answered, type Asked, HttpStandIn } from './http-stand-in.ts';

/**
 * Twilio's messages as its REST API (2010-04-01) has them: who calls proves who they are by the account and its token, a
 * message is a form, and what is wrong with either is answered with Twilio's own codes.
 */

export interface TwilioText {
  readonly sid: string;
  readonly to: string;
  readonly from: string;
  readonly body: string;
  readonly statusCallback: string | undefined;
  status: string;
}

const E164 = /^\+[1-9]\d{6,14}$/;
const KNOWN_PARAMETERS: ReadonlySet<string> = new Set(['To', 'From', 'MessagingServiceSid', 'Body', 'StatusCallback']);
const BODY_MAX = 1_600;

export class TwilioStandIn {
  readonly accountSid = `AC${'a1'.repeat(16)}`;
  readonly authToken = 'f0e1'.repeat(8);
  readonly from = '+15005550006';
  readonly texts: TwilioText[] = [];
  /** HTTP status and Twilio's code for the next messages, in order. */
  refusals: (readonly [status: number, code: number])[] = [];
  /** How often somebody came without being let in. */
  strangers = 0;
  readonly http = new HttpStandIn((asked) => this.#answer(asked));

  #answer({ method, path, headers, body }: Asked): Answered {
    const url = new URL(path, 'http://twilio');
    const credentials = Buffer.from(`${this.accountSid}:${this.authToken}`).toString('base64');
    if (headers.authorization !== `Basic ${credentials}`) {
      this.strangers++;
      return this.#problem(401, 20_003);
    }
    if (url.pathname !== `/2010-04-01/Accounts/${this.accountSid}/Messages.json`) return this.#problem(404, 20_404);
    if (method === 'GET') return this.#list(url.searchParams);
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return this.#problem(415, 20_415);
    const refusal = this.refusals.shift();
    return refusal ? this.#problem(...refusal) : this.#create(new URLSearchParams(body.toString()));
  }

  #create(form: URLSearchParams): Answered {
    const unknown = [...form.keys()].filter((name) => !KNOWN_PARAMETERS.has(name));
    if (unknown.length > 0) return this.#problem(400, 20_001);
    const [to, body, from] = [form.get('To') ?? '', form.get('Body') ?? '', form.get('From') ?? ''];
    if (to === '') return this.#problem(400, 21_604);
    if (!E164.test(to)) return this.#problem(400, 21_211);
    if (from !== this.from && !form.has('MessagingServiceSid')) return this.#problem(400, 21_606);
    if (body === '') return this.#problem(400, 21_602);
    if (body.length > BODY_MAX) return this.#problem(400, 21_617);
    const text = {
      sid: `SM${String(this.texts.length + 1).padStart(32, '0')}`,
      to,
      from,
      body,
      statusCallback: form.get('StatusCallback') ?? undefined,
      status: 'queued',
    };
    this.texts.push(text);
    return this.#json(201, { sid: text.sid, status: text.status, body, to, from, error_code: null });
  }

  #list(query: URLSearchParams): Answered {
    const since = query.get('DateSent>');
    if (since === null || Number.isNaN(Date.parse(since))) return this.#problem(400, 20_001);
    const messages = this.texts
      .filter(({ to }) => to === query.get('To'))
      .map(({ sid, to, from, body, status }) => ({ sid, to, from, body, status }));
    return this.#json(200, { messages, page: 0, page_size: Number(query.get('PageSize')) });
  }

  #problem(status: number, code: number): Answered {
    return this.#json(status, { code, message: 'No', more_info: `https://www.twilio.com/docs/errors/${code}`, status });
  }

  #json(status: number, value: unknown): Answered {
    return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
  }

  /** What Twilio sends to the callback of a message: a form, and its signature for this URL. */
  report(text: TwilioText, status: string, changes: Record<string, string> = {}): { body: string; signature: string } {
    const form: Record<string, string> = {
      AccountSid: this.accountSid,
      ApiVersion: '2010-04-01',
      From: text.from,
      MessageSid: text.sid,
      MessageStatus: status,
      SmsSid: text.sid,
      SmsStatus: status,
      To: text.to,
      ...changes,
    };
    const signed = Object.keys(form)
      .toSorted()
      .reduce((all, name) => all + name + form[name], text.statusCallback ?? '');
    return {
      body: new URLSearchParams(form).toString(),
      signature: createHmac('sha1', this.authToken).update(signed, 'utf8').digest('base64'),
    };
  }
}
