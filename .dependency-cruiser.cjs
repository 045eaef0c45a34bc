// The boundaries between the parts of the system. tools/gates.test.ts proves that each rule can fail.
const { existsSync, readdirSync } = require('node:fs');

/** A service is a folder of src with a service.ts. */
const services = readdirSync('src')
  .filter((folder) => existsSync(`src/${folder}/service.ts`))
  .join('|');
const service = `^src/(${services})/`;
/** The rules of a service are rules.ts and, where they are long, the folder rules beside it. .oxlintrc.json names the same files. */
const pure = '^src/([^/]+/rules|[^/]+/rules/.+(?<!\\.test)|contracts/money|platform/processor/(aggregate|batch))\\.ts$';
// Tests put parts together that do not know each other; they are not part of the program.
const tests = '\\.test\\.ts$';

/** The rooms of the platform from the ground up: each may use those before it. */
const rooms = ['telemetry', 'runtime', 'paper', 'database', 'cache', 'log', 'kafka', 'processor', 'http'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'service-imports-service',
      comment:
        'Services know each other by contracts and events only. With one import this ends, and with it the freedom to run a service alone.',
      severity: 'error',
      from: { path: service, pathNot: tests },
      to: { path: '^(src|dev|tests|tools|bin)/', pathNot: ['^src/$1/', '^src/(contracts|platform)/'] },
    },
    {
      name: 'contracts-import-only-contracts',
      comment:
        'Contracts are what everyone may know. If they knew the platform or a service, so would everyone who reads an event.',
      severity: 'error',
      from: { path: '^src/contracts/', pathNot: tests },
      to: { path: '^(src|dev|tests|tools|bin)/', pathNot: '^src/contracts/' },
    },
    {
      name: 'client-imports-nothing',
      comment:
        'The client runs in browsers and in programs that have nothing of ours: it is the same as the package in clients/typescript.',
      severity: 'error',
      from: { path: '^src/client/', pathNot: tests },
      to: { path: '.', pathNot: '^src/client/' },
    },
    {
      name: 'platform-imports-no-service',
      comment: 'The platform serves any service and knows none. What it needs from one is handed to it.',
      severity: 'error',
      from: { path: '^src/platform/', pathNot: tests },
      to: { path: '^(src|dev|tests|tools|bin)/', pathNot: '^src/(platform|contracts)/' },
    },
    ...rooms.map((room, index) => ({
      name: `rooms-build-on-each-other`,
      comment: `A room of the platform uses only those before it: ${rooms.join(', ')}. An arrow back up makes two rooms one.`,
      severity: 'error',
      from: { path: `^src/platform/${room}/`, pathNot: tests },
      to: { path: `^src/platform/(${[...rooms.slice(index + 1), '[^/]+\\.ts$'].join('|')})` },
    })),
    {
      name: 'platform-has-these-rooms',
      comment: `A new room of the platform is a decision: name it in "rooms" of .dependency-cruiser.cjs, at its level. There are at most ten.`,
      severity: 'error',
      from: {},
      to: { path: '^src/platform/[^/]+/', pathNot: `^src/platform/(${rooms.slice(0, 10).join('|')})/` },
    },
    {
      name: 'kafka-adapters-behind-their-ports',
      comment:
        'Who writes and reads the bytes of Kafka is a choice made in transport.ts. Code that knows an adapter runs with that one alone; ports.ts says what it may use.',
      severity: 'error',
      from: { pathNot: '^src/platform/kafka/(wire/|client/|transport\\.ts$)' },
      to: { path: '^src/platform/kafka/(wire|client)/' },
    },
    {
      name: 'kafka-adapters-know-no-other',
      comment: 'An adapter that used the other could not be taken out alone. What they share stands beside them.',
      severity: 'error',
      from: { path: '^src/platform/kafka/(wire|client)/' },
      to: { path: '^src/platform/kafka/(wire|client)/', pathNot: '^src/platform/kafka/$1/' },
    },
    {
      name: 'system-knows-no-command',
      comment: 'The command line starts the system; a system that knew its commands could be started by nothing else.',
      severity: 'error',
      from: { path: '^src/system/', pathNot: tests },
      to: { path: '^src/(cli/|main\\.ts)' },
    },
    {
      name: 'src-imports-only-src',
      comment: 'An image holds bin and src. What only people who develop the system need is not there when it runs.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: '^(dev|tests|tools|bin|docs)/|^[^/]+\\.(json|ts)$' },
    },
    {
      name: 'rules-import-no-node',
      comment:
        'A rule that can read a clock, a file or the network gives another answer tomorrow, and cannot be replayed.',
      severity: 'error',
      from: { path: pure },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'rules-import-no-package',
      comment: 'Rules are plain code over plain data. typebox is data: the shape of events and commands.',
      severity: 'error',
      from: { path: pure },
      to: { path: 'node_modules/', pathNot: 'node_modules/typebox/' },
    },
    {
      name: 'rules-import-no-io',
      comment:
        'Of the platform, rules know what an aggregate is, and types, which are gone when they run. Everything else there does I/O or leads to it.',
      severity: 'error',
      from: { path: pure },
      to: {
        path: '^src/platform/',
        pathNot: '^src/platform/processor/aggregate\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'rules-reach-no-io',
      comment: 'The same by way of a file in between: a detour changes nothing about the promise.',
      severity: 'error',
      from: { path: pure },
      to: { path: '^src/platform/(database|http|log|kafka|telemetry)/', reachable: true },
    },
    {
      name: 'no-cycles',
      comment: 'Files in a cycle can only be understood, tested and moved together.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that is not found is not checked by any rule above either.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // The fixtures are cruised by the test of the rules, with a base folder of their own; the programs of others bring
    // their packages with them.
    exclude: { path: '^(tools/fixtures|tests/interop/programs)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
