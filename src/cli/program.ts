import { Command } from 'commander';

/** The `olms` program: one file per command, loaded when it is called. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = new Command('olms').description('Order Lifecycle Management System').showHelpAfterError();

  program
    .command('dev')
    .description('run everything in one process on an embedded PostgreSQL, and print a key (npm start)')
    .action(async () => (await import('./start.ts')).dev(process.env));
  program
    .command('start [services...]')
    .description('run all services, or those named, as the environment says')
    .action(async (services: string[]) => (await import('./start.ts')).start(process.env, services));
  program
    .command('config')
    .description('print every setting with its meaning and default')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => (await import('./config.ts')).printConfig(options));
  program
    .command('migrate')
    .description('apply database migrations and stop')
    .action(async () => (await import('./migrate.ts')).migrateDatabase(process.env));

  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.stderr.write(`olms: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
