import type { Command } from 'commander';
import { positiveNumber, wholeNumber } from '#cli/command.ts';

/** Commands for who develops the system or tries it out; an image has none of them. */
export function devCommands(program: Command): void {
  program
    .command('simulate')
    .description(
      "run random stories about the services' own rules, with crashes, repeats and delays, and check that every order ends and everything balances",
    )
    .option('--seed <number>', 'the same seed gives the same stories')
    .option('--stories <number>', 'how many (default 10,000)')
    .option('--json', 'for programs')
    .action(async (options: { seed?: string; stories?: string; json?: boolean }) =>
      (await import('#dev/simulator/command.ts')).simulate(options),
    );
  program
    .command('bench')
    .description('measure this machine: every figure beside what plain SQL of the same writes reaches')
    .option('--only <sections>', 'of intake,life,wait,seen,graphql,gateway,level,million,search')
    .option('--cluster', 'instead: the cluster shape beside the single process on this machine')
    .option('--quick', 'smaller numbers, rougher figures')
    .option('--json', 'for programs')
    .action(async (options: { only?: string; cluster?: boolean; quick?: boolean; json?: boolean }) =>
      (await import('#dev/bench/bench.ts')).bench(options),
    );
  program
    .command('demo')
    .description('npm start, with products, stock and a stream of orders in every kind of path')
    .option('--rate <number>', 'orders per second', positiveNumber, 1)
    .option('--orders <number>', 'how many, then the system just runs on (default: no end)', wholeNumber)
    .option('--seed <number>', 'the same seed gives the same orders', wholeNumber, 1)
    .action(async (options: { rate: number; orders?: number; seed: number }) =>
      (await import('#dev/demo/demo.ts')).demo(process.env, options),
    );
  program
    .command('docs')
    .description('write the generated documents: lifecycle, OpenAPI, AsyncAPI, event schemas, errors, configuration')
    .option('--check', 'compare instead of writing; fails where one is out of date')
    .option('--base <commit>', 'commit whose event schemas count as published (default: HEAD)')
    .action(async (options: { check?: boolean; base?: string }) => (await import('#dev/docs/docs.ts')).docs(options));
  program
    .command('cluster')
    .description('run Kafka, Redis, PostgreSQL and every service as its own process on this machine (npm run cluster)')
    .option('--replicas <number>', 'processes of each service', positiveNumber, 1)
    .option('--kafka <brokers>', 'use these brokers (default: KAFKA_BROKERS, else some of its own)')
    .option('--no-kafka', 'the log in PostgreSQL, and one database for all services')
    .action(async (options: { replicas: number; kafka?: string | boolean }) =>
      (await import('#dev/cluster/cluster.ts')).cluster(process.env, options),
    );
}
