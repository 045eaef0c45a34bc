import { randomBytes } from 'node:crypto';
import { Api, type Answer, type CallOptions } from '#tests/support/api.ts';

/**
 * Texts that stand nowhere but where we put them, as a customer's data and as secrets, and the search for them in what
 * colleagues and programs see: log lines, spans, metrics, health, problem documents, parked reasons, audit entries.
 */

/** A secret that can be recognized, and no program would take for anything else. */
export function newSecret(): string {
  return `secret-canary-${randomBytes(12).toString('hex')}`;
}

/** The secrets of every shape of the system. */
export const newSecrets = () => ({
  'a payment token': `tok_${newSecret()}`,
  'the password of the mail server': newSecret(),
  'the secret of webhooks': newSecret(),
  'the token of metrics': newSecret(),
  'what the collector asks for': newSecret(),
});

/** Digits that no id and no amount has by chance. */
const nonce = (): string => String(Math.floor(Math.random() * 9e11) + 1e11);

/** A customer whose every text can be recognized, in whatever form it comes. */
export function newCustomer() {
  const [name, mail, phone, street] = [nonce(), nonce(), nonce(), nonce()];
  return {
    name: `Canary ${name}`,
    email: `canary-${mail}@example.com`,
    phone: `+${phone}`,
    street: `Canary Street ${street}`,
    /** What to search for, by what it is. */
    marks: { 'the name': name, 'the e-mail address': mail, 'the phone number': phone, 'the address': street },
  };
}
export type CanaryCustomer = ReturnType<typeof newCustomer>;

/** The parts of an order that say who the customer is. */
export function personalPartsOf({ name, email, phone, street }: CanaryCustomer) {
  return {
    contact: { email, phone },
    shippingAddress: { name, line1: street, postalCode: '10115', city: 'Berlin', country: 'DE' },
  };
}

export interface Leak {
  readonly what: string;
  readonly where: string;
  readonly text: string;
}

const AROUND = 160;

/** Where a canary is that should not be. */
export function leaksIn(
  sources: Readonly<Record<string, readonly string[]>>,
  marks: Readonly<Record<string, string>>,
): Leak[] {
  return Object.entries(sources).flatMap(([where, texts]) =>
    texts.flatMap((text) =>
      Object.entries(marks).flatMap(([what, mark]) => {
        const at = text.indexOf(mark);
        return at < 0 ? [] : [{ what, where, text: text.slice(Math.max(0, at - AROUND), at + AROUND) }];
      }),
    ),
  );
}

/** A caller that keeps every problem it is answered with. */
export class ProblemKeeper extends Api {
  readonly problems: string[] = [];

  override async call<Body = unknown>(method: string, path: string, options: CallOptions = {}): Promise<Answer<Body>> {
    const answer = await super.call<Body>(method, path, options);
    // A graph answers 200, too, with what went wrong in it.
    if (answer.status >= 400 || (path === '/graphql' && answer.text.includes('"errors"')))
      this.problems.push(JSON.stringify(answer.headers) + answer.text);
    return answer;
  }
}
