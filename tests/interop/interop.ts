import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeDocuments, writeOfEachKind } from '#tests/documents/write-documents.ts';
import { writeSlips } from '#tests/documents/write-slips.ts';
import { Api } from '#tests/support/api.ts';
import { KillableSystem } from '#tests/support/killable.ts';
import { freePort } from '#tests/support/ports.ts';

/**
 * Programs that others wrote, against a running system: its events given to the official CloudEvents SDKs for JavaScript
 * and Go, and clients generated from its description by openapi-typescript, openapi-python-client and openapi-generator
 * for Java, which compile, place an order and read it until it is complete. Spectral reads the description by the rules
 * of OWASP. Invoices and credit notes of chance are held against the schemas and the Schematron of EN 16931, in CII and UBL.
 * ZXing reads the bar codes of slips, and veraPDF holds invoices, credit notes and slips in every language and on both papers against PDF/A-3b. Schemathesis calls every operation with what the description allows, and with what it does not.
 *
 *   npm run interop [-- js go typescript python java spectral invoices slips pdfa schemathesis]
 *
 * Needs Go, Python and Java with Maven, and installs the rest, at the versions below, in .cache.
 */

const VERSIONS = {
  cloudevents: '10.0.0',
  'openapi-typescript': '7.13.0',
  'openapi-fetch': '0.17.0',
  'openapi-python-client': '0.29.1',
  'openapi-generator-cli': '7.25.0',
  'github.com/cloudevents/sdk-go/v2': 'v2.16.2',
  '@stoplight/spectral-cli': '6.16.3',
  '@stoplight/spectral-owasp-ruleset': '2.0.1',
  schemathesis: '4.32.5',
  'factur-x': '7.8',
  lxml: '6.1.3',
  saxonche: '13.1.1',
  'zxing-cpp': '3.1.1',
  pypdfium2: '5.15.2',
  pillow: '13.0.0',
  'validation-model-jakarta': '1.26.2',
} as const;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));
const CACHE = join(ROOT, '.cache', 'interop');
const STEP_TIMEOUT_MS = 300_000;
const KEY = `interop-${'k'.repeat(40)}`;
const exec = promisify(execFile);

