import {
  another,
  type CommandDefinition,
  JSON_OUTPUT,
  type Option,
  option,
  percent,
  positiveNumber,
  required,
  wholeNumber,
} from './command.ts';
import type { ReplayOptions } from './operate/replay.ts';
import { MOVING_COMMANDS, MOVING_GROUPS } from './moving-commands.ts';
import { OPERATOR_COMMANDS, OPERATOR_GROUPS } from './operator-commands.ts';

/** The commands of `olms`, in the order in which its help lists them. */

export const REMOTE_OPTIONS: readonly Option[] = [
  option('--url <url>', 'the system to talk to (default: OLMS_URL, PORT, or the one that runs on OLMS_DATA)'),
  option('--key <key>', 'API key (default: OLMS_API_KEY, OLMS_BOOTSTRAP_API_KEY, or the one npm start made)'),
  JSON_OUTPUT,
];

/** What the commands of a group have in common. */
export const GROUPS: Readonly<Record<string, string>> = {
  ...MOVING_GROUPS,
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
    name: 'env',
    description: 'print OLMS_URL and OLMS_API_KEY of the system that runs here: eval "$(bin/olms env)"',
    options: REMOTE_OPTIONS.filter(({ flags }) => flags !== '--json'),
    run: async (env, options) => (await import('./serve/env.ts')).printEnvironment(options, env),
  },
  {
    name: 'migrate',
    description: 'bring the databases up to what this version needs, while the previous one runs, and stop',
    options: [
      option('--dry-run', 'say what would be done, and do nothing'),
      option(
        '--contract',
        'instead: remove what only previous versions use; refused while a process of one is connected',
      ),
      option('--busy <percent>', 'how much of the time filling rows may keep a database busy (50)', percent),
    ],
    run: async (env, options) => (await import('./serve/migrate.ts')).migrateDatabase(options, env),
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
  ...MOVING_COMMANDS,
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
  {
    name: 'doctor',
    description:
      'what is wrong, and what to do: settings, databases, Kafka, Redis, mail, provider, processes, lag, orders that stand still (exit code 0: nothing, 1: something, 2: not all could be checked)',
    options: [
      JSON_OUTPUT,
      option('--url <url>', 'the API to look at (default: OLMS_URL, PORT, or the one that runs on OLMS_DATA)'),
      option('--patience <seconds>', 'how long something may wait before it counts as stuck', wholeNumber, 60),
    ],
    run: async (env, options) => (await import('./operate/doctor.ts')).doctor(options, env),
  },
  {
    name: 'smoke',
    description:
      'does a deployment work? An order for a product of its own is followed to its end and cleaned up. Exit code 0: it works, 1: it does not, 2: wrong call, 3: the system is away or not ready, 4: it works, but cleaning up did not',
    remote: true,
    usageExit: 2,
    options: [
      option(
        '--until <end>',
        'complete: shipped and invoiced; cancel: paid, cancelled, given back (default: complete)',
      ),
      option('--token <token>', 'payment token', undefined, 'tok_approve'),
      option('--provider <name>', 'payment provider (default: the one there is)'),
      option('--location <name>', 'where its stock is put (default: main)'),
      option('--timeout <seconds>', 'for the order to reach its end', positiveNumber, 60),
    ],
    run: async (env, options) => (await import('./operate/smoke.ts')).smoke(options, env),
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
