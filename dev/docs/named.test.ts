import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '#contracts/errors.ts';
import { EVENT_TYPES } from '#platform/http/description/asyncapi.ts';
import { allSettings } from '#cli/serve/settings.ts';
import { createProgram } from '#cli/program.ts';
import { devCommands } from '#dev/commands.ts';
import { openApi } from './openapi.ts';

/** What the documents written by hand name must exist: files, commands, scripts, variables, routes, events, metrics. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const markdown = [
  'README.md',
  'CONTRIBUTING.md',
  ...(readdirSync(join(ROOT, 'docs'), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];
const written = markdown.filter((file) => !read(file).startsWith('<!-- Generated'));

/** Code of a document: what stands between backticks, and its blocks. */
function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, block]) => block!);
  const inline = [...text.replace(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
  return [...blocks, ...inline];
}

function named(text: string, pattern: RegExp): string[] {
  return [...new Set(codeOf(text).flatMap((code) => [...code.matchAll(pattern)].map((found) => found[1] ?? found[0])))];
}

const program = createProgram();
devCommands(program);
const sources = ['src', 'dev', 'tests'].flatMap((folder) =>
  (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(join(folder, file))),
);
const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);
const variables = new Set(allSettings().map((row) => row.env));
/** What the compose files ask for beside the settings. */
const deployed = ['compose.yaml', 'compose.single.yaml'].map((file) => read(`deploy/${file}`));
/** Variables of the command line and of this program's own environment. */
const OTHERS = new Set(['OLMS', 'KEY', 'OLMS_URL', 'OLMS_API_KEY', 'EDITOR', 'PWD', 'PGPASSWORD', 'BEGIN', 'UPDATE']);

const { paths: documented } = (await openApi()) as { paths: Record<string, object> };
const shape = (path: string): string => path.replace(/\{[^}]+\}|<[^>]+>/g, '{}').replace(/\?.*$/, '');
const routes = new Set(
  Object.entries(documented).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${shape(path)}`),
  ),
);

describe.each(written)('%s', (file) => {
  const text = read(file);

  test('names files that exist', () => {
    const paths = named(text, /(?<![\w./-])((?:src|dev|tests|tools|docs|bin|\.ci)\/[\w./-]*[\w/])/g).filter(
      (path) => !/NNNN/.test(path),
    );
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const single = named(text, /^([\w.-]+\.(?:mjs|cjs|json|md))$/g).filter(
      (name) => !existsSync(join(ROOT, name)) && !existsSync(join(ROOT, dirname(file), name)),
    );
    expect(single).toEqual([]);
  });

  test('leads to files that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(file), link)))).toEqual([]);
  });

  test('names commands that exist', () => {
    const commands = named(text, /bin\/olms ([a-z]+(?: [a-z]+)?)/g);
    const missing = commands.filter((words) => {
      const [name, action] = words.split(' ');
      const command = program.commands.find((one) => one.name() === name);
      if (!command) return true;
      return (
        command.commands.length > 0 && action !== undefined && !command.commands.some((one) => one.name() === action)
      );
    });
    expect(missing).toEqual([]);
    expect(named(text, /npm run ([a-z]+(?:[:-][a-z]+)*)/g).filter((script) => !scripts.includes(script))).toEqual([]);
  });

  test('names variables and codes that exist', () => {
    const names = named(text, /(?<![\w"'-])\$?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g);
    const known = (name: string): boolean =>
      variables.has(name) ||
      OTHERS.has(name) ||
      name in ERRORS ||
      [...sources, ...deployed].some((source) => source.includes(name));
    expect(names.filter((name) => !known(name))).toEqual([]);
  });

  test('names events and metrics that exist', () => {
    const events = named(text, /\b((?:Order|Stock|Payment|Shipment|Review|Invoice|CreditNote)(?:[A-Z][a-z]+)+)\b/g);
    const known = new Set<string>(EVENT_TYPES);
    expect(events.filter((event) => !known.has(event) && !sources.some((source) => source.includes(event)))).toEqual(
      [],
    );
    // A table has its schema before it; `olms_live_` and `olms_test_` begin API keys.
    const metrics = named(text, /(?<![.\w])(olms_(?!live_|test_)[a-z_]+)\b/g);
    expect(
      metrics.filter(
        (metric) => !sources.some((source) => source.includes(`'${metric.replace(/_(bucket|count|sum)$/, '')}'`)),
      ),
    ).toEqual([]);
  });

  test('names routes that exist', () => {
    const asked = named(text, /\b((?:GET|POST|PUT|PATCH|DELETE) \/[\w/{}<>?=-]*)/g).map((route) => shape(route));
    // The books of the sandbox are an API of its own.
    expect(asked.filter((route) => !routes.has(route) && !/^[A-Z]+ \/v1\//.test(route))).toEqual([]);
  });
});
