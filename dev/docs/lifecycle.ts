import { deadlinesOf, ordersSettings } from '#orders/settings.ts';
import {
  ACTIONS,
  INITIAL,
  LATE_FACTS,
  type Status,
  STATUSES,
  type Transition,
  TRANSITIONS,
} from '#orders/rules/lifecycle.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { generatedFrom, inWords, markdownTable } from './markdown.ts';

/** docs/lifecycle.md: the lifecycle table for a reader, with its diagram. */

const ROWS: readonly Transition[] = TRANSITIONS;
const code = (text: string): string => `\`${text}\``;
const codes = (texts: readonly string[]): string => texts.map(code).join(', ');

/** Moves between two statuses, with every way there in one label. */
function moves(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { from, command, to } of ROWS) {
    if (to === 'same') continue;
    for (const status of from) {
      if (status === to) continue;
      const key = `${status} --> ${to}`;
      found.set(key, (found.get(key) ?? new Set()).add(command));
    }
  }
  return found;
}

function diagram(): string {
  const lines = ['stateDiagram-v2', `  [*] --> ${INITIAL}`];
  for (const [move, commands] of moves()) lines.push(`  ${move}: ${[...commands].join(', ')}`);
  for (const [status, { final }] of Object.entries(STATUSES)) if (final) lines.push(`  ${status} --> [*]`);
  return ['```mermaid', ...lines, '```'].join('\n');
}

function deadlines(): string {
  const defaults: Readonly<Record<string, number>> = { ...deadlinesOf(readSettings(ordersSettings, {})) };
  const rows = (Object.keys(STATUSES) as Status[]).flatMap((status) => {
    const expiry = ROWS.find((row) => row.command === 'expire' && row.from.includes(status));
    const afterMs = defaults[status];
    return expiry && afterMs !== undefined ? [[code(status), inWords(afterMs), code(expiry.event)]] : [];
  });
  return markdownTable(['status', 'waits at most', 'then'], rows);
}

export function lifecycleDocument(): string {
  const statuses = Object.entries(STATUSES).map(([status, { meaning, final }]) => [
    code(status),
    meaning,
    final ? 'yes' : '',
  ]);
  const transitions = ROWS.map(({ from, command, event, to, who }) => [
    codes(from),
    code(command),
    code(event),
    to === 'same' ? 'stays' : code(to),
    who.join(', '),
  ]);
  const late = LATE_FACTS.map((fact) => [codes(fact.in), code(fact.command), fact.because]);
  return `${generatedFrom('src/orders/rules/lifecycle.ts')}
# The life of an order

What can happen to an order is one table: in a status, a command leads to an event and a next status. Nothing else in the system names a next status. Whether a command is allowed *now* (is there a hold of that name, is money left to refund) is decided by the policies in \`src/orders/rules/policies.ts\`.

## Diagram

Commands that change the status. The table below has the others, too.

${diagram()}

## Statuses

A new order is \`${INITIAL}\`. An order in a final status never changes its status again.

${markdownTable(['status', 'meaning', 'final'], statuses)}

## Transitions

\`client\` is a person or program that calls the API; the other names are the services whose event brings the command, the orders service itself, and the timer.

${markdownTable(['in status', 'command', 'event', 'next status', 'who'], transitions)}

Two rows for one command in one status: the details of the command decide. The last of several parcels makes \`OrderShipped\`, any other \`OrderPartiallyShipped\`.

## What people can ask for

Each order answers with \`allowedActions\`, and for every other action with the code and the reason: ${codes(ACTIONS)}.

## Late facts

Services report what happened whether or not the order still waits for it. These facts change nothing, and this is why that is right. Any other fact that finds no row in the table is a hole in the table: it parks the order for a person to look at.

${markdownTable(['in status', 'command', 'nothing happens, because'], late)}

## Deadlines

Every waiting ends by itself. Defaults; the settings are in [configuration.md](configuration.md). While a hold keeps an order from going on, the hold's own deadline counts instead (${inWords(deadlinesOf(readSettings(ordersSettings, {})).held)}).

${deadlines()}
`;
}
