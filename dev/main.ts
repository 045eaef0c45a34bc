import { createProgram, run } from '#cli/program.ts';
import { devCommands } from './commands.ts';

const program = createProgram();
devCommands(program);
await run(program, process.argv, ['demo', 'cluster']);
