// The end of a test run: where its time went, and how much was tested.

const SLOWEST = 10;

export default class {
  /** @param {readonly import('vitest/node').TestModule[]} modules */
  onTestRunEnd(modules) {
    const files = modules.map((module) => {
      const { collectDuration, duration } = module.diagnostic();
      return { name: module.relativeModuleId, seconds: (collectDuration + duration) / 1000 };
    });
    files.sort((a, b) => b.seconds - a.seconds);
    console.log('\nThe slowest files, loading included:');
    for (const { name, seconds } of files.slice(0, SLOWEST))
      console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
    let assertions = 0;
    // Counted by tests/support/count-assertions.ts.
    for (const module of modules)
      for (const test of module.children.allTests()) assertions += test.meta().assertions ?? 0;
    console.log(`${assertions} assertions`);
  }
}
