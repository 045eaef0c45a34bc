import { execFile } from 'node:child_process';
import { debianProgram, type Program, type Progress } from '#dev/brokers/programs.ts';

/** Prometheus and its promtool, from the PATH or Debian's package, as a reader of metrics and rules that others wrote. */

const TIMEOUT_MS = 60_000;
const ADVICE = 'Install Prometheus.';

/** The server, and where its libraries are. */
export function prometheusProgram(log: Progress = () => {}): Promise<Program> {
  return debianProgram('prometheus', 'prometheus', ADVICE, log);
}

/** Runs promtool; resolves with what it printed, or with its complaints where it does not end with 0. */
export async function promtool(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): Promise<{ readonly ok: boolean; readonly output: string }> {
  const { command, env } = await debianProgram('prometheus', 'promtool', ADVICE, () => {});
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { timeout: TIMEOUT_MS, env: { ...process.env, ...env }, ...(options.cwd !== undefined && { cwd: options.cwd }) },
      (error, stdout, stderr) => resolve({ ok: error === null, output: `${stdout}${stderr}`.trim() }),
    );
    child.stdin?.end(options.input ?? '');
  });
}
