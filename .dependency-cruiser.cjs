// The boundaries between the parts of the system. tools/gates.test.ts proves that each rule can fail.
const services = 'orders|inventory|payments|shipping|reviews|notifications|billing|gateway|sandbox';
const service = `^src/(${services})/`;
const pure = `^src/([^/]+/rules|orders/(lifecycle|order|reactions)|contracts/money)\\.ts$`;
// Tests put parts together that do not know each other; they are not part of the program.
const tests = '\\.test\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'service-imports-service',
      comment:
        'Services know each other by contracts and events only. With one import this ends, and with it the freedom to run a service alone.',
      severity: 'error',
      from: { path: service, pathNot: tests },
      to: { path: '^(src|tests|tools|bin)/', pathNot: ['^src/$1/', '^src/(contracts|platform)/'] },
    },
    {
      name: 'contracts-import-only-contracts',
      comment:
        'Contracts are what everyone may know. If they knew the platform or a service, so would everyone who reads an event.',
      severity: 'error',
      from: { path: '^src/contracts/', pathNot: tests },
      to: { path: '^(src|tests|tools|bin)/', pathNot: '^src/contracts/' },
    },
    {
      name: 'platform-imports-no-service',
      comment: 'The platform serves any service and knows none. What it needs from one is handed to it.',
      severity: 'error',
      from: { path: '^src/platform/', pathNot: tests },
      to: { path: '^(src|tests|tools|bin)/', pathNot: '^src/(platform|contracts)/' },
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
      to: { path: '^src/platform/', pathNot: '^src/platform/aggregate\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'rules-reach-no-io',
      comment: 'The same by way of a file in between: a detour changes nothing about the promise.',
      severity: 'error',
      from: { path: pure },
      to: { path: '^src/platform/(database|http|messaging|telemetry)/', reachable: true },
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
    // The fixtures are cruised by the test of the rules, with a base folder of their own.
    exclude: { path: '^tools/fixtures/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
