import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { debianProgram } from '#dev/brokers/programs.ts';
import { type Preview, previews } from '#notifications/preview.ts';
import { readConfig } from '#notifications/settings.ts';

/**
 * `npm run mails:shots`: every message in every language as an image, as a telephone (360 pixels) and a screen (1200) show
 * it, light and dark: `npm run mails:shots -- --out /tmp/shots --only de/`. By chromium; CHROMIUM_PATH names another one.
 */

const WIDTHS = [360, 1200] as const;
const SCHEMES = ['light', 'dark'] as const;
const HEIGHT = 1_150;
const TIMEOUT_MS = 60_000;
const SHOP = {
  MAIL_FROM: 'Lumen & Leinen <hallo@lumen.example>',
  SHOP_ADDRESS: 'Hauptstraße 1, 10827 Berlin',
  SHOP_URL: 'https://lumen.example',
};

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'mail-shots' }, only: { type: 'string', default: '' } },
});
const { CHROMIUM_PATH } = process.env;
const chromium =
  CHROMIUM_PATH === undefined
    ? await debianProgram('chromium', 'chromium', 'Set CHROMIUM_PATH.', console.log)
    : { command: CHROMIUM_PATH, env: {} };
const folder = mkdtempSync(join(tmpdir(), 'olms-shots-'));
const out = resolve(values.out);

async function shoot({ name, html }: Preview, width: number, scheme: (typeof SCHEMES)[number]): Promise<void> {
  const file = join(folder, `${name.replace('/', '-')}.html`);
  // A window cannot be as narrow as a telephone, so the page stands in a frame that is.
  const frame = join(folder, `${name.replace('/', '-')}-${width}.html`);
  writeFileSync(file, html);
  writeFileSync(
    frame,
    `<meta name="color-scheme" content="light dark"><body style="margin:0"><iframe src="${file}" style="border:0;width:${width}px;height:${HEIGHT}px"></iframe>`,
  );
  const image = join(out, `${name.replace('/', '-')}-${width}-${scheme}.png`);
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--hide-scrollbars',
    `--user-data-dir=${join(folder, 'profile')}`,
    `--window-size=${Math.max(width, 500)},${HEIGHT}`,
    `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`,
    `--screenshot=${image}`,
    `file://${frame}`,
  ];
  await promisify(execFile)(chromium.command, args, {
    timeout: TIMEOUT_MS,
    env: { ...process.env, ...chromium.env },
  });
}

mkdirSync(out, { recursive: true });
try {
  const chosen = previews(readConfig({ ...SHOP, ...process.env })).filter(({ name }) => name.startsWith(values.only));
  for (const preview of chosen)
    for (const width of WIDTHS) for (const scheme of SCHEMES) await shoot(preview, width, scheme);
  console.log(`${chosen.length * WIDTHS.length * SCHEMES.length} images: ${out}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
