// Compiles every module of src into Node's compile cache while an image is built: it cannot be written later, on a
// read-only file system. Node keeps one cache per user and per set of V8 flags, so this runs as the user of the image,
// once with the flags of each shape that the launcher starts.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeFlags } from './node-flags.mjs';

const root = join(import.meta.dirname, '..');
const cache = join(root, 'node_modules', '.cache', 'olms-compile');
const shapes = [['start'], ['start', 'orders']];

// The entry runs the program as soon as it is loaded; it is one line.
const modules = readdirSync(join(root, 'src'), { recursive: true })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'main.ts')
  .map((file) => pathToFileURL(join(root, 'src', file)).href);

for (const shape of shapes) {
  const load = `for (const module of ${JSON.stringify(modules)}) await import(module);`;
  const { status } = spawnSync(process.execPath, [...nodeFlags(shape), '--input-type=module', '--eval', load], {
    cwd: root,
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    stdio: 'inherit',
    timeout: 120_000,
  });
  if (status !== 0) {
    process.stderr.write(`The modules could not be compiled for: olms ${shape.join(' ')}\n`);
    process.exit(1);
  }
}
process.stdout.write(`${modules.length} modules compiled for ${shapes.length} shapes\n`);
