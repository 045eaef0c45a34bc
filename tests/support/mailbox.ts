import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** A mail server that keeps what it is sent, and refuses recipients on request. */
export class Mailbox {
  readonly mails: string[] = [];
  readonly recipients: string[] = [];
  /** SMTP codes for the next recipients, in order. */
  refusals: number[] = [];
  /** Between the arrival of a mail and the answer that it was taken. */
  beforeAnswer: (() => Promise<void>) | undefined;
  /** Of its one user, where it asks who sends; what else is offered is refused. */
  password: string | undefined;
  readonly #server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ password }, _session, callback) => {
      if (password === this.password) return callback(null, { user: 'olms' });
      callback(Object.assign(new Error(`${password} opens nothing here`), { responseCode: 535 }));
    },
    onRcptTo: (address, _session, callback) => {
      const code = this.refusals.shift();
      if (code === undefined) return callback();
      callback(Object.assign(new Error(`no mail for ${address.address}`), { responseCode: code }));
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        this.keep(Buffer.concat(chunks).toString());
        this.recipients.push(...session.envelope.rcptTo.map((recipient) => recipient.address));
        void this.#answer(callback);
      });
    },
  });

  constructor() {
    // A sender that is killed resets its connection; without a listener that would end this process.
    this.#server.on('error', () => {});
  }

  async #answer(taken: () => void): Promise<void> {
    await this.beforeAnswer?.();
    taken();
  }

  protected keep(mail: string): void {
    this.mails.push(mail);
  }

  /** Closes its connections without another word. */
  hangUp(): void {
    for (const connection of this.#server.connections) connection.close();
  }

  /** Resolves with the URL for `SMTP_URL`. */
  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(resolve));
  }
}
