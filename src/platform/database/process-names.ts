/**
 * What a process calls its connections: `olms/41 orders payments`. The number says how many migrations its version knows;
 * it only grows, so that by it earlier versions are found, which have none before they knew phases.
 */
const NAME_MAX = 60;

export function processName(knownFiles: number, services: readonly string[]): string {
  return [`olms/${knownFiles}`, ...services].join(' ').slice(0, NAME_MAX);
}

export interface Session extends Record<string, unknown> {
  readonly name: string;
  readonly pid: number;
  readonly address: string | null;
}

/** Processes of earlier versions that are connected to the database, in words. `read` asks that database. */
export async function earlierProcesses(
  read: (text: string) => Promise<readonly Session[]>,
  knownFiles: number,
): Promise<string[]> {
  const rows = await read(
    `select application_name as name, min(pid) as pid, host(client_addr) as address from pg_stat_activity
     where datname = current_database() and application_name ~ '^olms(/[0-9]+)?( |$)'
     group by application_name, client_addr order by 1, 3`,
  );
  return rows
    .filter(({ name }) => Number(/^olms\/(\d+)/.exec(name)?.[1] ?? 0) < knownFiles)
    .map(({ name, pid, address }) => `${name} (session ${pid}${address === null ? '' : ` from ${address}`})`);
}
