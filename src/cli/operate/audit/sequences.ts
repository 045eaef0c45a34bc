import type { ServiceAudit } from '#platform/audit.ts';
import type { OrderFile } from './pages.ts';

/** Whether the events of an order are numbered without gaps, follow their causes, and are counted by who emitted them. */
export function examineSequences(
  file: OrderFile,
  audits: readonly ServiceAudit[],
  report: (detail: string) => void,
): void {
  const { events } = file;
  const last = new Map<string, number>();
  const indexes = new Map(events.map((event, index) => [event.id, index]));
  for (const [index, event] of events.entries()) {
    const expected = (last.get(event.source) ?? 0) + 1;
    if (event.sequence !== expected)
      report(`${event.type} of ${event.source} has number ${event.sequence}, expected ${expected}`);
    last.set(event.source, event.sequence);
    const cause = indexes.get(event.causationid);
    // Logs of two databases have no common order.
    if (cause !== undefined && cause >= index && events[cause]!.place === event.place)
      report(`${event.type} (${event.id}) precedes its cause`);
  }
  for (const audit of audits) {
    const { source, sequence } = audit.orders ?? {};
    if (source === undefined || !sequence) continue;
    const row = file.rowOf(audit);
    const stored = row === undefined ? undefined : sequence(row);
    const emitted = last.get(source);
    if (stored === undefined) {
      if (emitted !== undefined) report(`${source} has emitted events and keeps no row`);
    } else if (stored !== (emitted ?? 0)) report(`${source} counts ${stored} events, the log has ${emitted ?? 0}`);
  }
}
