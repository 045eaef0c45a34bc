import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DeployTools, installTools, kubernetesVersion } from '../../tools/deploy-tools.mjs';
import { DEPLOY, interpolated, madeEnvironment, readYaml, ROOT } from './files.ts';
import { SCHEMA_FILES, writeCustomSchema, writeKubernetesSchemas } from './schemas.ts';

/**
 * What independent programs say of the image, the compose files, the chart and the workflows.
 *
 *   npm run check:deploy [-- --write]
 *
 * `--write` renders deploy/kubernetes from the chart before. Needs Go and Python, and installs the rest (tools/deploy-tools.mjs)
 * in .cache. Every program must first find a fault that was planted, so that one which looks at nothing is found.
 */

const CHART = join(DEPLOY, 'chart/olms');
const VALUES = join(DEPLOY, 'chart/values');
const RENDERED = join(DEPLOY, 'kubernetes');
const TIMEOUT_MS = 300_000;
const GENERATED = '# Rendered from deploy/chart by: npm run check:deploy -- --write. Do not edit.\n';

/** Findings that are left standing, each with why. */
const KUBE_SCORE_IGNORED: Readonly<Record<string, string>> = {
  'container-image-pull-policy': 'images are named by digest: pulling again would only tie each start to the registry',
  'container-security-context-user-group-id': 'PostgreSQL, Kafka and Redis have the users of their images (999, 1000)',
  'statefulset-has-poddisruptionbudget':
    'what is bundled is one server; a budget would keep its node from being drained',
  'deployment-replicas': 'the values for one node run one process of each',
  'deployment-has-poddisruptionbudget': 'the same, and the sandbox is one process',
};
const CHECKOV_SKIPPED: Readonly<Record<string, string>> = {
  CKV_K8S_15: 'pull policy Always: images are named by digest',
  CKV_K8S_35: 'secrets as files: settings are read from the environment, and from there alone',
  CKV_K8S_40: 'high user ids: PostgreSQL, Kafka and Redis have the users of their images; OLMS has 10001',
  CKV_K8S_43: 'image by digest: the registry and digest are of whoever deploys; small.yaml has a local image',
};

const failures: string[] = [];
const log = (line: string): void => void process.stdout.write(`${line}\n`);
const tools: DeployTools = installTools(log);
const scratch = join(tools.cache, 'work');
mkdirSync(scratch, { recursive: true });

