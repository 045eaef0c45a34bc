// The way in: `node bin/olms.mjs COMMAND`, with any Node from 18 on. See tools/setup.mjs.
import { join } from 'node:path';
import { ensureInstalled, root, runPinned } from '../tools/setup.mjs';

await ensureInstalled({ dev: false });
runPinned(join(root, 'src', 'main.ts'), process.argv.slice(2));
