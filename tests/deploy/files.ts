import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

/** The files under `deploy` as programs read them. */

export const ROOT = join(import.meta.dirname, '../..');
export const DEPLOY = join(ROOT, 'deploy');

/** A YAML file with its anchors and merge keys resolved. */
export function readYaml(file: string): unknown {
  return parse(readFileSync(join(DEPLOY, file), 'utf8'), { merge: true });
}

/** Every document of a YAML file, empty ones left out; throws for a file that is not YAML. */
export function readDocuments(file: string): unknown[] {
  return parseAllDocuments(readFileSync(join(DEPLOY, file), 'utf8')).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    const value = document.toJS() as unknown;
    return value === null ? [] : [value];
  });
}

/** What `deploy/make-env` writes, and a database for who brings one. */
export function madeEnvironment(): Readonly<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'olms-env-'));
  try {
    const file = join(folder, '.env');
    execFileSync(join(DEPLOY, 'make-env'), [file], { stdio: 'pipe', timeout: 30_000 });
    return { ...readEnv(file), DATABASE_URL: 'postgres://olms:secret@db.example.com:5432/olms' };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function readEnv(file: string): Record<string, string> {
  return Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

const VARIABLE = /\$\$|\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}/g;

/** Puts variables in the place of `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, as compose does. Throws for a required one that is missing. */
export function interpolated(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string')
    return value.replace(VARIABLE, (all, name: string, operator: string | undefined, rest = '') => {
      if (all === '$$') return '$';
      if (env[name]) return env[name];
      if (operator === '?') throw new Error(`${name}: ${rest}`);
      return operator === '-' ? rest : '';
    });
  if (Array.isArray(value)) return value.map((item) => interpolated(item, env));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolated(item, env)]));
  return value;
}
