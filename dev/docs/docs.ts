import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asyncApi, EVENT_TYPES, eventSchema } from '#platform/http/description/asyncapi.ts';
import { clientFiles } from './client.ts';
import { incompatibilities, isWidening } from './compatibility.ts';
import { brokenSchema, graphqlSchema, SCHEMA_FILE } from './graphql.ts';
import { type Json, type JsonObject, jsonText, sorted } from './json.ts';
import { lifecycleDocument } from './lifecycle.ts';
import { packageVersion } from '#system/version.ts';
import { metricsDocument } from './metrics.ts';
import { openApi } from './openapi.ts';
import { dashboardFiles } from '#dev/observability/grafana.ts';
import { chartFiles, collectorFile, ruleFiles } from '#dev/observability/rules.ts';
import { roomsOf, roomsPicture } from './rooms.ts';
import { notificationsDocument } from './notifications.ts';
import { permissionsDocument } from './permissions.ts';
import { configurationDocument, errorsDocument } from './tables.ts';

/**
 * `olms docs`: writes every document that the code itself knows best, and refuses where a published event
 * schema or the GraphQL schema would change in a way its readers could not follow.
 */

export interface DocsOptions {
  /** Compare instead of writing. */
  readonly check?: boolean;
  /** Commit whose event schemas count as published. */
  readonly base?: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EVENTS_FOLDER = 'docs/api/events';
/** A line that stands in no schema. */
const BEFORE_EACH = '--- a schema follows ---';

/** Something for a person to do; the message says what. */
export class DocsError extends Error {}

/** The generated files by path. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const document = await openApi();
  const watched = new Map([...ruleFiles(), ...dashboardFiles()]);
  const files = new Map<string, string>([
    ['docs/lifecycle.md', lifecycleDocument()],
    ['docs/configuration.md', configurationDocument()],
    ['docs/metrics.md', metricsDocument()],
    ['docs/notifications.md', notificationsDocument()],
    ['docs/api/errors.md', errorsDocument()],
    ['docs/api/permissions.md', permissionsDocument(document)],
    ['docs/rooms.svg', roomsPicture(roomsOf(ROOT))],
    ['docs/api/openapi.json', jsonText(document)],
    [SCHEMA_FILE, graphqlSchema(document)],
    ['docs/api/asyncapi.json', jsonText(sorted(asyncApi(packageVersion) as Json))],
    ...(await clientFiles(document, ROOT)),
    ...watched,
    ...chartFiles(new Map([...watched, ...collectorFile(ROOT)])),
  ]);
  for (const type of EVENT_TYPES)
    files.set(`${EVENTS_FOLDER}/${type}.json`, jsonText(sorted(eventSchema(type) as Json)));
  return files;
}

/** The event schemas published so far: those of a commit, or, where there is no repository, those on disk. */
export function publishedSchemas(root: string, base: string): Map<string, JsonObject> {
  const git = (args: readonly string[], input = ''): string =>
    execFileSync('git', args, {
      cwd: root,
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
      maxBuffer: 2 ** 26,
    });
  let names: string;
  try {
    names = git(['ls-tree', '--name-only', base, `${EVENTS_FOLDER}/`]);
  } catch (error) {
    if (base !== 'HEAD') throw new DocsError(`${base} is not a commit of this repository.`, { cause: error });
    return new Map(
      schemaFiles(filesOnDisk(root)).map((file) => [file, parsed(readFileSync(join(root, file), 'utf8'))]),
    );
  }
  const files = schemaFiles(names.split('\n'));
  // One process for all of them: a process per file took longer than everything else together.
  const contents = git(['cat-file', `--batch=${BEFORE_EACH}`], files.map((file) => `${base}:./${file}\n`).join(''))
    .split(`${BEFORE_EACH}\n`)
    .slice(1);
  return new Map(files.map((file, i) => [file, parsed(contents[i]!)]));
}

const schemaFiles = (files: readonly string[]): string[] => files.filter((file) => file.endsWith('.json'));
const parsed = (text: string): JsonObject => JSON.parse(text) as JsonObject;

function filesOnDisk(root: string): string[] {
  const folder = join(root, EVENTS_FOLDER);
  return existsSync(folder) ? readdirSync(folder).map((name) => `${EVENTS_FOLDER}/${name}`) : [];
}

/** Every published promise that the generated schemas break. */
export function brokenPromises(
  published: ReadonlyMap<string, JsonObject>,
  files: ReadonlyMap<string, string>,
): string[] {
  return [...published].flatMap(([file, before]) => {
    const type = file.slice(EVENTS_FOLDER.length + 1, -'.json'.length);
    const now = files.get(file);
    if (now === undefined) return [`${type}: the event type was removed`];
    return incompatibilities(sorted(before) as JsonObject, JSON.parse(now) as JsonObject)
      .filter((what) => !isWidening(type, what))
      .map((what) => `${type}: ${what}`);
  });
}

/** Paths whose content on disk is not what the code says. */
export function outdated(root: string, files: ReadonlyMap<string, string>): string[] {
  const differs = [...files].filter(([path, text]) => {
    const file = join(root, path);
    return !existsSync(file) || readFileSync(file, 'utf8') !== text;
  });
  const left = filesOnDisk(root).filter((path) => !files.has(path));
  return [...differs.map(([path]) => path), ...left];
}

export async function docs(options: DocsOptions): Promise<void> {
  update(options, await generatedFiles(), ROOT);
}

/** The GraphQL schema published so far: that of a commit, or, where there is no repository, the one on disk. */
function publishedGraph(root: string, base: string): string | undefined {
  try {
    return execFileSync('git', ['show', `${base}:./${SCHEMA_FILE}`], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 2 ** 26,
    });
  } catch {
    const file = join(root, SCHEMA_FILE);
    return existsSync(join(root, '.git')) || !existsSync(file) ? undefined : readFileSync(file, 'utf8');
  }
}

/** Writes the generated files to a checkout, or compares them with it. */
export function update(options: DocsOptions, files: ReadonlyMap<string, string>, root: string): void {
  const lost = brokenSchema(publishedGraph(root, options.base ?? 'HEAD'), files.get(SCHEMA_FILE));
  if (lost.length > 0)
    throw new DocsError(
      `The published GraphQL schema only grows. Add a field or a type beside the old one instead:\n  ${lost.join('\n  ')}`,
    );
  const broken = brokenPromises(publishedSchemas(root, options.base ?? 'HEAD'), files);
  if (broken.length > 0) {
    throw new DocsError(
      `Published event schemas only grow by optional fields. Make a new event type instead:\n  ${broken.join('\n  ')}`,
    );
  }
  const stale = outdated(root, files);
  if (options.check) {
    if (stale.length > 0)
      throw new DocsError(`Out of date; run \`bin/olms docs\` and commit:\n  ${stale.join('\n  ')}`);
    process.stdout.write(`docs: ${files.size} generated files are up to date\n`);
    return;
  }
  for (const path of stale) {
    const file = join(root, path);
    const text = files.get(path);
    if (text === undefined) {
      rmSync(file);
      process.stdout.write(`removed ${path}\n`);
      continue;
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`wrote ${path}\n`);
  }
  process.stdout.write(`${files.size} generated files, ${stale.length} changed\n`);
}
