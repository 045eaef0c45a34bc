import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { indexPage, previews } from '#notifications/preview.ts';
import { readConfig } from '#notifications/settings.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { print, printJson } from '#cli/output.ts';

/** `olms notifications preview`: every message in every language, by the settings of the shop, as files. */

export interface PreviewOptions {
  readonly out: string;
  readonly json?: boolean;
}

/** Writes a page (`.html`) and a text (`.txt`) for each, and `index.html`, over what is there. */
export function previewMessages({ out, json }: PreviewOptions, env: Environment): void {
  const config = readConfig(env);
  const pages = previews(config);
  const write = (name: string, text: string): void => {
    const path = join(out, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  for (const { name, html, subject, text, short } of pages) {
    write(`${name}.html`, html);
    write(`${name}.txt`, `${subject}\n\n${text}\n\n---\n${short}\n`);
  }
  write('index.html', indexPage(pages, config));
  const index = resolve(out, 'index.html');
  if (json) printJson({ index, messages: pages.map(({ name, subject, eventType }) => ({ name, subject, eventType })) });
  else print(`${pages.length} messages: ${index}`);
}
