/** Virtual time: a heap of steps, taken in the order of their times. Nothing ever waits for a real clock. */
export class Scheduler {
  nowMs: number;
  steps = 0;
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #steps: (() => void)[] = [];
  #count = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  after(delayMs: number, step: () => void): void {
    this.at(this.nowMs + delayMs, step);
  }

  at(timeMs: number, step: () => void): void {
    const time = timeMs < this.nowMs ? this.nowMs : timeMs;
    const order = this.#count++;
    let index = this.#steps.length;
    this.#times.push(time);
    this.#orders.push(order);
    this.#steps.push(step);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (this.#before(parent, time, order)) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#set(index, time, order, step);
  }

  /** Takes the next step; false where none is left. */
  step(): boolean {
    const { length } = this.#steps;
    if (length === 0) return false;
    const next = this.#steps[0]!;
    this.nowMs = this.#times[0]!;
    const time = this.#times.pop()!;
    const order = this.#orders.pop()!;
    const last = this.#steps.pop()!;
    if (length > 1) this.#sink(time, order, last);
    this.steps++;
    next();
    return true;
  }

  #before(index: number, time: number, order: number): boolean {
    return this.#times[index]! < time || (this.#times[index] === time && this.#orders[index]! < order);
  }

  #sink(time: number, order: number, step: () => void): void {
    const { length } = this.#steps;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#before(child + 1, this.#times[child]!, this.#orders[child]!)) child++;
      if (!this.#before(child, time, order)) break;
      this.#move(child, index);
      index = child;
    }
    this.#set(index, time, order, step);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from]!, this.#orders[from]!, this.#steps[from]!);
  }

  #set(index: number, time: number, order: number, step: () => void): void {
    this.#times[index] = time;
    this.#orders[index] = order;
    this.#steps[index] = step;
  }
}
