import {
  another,
  type CommandDefinition,
  JSON_OUTPUT,
  type Option,
  option,
  positiveNumber,
  required,
  wholeNumber,
} from './command.ts';
import type { ReplayOptions } from './operate/replay.ts';
import { OPERATOR_COMMANDS, OPERATOR_GROUPS } from './operator-commands.ts';

/** The commands of `olms`, in the order in which its help lists them. */

export const REMOTE_OPTIONS: readonly Option[] = [
  option('--url <url>', 'the system to talk to (default: OLMS_URL, PORT, or the one that runs on OLMS_DATA)'),
  option('--key <key>', 'API key (default: OLMS_API_KEY, OLMS_BOOTSTRAP_API_KEY, or the one npm start made)'),
  JSON_OUTPUT,
];

/** What the commands of a group have in common. */
export const GROUPS: Readonly<Record<string, string>> = {
  import: 'bring data of another system in',
  ...OPERATOR_GROUPS,
};

const start = () => import('./serve/start.ts');

export const COMMANDS: readonly CommandDefinition[] = [
  {
    name: 'dev',
    description: 'run everything in one process on an embedded PostgreSQL, and print a key (npm start)',
    run: async (env) => (await start()).dev(env),
  },
  {
    name: 'start [services...]',
    description: 'run all services, or those named, as the environment says',
    run: async (env, _options, ...services) => (await start()).start(env, services),
  },
  {
    name: 'config',
    description: 'print every setting with its meaning and default',
    options: [JSON_OUTPUT],
    run: async (_env, options) => (await import('./serve/settings.ts')).printConfig(options),
  },
  {
    name: 'migrate',
    description: 'apply database migrations and stop',
    run: async (env) => (await import('./serve/migrate.ts')).migrateDatabase(env),
  },
  {
    name: 'topics',
    description: 'the topic at Kafka: partitions, consumer groups, and how far behind each is',
    options: [
      JSON_OUTPUT,
      option('--renew', 'delete the topic and make it again: everything is published and read from the start'),
    ],
    run: async (env, options) => (await import('./operate/topics.ts')).topics(env, options),
  },
  {
    name: 'import orders <file>',
    description:
      'order lines out of a CSV file (.csv, .csv.gz, .csv.xz, or - for standard input); repeating it changes nothing',
    remote: true,
    options: [
      option('--preset <name>', 'online-retail or shopify (default: the one that fits the header)'),
      option('--map <field=Column>', 'which column holds a field; repeatable', another),
      option('--delimiter <character>', 'between fields', undefined, ','),
      option('--encoding <name>', 'for example windows-1252', undefined, 'utf-8'),
      option('--source <name>', 'whose order numbers these are; part of every key (default: the preset)'),
      option('--currency <code>', 'where the file does not say it'),
      option('--channel <name>', 'channel of the orders (default: the source)'),
      option('--create-products', 'create articles that do not exist'),
      option('--stock <pieces>', 'initial stock of articles that never had any', wholeNumber),
      option('--stock-as-needed', 'the same, as many pieces as the file sells'),
      option('--provider <name>', 'payment provider'),
      option('--token <token>', 'payment token of every order', undefined, 'tok_approve'),
      option('--concurrency <number>', 'requests at a time', positiveNumber, 32),
      option('--wait [seconds]', 'until every order has ended, at most this long (300)', positiveNumber),
      option('--dry-run', 'read and check the file, send nothing'),
      option('--report <file>', 'write the report with every refused line as JSON'),
    ],
    run: async (env, options, file) => (await import('./operate/import.ts')).importOrders(file!, options, env),
  },
  {
    name: 'audit',
    description:
      'check that everything stored agrees: orders and their events, goods, money, documents, parcels, the provider (exit code 1: something differs, 2: not all could be checked)',
    options: [
      JSON_OUTPUT,
      option('--provider-url <url>', 'books of the sandbox provider (default: http://127.0.0.1:SANDBOX_PROVIDER_PORT)'),
      option(
        '--patience <seconds>',
        'how long services may take to act on an event they have not read yet',
        wholeNumber,
        10,
      ),
    ],
    run: async (env, options) => (await import('./operate/audit.ts')).audit(options, env),
  },
  ...OPERATOR_COMMANDS,
  {
    name: 'replay',
    description:
      'let a service read the log again from an earlier place: what it missed is done, nothing is done twice',
    options: [
      required('--service <name>', 'who reads: a service, or orders-history'),
      option(
        '--from <where>',
        'start, a date, a time with its zone, or a place (transaction/position; at Kafka partition/offset, comma-separated)',
      ),
      option('--to <where>', 'with --dry-run: look no further than this'),
      option('--order <id>', 'with --dry-run: only this order; repeatable', another),
      option('--dry-run', 'show what would be read again and done, by event, and change nothing'),
      option(
        '--rebuild',
        'instead: build the tables of the service again from the log beside the live ones, compare, and swap in what differs; with --dry-run only compare',
      ),
      option('--wait [seconds]', 'until the service has read everything again, at most this long (600)'),
      option('--actor <name>', 'who does it, for the audit (default: user@host)'),
      JSON_OUTPUT,
    ],
    run: async (env, options) => (await import('./operate/replay.ts')).replay(options as ReplayOptions, env),
  },
];
