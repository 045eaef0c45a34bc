import { type ErrorCode, ERRORS } from '#contracts/errors.ts';
import { allSettings, type SettingRow } from '#cli/serve/settings.ts';
import { generatedFrom, inWords, markdownTable } from './markdown.ts';

/** docs/api/errors.md and docs/configuration.md: the error codes and the settings as tables. */

export function errorsDocument(): string {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).toSorted((a, b) => ERRORS[a].status - ERRORS[b].status);
  const rows = codes.map((code) => [
    `<a id="${code}"></a>\`${code}\``,
    String(ERRORS[code].status),
    ERRORS[code].title,
  ]);
  return `${generatedFrom('src/contracts/errors.ts')}
# Errors

Every refusal is \`application/problem+json\` (RFC 9457) with a stable \`code\`. Programs decide by \`code\`, people read \`detail\`, and support finds everything else by \`correlationId\`. The \`type\` of a problem leads to its row at \`/docs/errors\` of a running system.

\`\`\`json
{
  "type": "/docs/errors#ORDER_ALREADY_SHIPPED",
  "title": "The order has left the warehouse",
  "status": 409,
  "detail": "\\"cancel\\" is not possible while the order is SHIPPED.",
  "code": "ORDER_ALREADY_SHIPPED",
  "correlationId": "checkout-4711",
  "orderStatus": "SHIPPED",
  "allowedActions": ["complete", "requestReturn", "requestRefund"]
}
\`\`\`

A request that does not match its schema lists every field in \`errors\`, by JSON pointer. Answers with status 503 carry \`Retry-After\`.

${markdownTable(['code', 'status', 'meaning'], rows)}
`;
}

/** Defaults that a machine decides; in the document they must be the same everywhere. */
const DEPENDS: Readonly<Record<string, string>> = { DATABASE_POOL_SIZE: 'twice the processors, at least 8' };

function defaultOf({ env, type, default: value }: SettingRow): string {
  if (DEPENDS[env] !== undefined) return DEPENDS[env];
  if (value === '') return '';
  if (type === 'secret') return value;
  const words =
    env.endsWith('_MS') && /^\d+$/.test(value) && Number(value) >= 60_000 ? ` (${inWords(Number(value))})` : '';
  return `\`${value}\`${words}`;
}

export function configurationDocument(): string {
  const rows = allSettings();
  const owners = [...new Set(rows.map((row) => row.owner))];
  const sections = owners.map((owner) => {
    const own = rows.filter((row) => row.owner === owner);
    const table = own.map((row) => [`\`${row.env}\``, row.takes, defaultOf(row), row.meaning]);
    return `## ${owner}\n\n${markdownTable(['variable', 'takes', 'default', 'meaning'], table)}\n`;
  });
  return `${generatedFrom('the `settings.ts` of the process and of each service')}
# Configuration

Everything is set by environment variables, and only there. \`bin/olms config\` prints this list for the version you run, with \`--json\` for programs. A variable that is set to the empty string counts as unset; a value that a variable does not take stops the start with a message that names every wrong one. A variable that begins with \`OLMS_\` and is not in this list, or one that is nearly spelt like one of these, is named in a warning at the start.

\`process\` is for every process, whichever services it runs; the others are read where their service runs.

${sections.join('\n')}`;
}
