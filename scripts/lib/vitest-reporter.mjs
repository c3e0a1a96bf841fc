import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { root } from "./root.mjs";

/**
 * Writes what became of each test to the file named in VITEST_TEST_REPORT. vitest's own JSON has neither the
 * reason of a skip nor the errors outside of tests, and both must be seen.
 */
export default class Report {
  onTestRunEnd(modules, unhandledErrors) {
    const files = modules.map((module) => {
      const errors = [...module.errors()];
      for (const suite of module.children.allSuites()) errors.push(...suite.errors());
      return {
        path: relative(root, module.moduleId),
        seconds: module.diagnostic().duration / 1000,
        errors: errors.map((error) => error.message),
        tests: [...module.children.allTests()].map((test) => ({
          name: test.fullName,
          state: test.result().state,
          note: test.result().note,
        })),
      };
    });
    const outside = unhandledErrors.map((error) => error.message ?? String(error));
    writeFileSync(process.env.VITEST_TEST_REPORT, JSON.stringify({ files, outside }));
  }
}
