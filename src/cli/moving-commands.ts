import type { Environment } from '#platform/runtime/settings.ts';
import { another, type CommandDefinition, option, positiveNumber, wholeNumber } from './command.ts';

/** Commands that bring data of another system in, and take it out again. */

export const MOVING_GROUPS: Readonly<Record<string, string>> = {
  import: 'bring data of another system in',
  export: 'take data out, for another system or a spreadsheet',
};

const TABLE_OPTIONS = [
  option('--source <name>', 'where the table comes from; part of the keys of counts (default: import)'),
  option('--decimal <mark>', 'comma or point in numbers: , or . (default: what each number shows)'),
  option('--delimiter <character>', 'between fields, or tab (default: what the file shows)'),
  option('--encoding <name>', 'for example windows-1252 (default: what the file shows)'),
];

async function importTableOf(
  kind: 'products' | 'stock',
  file: string,
  options: object,
  env: Environment,
): Promise<void> {
  const { exitCodeOf } = await import('./operate/import.ts');
  const { importTable, TABLES } = await import('./operate/import/tables.ts');
  process.exitCode = await exitCodeOf(() => importTable(TABLES[kind], file, options, env));
}

export const MOVING_COMMANDS: readonly CommandDefinition[] = [
  {
    name: 'import orders <file>',
    description:
      'orders out of a CSV file of another system (.csv, .csv.gz, .csv.xz, or - for standard input), each whole or not at all; repeating it changes nothing. Exit code 0: all taken, 3: some refused, 4: none taken, 2: wrong call, 5: the system is away',
    remote: true,
    usageExit: 2,
    options: [
      option('--as <kind>', 'live, history or open; without it the command explains the three'),
      option('--preset <name>', 'layout of the file (default: the one that fits the header)'),
      option(
        '--map-file <file>',
        'JSON: preset, map, status, prices, decimal, delimiter, encoding, timeZone, skipLines',
      ),
      option('--map <field=Column>', 'which column holds a field; repeatable', another),
      option('--prices <kind>', 'include-tax or exclude-tax (default: what makes the total)'),
      option('--decimal <mark>', 'comma or point in numbers: , or . (default: what each number shows)'),
      option('--time-zone <zone>', 'of the dates (default: UTC)'),
      option('--sku-from <field>', 'name: articles without a number are known by their name'),
      option('--delimiter <character>', 'between fields, or tab (default: what the file shows)'),
      option('--encoding <name>', 'for example windows-1252 (default: what the file shows)'),
      option('--source <name>', 'whose order numbers these are; part of every key (default: the preset)'),
      option('--currency <code>', 'where the file does not say it'),
      option('--channel <name>', 'channel of the orders (default: the source)'),
      option('--create-products', 'create articles that do not exist (live, open)'),
      option('--stock <pieces>', 'initial stock of articles that never had any', wholeNumber),
      option('--stock-as-needed', 'the same, as many pieces as the file sells'),
      option('--provider <name>', 'payment provider of live orders'),
      option('--token <token>', 'payment token of live orders', undefined, 'tok_approve'),
      option('--concurrency <number>', 'sets of orders sent at a time', positiveNumber, 4),
      option('--wait [seconds]', 'until every order has ended, at most this long (300)', positiveNumber),
      option('--dry-run', 'ask the system what it would do; nothing is kept'),
      option('--report <file>', 'write the report with every refused order as JSON'),
    ],
    run: async (env, options, file) => (await import('./operate/import.ts')).importOrders(file!, options, env),
  },
  {
    name: 'import products <file>',
    description:
      'articles out of a CSV file: sku, name, price, currency; those that exist are changed. Exit codes as of orders',
    remote: true,
    usageExit: 2,
    options: TABLE_OPTIONS,
    run: async (env, options, file) => importTableOf('products', file!, options, env),
  },
  {
    name: 'import stock <file>',
    description:
      'counted stock out of a CSV file: sku, location, quantity; each count is booked once. Exit codes as of orders',
    remote: true,
    usageExit: 2,
    options: TABLE_OPTIONS,
    run: async (env, options, file) => importTableOf('stock', file!, options, env),
  },
  {
    name: 'export orders <file>',
    description: 'orders to a .csv or .json file that can be imported again, oldest first',
    remote: true,
    usageExit: 2,
    options: [
      option('--status <status>'),
      option('--channel <name>'),
      option('--created-from <time>'),
      option('--created-to <time>'),
    ],
    async run(env, options, file) {
      const [{ exitCodeOf }, { exportOrders }] = await Promise.all([
        import('./operate/import.ts'),
        import('./operate/export.ts'),
      ]);
      process.exitCode = await exitCodeOf(() => exportOrders(file!, options, env));
    },
  },
];
