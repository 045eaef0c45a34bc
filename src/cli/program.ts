import { Command, InvalidArgumentError } from 'commander';
import type { ReplayOptions } from './operate/replay.ts';

/** Commands that go on when whoever read their output is gone. */
const SERVING = ['dev', 'start'];

/** The `olms` program: one file per command, loaded when it is called. */
export function createProgram(): Command {
  const program = new Command('olms').description('Order Lifecycle Management System').showHelpAfterError();

  program
    .command('dev')
    .description('run everything in one process on an embedded PostgreSQL, and print a key (npm start)')
    .action(async () => (await import('./serve/start.ts')).dev(process.env));
  program
    .command('start [services...]')
    .description('run all services, or those named, as the environment says')
    .action(async (services: string[]) => (await import('./serve/start.ts')).start(process.env, services));
  program
    .command('config')
    .description('print every setting with its meaning and default')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => (await import('./serve/settings.ts')).printConfig(options));
  program
    .command('migrate')
    .description('apply database migrations and stop')
    .action(async () => (await import('./serve/migrate.ts')).migrateDatabase(process.env));
  topicsCommand(program);
  importCommands(program);
  auditCommand(program);
  orderCommands(program);
  parkCommands(program);
  replayCommand(program);
  return program;
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

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

const another = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** A command that calls the API of a running system. */
function remote(command: Command): Command {
  return command
    .option('--url <url>', 'the system to talk to (default: http://127.0.0.1:PORT)')
    .option('--key <key>', 'API key (default: OLMS_API_KEY, OLMS_BOOTSTRAP_API_KEY, or the one npm start made)')
    .option('--json', 'for programs');
}

function topicsCommand(program: Command): void {
  program
    .command('topics')
    .description('the topic at Kafka: partitions, consumer groups, and how far behind each is')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => (await import('./operate/topics.ts')).topics(process.env, options));
}

function importCommands(program: Command): void {
  const group = program.command('import').description('bring data of another system in');
  remote(group.command('orders <file>'))
    .description(
      'order lines out of a CSV file (.csv, .csv.gz, .csv.xz, or - for standard input); repeating it changes nothing',
    )
    .option('--preset <name>', 'online-retail or shopify (default: the one that fits the header)')
    .option('--map <field=Column>', 'which column holds a field; repeatable', another)
    .option('--delimiter <character>', 'between fields', ',')
    .option('--encoding <name>', 'for example windows-1252', 'utf-8')
    .option('--source <name>', 'whose order numbers these are; part of every key (default: the preset)')
    .option('--currency <code>', 'where the file does not say it')
    .option('--channel <name>', 'channel of the orders (default: the source)')
    .option('--create-products', 'create articles that do not exist')
    .option('--stock <pieces>', 'initial stock of articles that never had any', wholeNumber)
    .option('--stock-as-needed', 'the same, as many pieces as the file sells')
    .option('--provider <name>', 'payment provider')
    .option('--token <token>', 'payment token of every order', 'tok_approve')
    .option('--concurrency <number>', 'requests at a time', positiveNumber, 32)
    .option('--wait [seconds]', 'until every order has ended, at most this long (300)', positiveNumber)
    .option('--dry-run', 'read and check the file, send nothing')
    .option('--report <file>', 'write the report with every refused line as JSON')
    .action(async (file: string, options: object) =>
      (await import('./operate/import.ts')).importOrders(file, options, process.env),
    );
}

function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('check that everything stored agrees: orders and their events, stock, money, invoices, the provider')
    .option('--json', 'for programs')
    .option('--provider-url <url>', 'books of the sandbox provider (default: http://127.0.0.1:SANDBOX_PROVIDER_PORT)')
    .option(
      '--patience <seconds>',
      'how long services may take to act on an event they have not read yet',
      wholeNumber,
      10,
    )
    .action(async (options: object) => (await import('./operate/audit.ts')).audit(options, process.env));
}

