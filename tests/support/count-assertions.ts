import { afterEach, expect } from 'vitest';

// How many assertions each test made, for tools/test.mjs: a change that tests less shows in the sum.

afterEach((context) => {
  const { assertionCalls: shared } = expect.getState();
  // Tests that run beside others have an `expect` of their own.
  const { assertionCalls: own } = context.expect.getState();
  Object.assign(context.task.meta, { assertions: context.task.concurrent ? own : shared });
});
