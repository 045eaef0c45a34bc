import { createProgram, run } from '#cli/program.ts';

await run(createProgram(), process.argv);
