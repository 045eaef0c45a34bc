import { afterEach, beforeEach, expect } from 'vitest';

// How many assertions each test made, for tools/test-reporter.mjs: a change that tests less shows in the sum.

/** Of the `expect` that a file imports, since the last test of this file began. */
let counted = 0;

beforeEach(() => {
  counted = 0;
});

afterEach((context) => {
  const { assertionCalls } = expect.getState();
  // A test that runs beside others may have an `expect` of its own as well.
  const own = context.expect.getState().assertionCalls;
  Object.assign(context.task.meta, { assertions: assertionCalls - counted + own });
  counted = assertionCalls;
});
