import { Command } from 'commander';
import type { Option } from './command.ts';
import { COMMANDS, GROUPS, REMOTE_OPTIONS } from './commands.ts';

/** Commands that go on when whoever read their output is gone. */
const SERVING = ['dev', 'start'];

/** The `olms` program: one file per command, loaded when it is called. */
export function createProgram(): Command {
  const program = new Command('olms').description('Order Lifecycle Management System').showHelpAfterError();
  const groups = new Map<string, Command>();
  for (const { name, description, remote, isDefault = false, options = [], usageExit, run: perform } of COMMANDS) {
    const [group, ...named] = name.split(' ');
    const parent = GROUPS[group!] === undefined ? program : (groups.get(group!) ?? groupOf(program, group!));
    if (parent !== program) groups.set(group!, parent);
    const command = parent.command(parent === program ? name : named.join(' '), { isDefault }).description(description);
    for (const option of [...(remote ? REMOTE_OPTIONS : []), ...options]) add(command, option);
    if (usageExit !== undefined) command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : usageExit));
    // Commander hands over the arguments, the options, and the command itself.
    command.action((...given: unknown[]) =>
      perform(process.env, given.at(-2) as object, ...(given.slice(0, -2).flat() as string[])),
    );
  }
  return program;
}

function groupOf(program: Command, name: string): Command {
  return program.command(name).description(GROUPS[name]!);
}

function add(command: Command, { flags, description, parse, fallback, required }: Option): void {
  const option = command.createOption(flags, description);
  if (fallback !== undefined) option.default(fallback);
  if (parse) option.argParser(parse as (text: string, before: unknown) => unknown);
  command.addOption(option.makeOptionMandatory(required ?? false));
}

/** Runs the command that `argv` names; `serving` are those that go on when nobody reads their output any more. */
export async function run(program: Command, argv: readonly string[], serving: readonly string[] = []): Promise<void> {
  // A reader that has seen enough (`olms config | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (![...SERVING, ...serving].includes(argv[2] ?? '')) process.exit(0);
  });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.stderr.write(`olms: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
