import { run } from './cli/program.ts';

const SERVING: ReadonlySet<string | undefined> = new Set(['dev', 'start', 'demo', 'cluster']);

// A reader that has seen enough (`olms config | head`) is no failure. What serves goes on without whoever listened.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (!SERVING.has(process.argv[2])) process.exit(0);
});

await run(process.argv);
