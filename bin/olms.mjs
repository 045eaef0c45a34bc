// The way in: `node bin/olms.mjs COMMAND`, with any Node from 18 on. See tools/setup.mjs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureConsole } from '../tools/console.mjs';
import { ensureInstalled, root, runPinned } from '../tools/setup.mjs';

await ensureInstalled({ dev: false });
// What people start by hand has a console; `olms start` serves the one that was built with the image.
if (['dev', 'demo'].includes(process.argv[2])) {
  const problem = await ensureConsole();
  if (problem !== undefined)
    process.stderr.write(`The console is not built, and the system starts without it. ${problem}\n`);
}
// A checkout has the commands of development as well; an image does not.
const main = [join(root, 'dev', 'main.ts'), join(root, 'src', 'main.ts')].find((file) => existsSync(file));
runPinned(main || join(root, 'src', 'main.ts'), process.argv.slice(2));
