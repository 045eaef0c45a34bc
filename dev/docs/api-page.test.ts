import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect, test } from 'vitest';
import { apiPage } from '#platform/http/description/pages.ts';
import { isText, TEXT_FORMAT } from '#platform/http/schemas.ts';

/** What the page of the API shows would be taken as it stands: by the schema of the operation, and by the compiler. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const document = JSON.parse(readFileSync(join(ROOT, 'docs/api/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly requestBody?: { readonly content: object } }>>>
  >;
};
/** All but those whose body is no JSON: providers send those. */
const operations = Object.values(document.paths)
  .flatMap((methods) => Object.values(methods))
  .filter(({ requestBody }) => requestBody === undefined || 'application/json' in requestBody.content);
const html = apiPage(document);
const plain = (text: string): string =>
  text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

test('the body in each form is one that its operation takes', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addFormat(TEXT_FORMAT, isText);
  ajv.addSchema(document, 'api');
  const forms = [...html.matchAll(/<form class="try" data-method="(\w+)" data-path="([^"]+)">([^]*?)<\/form>/g)];
  const bodies = forms.flatMap(([, method = '', path = '', form = '']) => {
    const [, text] = /<textarea[^>]*>([^]*?)<\/textarea>/.exec(form) ?? [];
    return text ? [{ method, path: plain(path), body: JSON.parse(plain(text)) as unknown }] : [];
  });
  expect(bodies.length).toBe(operations.filter(({ requestBody }) => requestBody).length);
  const refused = bodies.flatMap(({ method, path, body }) => {
    const pointer = ['paths', path, method, 'requestBody', 'content', 'application/json', 'schema']
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const valid = ajv.validate({ $ref: `api#/${pointer}` }, body);
    return valid ? [] : [`${method} ${path} ${JSON.stringify(body)}: ${ajv.errorsText()}`];
  });
  expect(refused).toEqual([]);
});

test('each example in TypeScript compiles, strictly', () => {
  const examples = [...html.matchAll(/<figcaption>TypeScript<[^]*?<code>([^]*?)<\/code>/g)].map(([, text]) =>
    plain(text!).replace(/^import .*$/m, ''),
  );
  expect(examples.length).toBe(operations.length);
  const folder = mkdtempSync(join(tmpdir(), 'olms-examples-'));
  try {
    const client = join(ROOT, 'clients/typescript/src/client.ts');
    const file = join(folder, 'examples.ts');
    writeFileSync(
      file,
      [
        `import { OlmsClient } from ${JSON.stringify(client)};`,
        'export async function examples(url: string, key: string): Promise<void> {',
        ...examples.map((text) => `{\n${text}\n}`),
        '}',
      ].join('\n'),
    );
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(ROOT, 'clients/typescript/tsconfig.json'),
        compilerOptions: {
          noEmit: true,
          rootDir: '/',
          rewriteRelativeImportExtensions: false,
          allowImportingTsExtensions: true,
          module: 'esnext',
          moduleResolution: 'bundler',
        },
        include: [file],
      }),
    );
    const compile = (): string => {
      try {
        return execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['--project', folder], { encoding: 'utf8' });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    expect(compile()).toBe('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
