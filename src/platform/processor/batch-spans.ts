import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import { isSampled, type Tracing, type TraceSpan } from '#platform/telemetry/tracing.ts';
import type { Batch, CommandRequest, ParkedEvent } from './batch.ts';

/**
 * What a batch is in the traces of its orders: a span for each event that is decided, and in it, as in the span of each
 * command's caller, one for the commit. The commits of a batch are one; their spans are linked.
 */
export class BatchSpans {
  readonly #tracing: Tracing;
  readonly #name: string;
  readonly #size: number;
  /** Of events in traces that are recorded, by their ids. */
  readonly #events = new Map<string, TraceSpan>();
  /** Trace contexts that a commit is part of. */
  readonly #parents: string[] = [];
  #commit: Pick<TraceSpan, 'end'> | undefined;

  private constructor(tracing: Tracing, name: string, { events, commands }: Batch<CommandRequest<unknown>>) {
    this.#tracing = tracing;
    this.#name = name;
    this.#size = events.length + commands.length;
    for (const { id, type, subject, traceparent } of events) {
      if (!isSampled(traceparent)) continue;
      const attributes = {
        'olms.order.id': subject,
        'messaging.message.id': id,
        'messaging.consumer.group.name': name,
      };
      const span = tracing.begin(`${name} ${type}`, { kind: 'consumer', parent: traceparent, attributes });
      this.#events.set(id, span);
      this.#parents.push(span.traceparent);
    }
    for (const { cause } of commands) if (isSampled(cause.traceparent)) this.#parents.push(cause.traceparent);
  }

  /** The spans of a batch that is about to be decided; undefined where nobody records any of it. */
  static begin(
    tracing: Tracing | undefined,
    name: string,
    batch: Batch<CommandRequest<unknown>>,
  ): BatchSpans | undefined {
    if (!tracing) return undefined;
    const spans = new BatchSpans(tracing, name, batch);
    return spans.#parents.length === 0 ? undefined : spans;
  }

  /** The trace context for what an event causes. */
  readonly traceOf = ({ id, traceparent }: Envelope): string | undefined =>
    this.#events.get(id)?.traceparent ?? traceparent;

  /** Events that the rules failed on wait for an operator. */
  parked(events: readonly ParkedEvent[]): void {
    for (const { event, error } of events) {
      if (error === undefined) continue;
      this.#events.get(event.id)?.end(error as Error);
      this.#events.delete(event.id);
    }
  }

  /** The statement is sent. */
  committing(): void {
    this.#commit = beginCommit(this.#tracing, this.#name, this.#parents, this.#size);
  }

  /** It is committed, or not. */
  end(error?: Error): void {
    this.#commit?.end(error);
    for (const span of this.#events.values()) span.end(error);
  }
}

/**
 * The commit of a batch of `size` items, in the trace of each of these contexts that is recorded: one span each, of which
 * the first is linked with all others. Undefined where none is recorded.
 */
export function beginCommit(
  tracing: Tracing | undefined,
  name: string,
  parents: readonly (string | undefined)[],
  size: number,
): Pick<TraceSpan, 'end'> | undefined {
  const [first, ...others] = tracing ? [...new Set(parents.filter(isSampled))] : [];
  if (!tracing || first === undefined) return undefined;
  const begin = (parent: string, links: readonly string[]): TraceSpan =>
    tracing.begin(`${name} commit`, {
      kind: 'client',
      parent,
      links,
      attributes: { 'db.system.name': 'postgresql', 'db.operation.batch.size': size },
    });
  const lead = begin(first, others);
  const spans = [lead, ...others.map((parent) => begin(parent, [lead.traceparent]))];
  return {
    end(error) {
      for (const span of spans) span.end(error);
    },
  };
}

/**
 * Commands of timers have no trace of their own: they go on in the trace of their order, which this service's first event
 * about it carries.
 */
export async function inTheirTraces<Request extends CommandRequest<unknown>>(
  database: Database,
  commands: readonly Request[],
): Promise<readonly Request[]> {
  const without = commands.filter(({ cause }) => cause.traceparent === undefined);
  if (without.length === 0) return commands;
  const rows = await database.query<{ subject: string; traceparent: string }>(
    `select o.id as subject, e.traceparent from unnest($1::uuid[]) as o(id)
     cross join lateral (select traceparent from log.order_outbox where subject = o.id order by txid, position limit 1) e
     where e.traceparent is not null`,
    [[...new Set(without.map(({ orderId }) => orderId))]],
  );
  const traces = new Map(rows.map(({ subject, traceparent }) => [subject, traceparent]));
  return commands.map((request) => {
    const traceparent = request.cause.traceparent ?? traces.get(request.orderId);
    return traceparent === request.cause.traceparent
      ? request
      : { ...request, cause: { ...request.cause, traceparent } };
  });
}