function orderCommands(program: Command): void {
  const group = program.command('orders').description('look at orders and act on them');
  const load = () => import('./operate/orders.ts');
  remote(group.command('list'))
    .description('orders, newest first')
    .option('--status <status>')
    .option('--payment-status <status>')
    .option('--fulfillment-status <status>')
    .option('--customer-id <uuid>')
    .option('--channel <name>')
    .option('--sku <sku>')
    .option('--text <words>', 'in reference, e-mail, phone or name')
    .option('--created-from <time>')
    .option('--created-to <time>')
    .option('--sort <order>', '-createdAt or createdAt')
    .option('--limit <number>', 'how many', positiveNumber, 50)
    .action(async (options: object) => (await load()).listOrders(options, process.env));
  remote(group.command('show <id>'))
    .description('one order, now or as of a version or time')
    .option('--as-of <when>', 'a version number or an RFC 3339 time')
    .action(async (id: string, options: object) => (await load()).showOrder(id, options, process.env));
  remote(group.command('events <id>'))
    .description('the log of an order, oldest first')
    .action(async (id: string, options: object) => (await load()).showEvents(id, options, process.env));
  const actions = {
    cancel: 'end an order before it ships',
    hold: 'pause payment and shipment',
    release: 'end a hold',
    complete: 'declare a shipped order complete',
    refund: 'give money back',
  } as const;
  for (const [action, description] of Object.entries(actions) as [keyof typeof actions, string][]) {
    const command = remote(group.command(`${action} <id>`)).description(description);
    if (action === 'hold' || action === 'refund') command.requiredOption('--reason <text>');
    else if (action !== 'complete') command.option('--reason <text>');
    if (action === 'hold' || action === 'release')
      command.option('--type <name>', 'name of the hold (default: manual)');
    if (action === 'refund') command.option('--amount <amount>', 'default: everything that is left');
    command.action(async (id: string, options: object) =>
      (await load()).commandOrder(action, id, options, process.env),
    );
  }
}

function parkCommands(program: Command): void {
  const group = program.command('park').description('orders whose event a service could not digest');
  const load = () => import('./operate/park.ts');
  remote(group.command('list'))
    .description('parked orders with the reason')
    .action(async (options: object) => (await load()).listParked(options, process.env));
  for (const action of ['retry', 'skip'] as const) {
    remote(group.command(`${action} <service> <order>`))
      .description(action === 'retry' ? 'try the parked event again' : 'leave the parked event out')
      .action(async (service: string, order: string, options: object) =>
        (await load()).unpark(action, service, order, options, process.env),
      );
  }
  remote(group.command('edit <service> <order>'))
    .description('try the parked event again with other data')
    .option('--data <json>', 'the data (default: edit it in $EDITOR)')
    .option('--data-file <file>')
    .action(async (service: string, order: string, options: object) =>
      (await load()).editParked(service, order, options, process.env),
    );
}

function replayCommand(program: Command): void {
  program
    .command('replay')
    .description(
      'let a service read the log again from an earlier place: what it missed is done, nothing is done twice',
    )
    .requiredOption('--service <name>', 'who reads: a service, or orders-history')
    .option(
      '--from <where>',
      'start, a date, a time with its zone, or a place (transaction/position; at Kafka partition/offset, comma-separated)',
    )
    .option('--to <where>', 'with --dry-run: look no further than this')
    .option('--order <id>', 'with --dry-run: only this order; repeatable', another)
    .option('--dry-run', 'tell what would be read again and done, by event, and change nothing')
    .option(
      '--rebuild',
      'instead: build the tables of the service again from the log beside the live ones, compare, and swap in what differs; with --dry-run only compare',
    )
    .option('--wait [seconds]', 'until the service has read everything again, at most this long (600)')
    .option('--actor <name>', 'who does it, for the audit (default: user@host)')
    .option('--json', 'for programs')
    .action(async (options: object) =>
      (await import('./operate/replay.ts')).replay(options as ReplayOptions, process.env),
    );
}
