import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** In a process of its own: in this one the client may have been loaded before. */
function inProcess(program: string): unknown {
  const answer = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return JSON.parse(answer);
}

test('the client compiles no schema while it is loaded, and still refuses options that are wrong, and says why', () => {
  const answer = inProcess(`
    import { createRequire } from 'node:module';
    import { loadClient } from './load-client.ts';
    const { Ajv2020 } = createRequire(import.meta.resolve('@platformatic/kafka'))('ajv/dist/2020.js');
    const ajv = Object.getPrototypeOf(Ajv2020.prototype);
    const original = ajv.compile;
    let compiled = 0;
    ajv.compile = function (...given) {
      compiled++;
      return original.apply(this, given);
    };
    const counting = ajv.compile;
    await loadClient();
    const whileLoading = compiled;
    const { Admin } = await import('@platformatic/kafka');
    let refusal = '';
    try {
      new Admin({ clientId: 'test', bootstrapBrokers: ['127.0.0.1:1'], timeout: 'long', strict: true });
    } catch (error) {
      refusal = error.message;
    }
    console.log(JSON.stringify({ whileLoading, compiledThen: compiled > 0, restored: ajv.compile === counting, refusal }));
  `);
  expect(answer).toEqual({
    whileLoading: 0,
    compiledThen: true,
    restored: true,
    refusal: expect.stringContaining('timeout') as string,
  });
});