async function run(cwd: string, command: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
  const options = { cwd, env, timeout: STEP_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await exec(command, [...args], options);
  return stdout.trim();
}

/** What a program is given: where the system is, and what it says. */
interface Given {
  readonly url: string;
  readonly sku: string;
  readonly openApi: string;
  readonly events: string;
}

/** A folder of its own that is kept for the next run, with the program in it. */
function folderWith(name: string, program: string, as = program): string {
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  cpSync(join(PROGRAMS, program), join(folder, as));
  return folder;
}

async function npm(folder: string, packages: readonly (keyof typeof VERSIONS)[]): Promise<void> {
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  const wanted = packages.map((name) => `${name}@${VERSIONS[name]}`);
  await run(folder, 'npm', ['install', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts', ...wanted]);
}

/** A class path with a Java library and what it needs. */
async function mavenJars(folder: string, group: string, name: keyof typeof VERSIONS): Promise<string> {
  const of = (tag: string, text: string): string => `<${tag}>${text}</${tag}>`;
  const named = (groupId: string, artifactId: string, version: string): string =>
    of('groupId', groupId) + of('artifactId', artifactId) + of('version', version);
  const dependency = of('dependency', named(group, name, VERSIONS[name]));
  const model = of('modelVersion', '4.0.0') + named('interop', 'interop', '1') + of('dependencies', dependency);
  writeFileSync(join(folder, 'pom.xml'), of('project', model));
  await run(folder, 'mvn', ['-q', 'dependency:copy-dependencies', '-DoutputDirectory=jars', '-DincludeScope=runtime']);
  return join(folder, 'jars', '*');
}

async function pip(folder: string, packages: readonly (keyof typeof VERSIONS)[]): Promise<void> {
  if (!existsSync(join(folder, 'venv'))) await run(folder, 'python3', ['-m', 'venv', 'venv']);
  const wanted = packages.map((name) => `${name}==${VERSIONS[name]}`);
  await run(folder, 'venv/bin/pip', ['install', '--quiet', ...wanted]);
}

function jarOf(): string {
  const version = VERSIONS['openapi-generator-cli'];
  const folder = join(homedir(), '.m2/repository/org/openapitools/openapi-generator-cli', version);
  return join(folder, `openapi-generator-cli-${version}.jar`);
}

const CLIENTS: Readonly<Record<string, (given: Given) => Promise<string>>> = {
  async js({ events }) {
    const folder = folderWith('js', 'events.mjs');
    await npm(folder, ['cloudevents']);
    return run(folder, process.execPath, ['events.mjs', events]);
  },
  async go({ events }) {
    const folder = folderWith('go', 'main.go');
    const sdk = 'github.com/cloudevents/sdk-go/v2';
    if (!existsSync(join(folder, 'go.mod'))) await run(folder, 'go', ['mod', 'init', 'interop']);
    await run(folder, 'go', ['get', `${sdk}@${VERSIONS[sdk]}`]);
    return run(folder, 'go', ['run', '.', events]);
  },
  async typescript({ url, sku, openApi }) {
    const folder = folderWith('typescript', 'place.ts.txt', 'place.ts');
    await npm(folder, ['openapi-typescript', 'openapi-fetch']);
    await run(folder, 'node_modules/.bin/openapi-typescript', [openApi, '-o', 'api.d.ts']);
    const flags =
      '--ignoreConfig --noEmit --strict --module nodenext --target esnext --allowImportingTsExtensions --skipLibCheck';
    const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules', '@types')];
    await run(folder, join(ROOT, 'node_modules/.bin/tsc'), [...flags.split(' '), ...types, 'place.ts']);
    return run(folder, process.execPath, ['place.ts', url, KEY, sku]);
  },
  async python({ url, sku, openApi }) {
    const folder = folderWith('python', 'place.py');
    await pip(folder, ['openapi-python-client']);
    const args = ['generate', '--path', openApi, '--output-path', 'client', '--overwrite', '--fail-on-warning'];
    // What it formats its output with would only make it warn.
    writeFileSync(join(folder, 'config.yaml'), 'post_hooks: []\n');
    await run(folder, 'venv/bin/openapi-python-client', [...args, '--config', 'config.yaml']);
    cpSync(join(folder, 'client', 'olms_client'), join(folder, 'olms_client'), { recursive: true });
    return run(folder, 'venv/bin/python', ['place.py', url, KEY, sku]);
  },
  async java({ url, sku, openApi }) {
    const folder = folderWith('java', 'Place.java');
    const artifact = `org.openapitools:openapi-generator-cli:${VERSIONS['openapi-generator-cli']}`;
    if (!existsSync(jarOf())) await run(folder, 'mvn', ['-q', 'dependency:get', `-Dartifact=${artifact}`]);
    rmSync(join(folder, 'client'), { recursive: true, force: true });
    await run(folder, 'java', [
      '-jar',
      jarOf(),
      'generate',
      '-g',
      'java',
      '--library',
      'native',
      '-i',
      openApi,
      '-o',
      'client',
    ]);
    const client = join(folder, 'client');
    await run(client, 'mvn', [
      '-q',
      'compile',
      'dependency:copy-dependencies',
      '-DoutputDirectory=jars',
      '-DincludeScope=runtime',
    ]);
    const jars = readdirSync(join(client, 'jars')).map((jar) => join(client, 'jars', jar));
    const classes = [join(client, 'target', 'classes'), ...jars].join(delimiter);
    return run(folder, 'java', ['-cp', classes, 'Place.java', url, KEY, sku]);
  },
  async spectral() {
    const folder = folderWith('spectral', 'spectral.mjs');
    await npm(folder, ['@stoplight/spectral-cli', '@stoplight/spectral-owasp-ruleset']);
    const document = join(ROOT, 'docs', 'api', 'openapi.json');
    return run(folder, 'node_modules/.bin/spectral', [
      'lint',
      '--fail-severity',
      'hint',
      '-r',
      'spectral.mjs',
      document,
    ]);
  },
  async invoices() {
    const folder = folderWith('invoices', 'invoices.py');
    const documents = join(folder, 'documents');
    rmSync(documents, { recursive: true, force: true });
    await writeDocuments(documents, 100);
    await pip(folder, ['factur-x', 'lxml', 'saxonche']);
    return run(folder, 'venv/bin/python', ['invoices.py', documents]);
  },
  async slips() {
    const folder = folderWith('slips', 'slips.py');
    const slips = join(folder, 'slips');
    rmSync(slips, { recursive: true, force: true });
    writeFileSync(join(slips, 'codes.json'), JSON.stringify(await writeSlips(slips)));
    await pip(folder, ['zxing-cpp', 'pypdfium2', 'pillow']);
    return run(folder, 'venv/bin/python', ['slips.py', slips]);
  },
  async pdfa() {
    const folder = folderWith('pdfa', 'PdfA.java');
    const papers = join(folder, 'papers');
    rmSync(papers, { recursive: true, force: true });
    await writeSlips(papers);
    await writeOfEachKind(papers);
    const jars = await mavenJars(folder, 'org.verapdf', 'validation-model-jakarta');
    return run(folder, 'java', ['-cp', jars, 'PdfA.java', papers]);
  },
  async schemathesis({ url }) {
    const folder = folderWith('schemathesis', 'schemathesis.toml');
    await pip(folder, ['schemathesis']);
    const said = await run(folder, 'venv/bin/st', [
      'run',
      `${url}/openapi.json`,
      '--header',
      `Authorization: Bearer ${KEY}`,
    ]);
    return said.slice(said.lastIndexOf('Test cases:')).split('\n').slice(0, 2).join(' ').replaceAll(/\s+/g, ' ');
  },
};

/** Events of an order of every kind of end that is soon reached. */
async function eventsOf(api: Api, sku: string): Promise<unknown[]> {
  const tokens = { tok_approve: 'COMPLETED', tok_decline: 'PAYMENT_FAILED' };
  const events: unknown[] = [];
  for (const [token, status] of Object.entries(tokens)) {
    const { id } = await api.placeOrder({ sku, token });
    await api.untilStatus(id, status);
    events.push(...(await api.events(id)));
  }
  return events;
}

const asked = process.argv.slice(2);
const names = Object.keys(CLIENTS).filter((name) => asked.length === 0 || asked.includes(name));
const folder = mkdtempSync(join(tmpdir(), 'olms-interop-'));
const [port, providerPort] = [await freePort(), await freePort()];
const env = { SANDBOX_CARRIER_DELAY_MS: '0' };
const system = new KillableSystem({ folder, port, providerPort, key: KEY, env });
const api = new Api(system.url, KEY);
let failed = 0;
try {
  system.spawn();
  await system.ready();
  const sku = await api.product();
  const files = { openApi: join(folder, 'openapi.json'), events: join(folder, 'events.json') };
  writeFileSync(files.openApi, JSON.stringify(await api.get('/openapi.json')));
  writeFileSync(files.events, JSON.stringify(await eventsOf(api, sku)));
  for (const name of names) {
    try {
      const said = await CLIENTS[name]!({ url: system.url, sku, ...files });
      process.stdout.write(`ok      ${name}: ${said}\n`);
    } catch (error) {
      failed++;
      const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
      process.stdout.write(`FAILED  ${name}: ${message}\n${stdout.slice(-3_000)}${stderr.slice(-3_000)}\n`);
    }
  }
} finally {
  await api.close();
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${names.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