interface Result {
  readonly status: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], options: { cwd?: string; input?: string } = {}): Result {
  const { status, stdout, stderr, error } = spawnSync(tools.programs[program]!, [...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  return { status, output: `${stdout}${stderr}${error ? error.message : ''}` };
}

/** One check: it passes where the program ends with 0. */
function check(name: string, { status, output }: Result): void {
  log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name}`);
  if (status !== 0) failures.push(`--- ${name}\n${output.trim().slice(-6_000)}`);
}

/** A planted fault: it passes where the program does not end with 0, and says the word. */
function finds(name: string, word: string, { status, output }: Result): void {
  const found = status !== 0 && output.includes(word);
  check(`finds a planted fault: ${name}`, { status: found ? 0 : 1, output: `"${word}" was not found in:\n${output}` });
}

// The image --------------------------------------------------------------------------------------------------

check('hadolint Dockerfile', run('hadolint', ['Dockerfile']));
const planted = join(scratch, 'Dockerfile');
writeFileSync(planted, 'FROM node\nRUN cd /tmp\n');
finds('hadolint, an image without a version', 'DL3006', run('hadolint', [planted]));

// Compose ----------------------------------------------------------------------------------------------------

const env = madeEnvironment();
/** Through the loader of the specification, with all profiles: schema, references between parts, merged values. */
function compose(name: string, content: unknown): Result {
  const file = join(scratch, name);
  writeFileSync(file, JSON.stringify(content));
  const { status, stdout, stderr } = spawnSync(tools.programs['compose-go']!, ['-no-interpolation', file], {
    cwd: DEPLOY,
    env: { ...process.env, COMPOSE_PROFILES: '*' },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return { status, output: status === 0 ? '' : `${stdout}${stderr}` };
}
for (const file of ['compose.yaml', 'compose.single.yaml'])
  check(`compose-go ${file}`, compose(`${file}.json`, interpolated(readYaml(file), env)));
finds(
  'compose-go, a field that is not there',
  'imagge',
  compose('planted.json', { services: { orders: { imagge: 'x' } } }),
);

// The chart --------------------------------------------------------------------------------------------------

const schemas = join(tools.cache, `schemas-${kubernetesVersion}`);
log(`${writeKubernetesSchemas(tools.modules.kubernetes, schemas)} schemas of Kubernetes ${kubernetesVersion}`);
writeCustomSchema(join(tools.modules.keda, 'config/crd/bases/keda.sh_scaledobjects.yaml'), schemas);
const monitors = 'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml';
writeCustomSchema(join(tools.modules.prometheusOperator, monitors), schemas);
const kubeconform = (file: string): Result =>
  run('kubeconform', ['-strict', '-summary', '-schema-location', join(schemas, SCHEMA_FILES), file]);

const template = (values: string, ...more: readonly string[]): Result => {
  const fixed = ['--namespace', 'olms', '--kube-version', kubernetesVersion, '--values', join(VALUES, values)];
  return run('helm', ['template', 'olms', CHART, ...fixed, ...more]);
};
const shapes = readdirSync(VALUES);
for (const values of shapes) {
  check(`helm lint --strict ${values}`, run('helm', ['lint', '--strict', CHART, '--values', join(VALUES, values)]));
  const all = template(values);
  check(`helm template ${values}`, all);
  const file = join(scratch, values);
  writeFileSync(file, all.output);
  check(`kubeconform -strict ${values}`, kubeconform(file));
  const ignored = Object.keys(KUBE_SCORE_IGNORED).flatMap((test) => ['--ignore-test', test]);
  check(`kube-score ${values}`, run('kube-score', ['score', '--output-format', 'ci', ...ignored, file]));
  const skipped = ['--skip-check', Object.keys(CHECKOV_SKIPPED).join(',')];
  const quiet = ['--compact', '--quiet', '--framework', 'kubernetes', '--skip-download'];
  check(`checkov ${values}`, run('checkov', [...quiet, ...skipped, '--file', file]));

  const committed = join(RENDERED, values);
  const rendered = `${GENERATED}${template(values, '--skip-tests').output}`;
  if (process.argv.includes('--write')) writeFileSync(committed, rendered);
  const same = existsSync(committed) && readFileSync(committed, 'utf8') === rendered;
  check(`deploy/kubernetes/${values} is what the chart renders`, {
    status: same ? 0 : 1,
    output: 'npm run check:deploy -- --write',
  });
}

const watched = template('three-nodes.yaml', '--set', 'monitoring.dashboards=true,monitoring.collector=true');
writeFileSync(join(scratch, 'watched.yaml'), watched.output);
check('kubeconform -strict with dashboards and collector', kubeconform(join(scratch, 'watched.yaml')));

finds(
  'the schema of values, one that is not there',
  'replicass',
  run('helm', ['template', 'olms', CHART, '--kube-version', kubernetesVersion, '--set', 'defaults.replicass=2']),
);
finds(
  'the chart, no brokers',
  'name the brokers',
  run('helm', ['template', 'olms', CHART, '--kube-version', kubernetesVersion]),
);
const threeNodes = template('three-nodes.yaml').output;
const withFault = (name: string, from: string | RegExp, to: string): string => {
  const file = join(scratch, `planted-${name}.yaml`);
  const changed = threeNodes.replace(from, to);
  if (changed === threeNodes) throw new Error(`nothing to plant a fault in: ${from}`);
  writeFileSync(file, changed);
  return file;
};
finds('kubeconform, a field of a Deployment', 'replicass', kubeconform(withFault('field', 'replicas:', 'replicass:')));
finds(
  'kubeconform, a field of a ScaledObject',
  'minReplicaCountt',
  kubeconform(withFault('scaled', 'minReplicaCount:', 'minReplicaCountt:')),
);
const asRoot = withFault('root', /readOnlyRootFilesystem: true/g, 'readOnlyRootFilesystem: false');
finds(
  'kube-score, a writable root',
  'writable root filesystem',
  run('kube-score', ['score', '--output-format', 'ci', asRoot]),
);
finds(
  'checkov, a writable root',
  'CKV_K8S_22',
  run('checkov', ['--compact', '--quiet', '--framework', 'kubernetes', '--skip-download', '--file', asRoot]),
);

// The workflows ----------------------------------------------------------------------------------------------

check('actionlint', run('actionlint', ['-shellcheck=', '-pyflakes=']));
const workflow = join(scratch, 'planted.yml');
writeFileSync(
  workflow,
  'on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.here }}\n',
);
finds('actionlint, a value that is not there', 'nothing', run('actionlint', ['-shellcheck=', '-pyflakes=', workflow]));

// Secrets ----------------------------------------------------------------------------------------------------

check('gitleaks', run('gitleaks', ['git', '.', '--redact', '--exit-code', '1']));
const leak = join(scratch, 'leak');
mkdirSync(leak, { recursive: true });
writeFileSync(join(leak, 'settings.txt'), `token = "ghp_${randomBytes(18).toString('hex')}"\n`);
finds('gitleaks, a token', 'leaks found', run('gitleaks', ['dir', leak, '--redact', '--exit-code', '1']));

if (failures.length > 0) {
  log(`\n${failures.join('\n\n')}\n\n${failures.length} failed`);
  process.exitCode = 1;
}
