/** NOTIFY on a session: processes of one PostgreSQL learn from each other that there is something to read. */

const NOTIFY_EVERY_MS = 4;

export class Notifier {
  readonly #send: () => Promise<void>;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #requested = false;
  #closed = false;

  /** `send` sends one notification; it does not fail. */
  constructor(send: () => Promise<void>) {
    this.#send = send;
  }

  /** Calls back when another process has written. Returns the way to stop it. */
  onNotice(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Another process has notified us. */
  received(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Notifies the other processes; many calls become one notification. */
  notify(): void {
    this.#requested = true;
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => void this.#sendOne(), NOTIFY_EVERY_MS);
  }

  async #sendOne(): Promise<void> {
    // What is written from here on needs a notification of its own, but not before this one is through.
    this.#requested = false;
    await this.#send();
    this.#timer = undefined;
    if (this.#requested) this.notify();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
