// The way in: `node bin/olms.mjs COMMAND`, with any Node from 18 on. See tools/setup.mjs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root, runPinned } from '../tools/setup.mjs';

await ensureInstalled({ dev: false });
// A checkout has the commands of development as well; an image does not.
const main = [join(root, 'dev', 'main.ts'), join(root, 'src', 'main.ts')].find((file) => existsSync(file));
runPinned(main || join(root, 'src', 'main.ts'), process.argv.slice(2));
