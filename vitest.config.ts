import { relative } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What installs packages runs in `npm run test:full`. */
const NEVER = ["**/node_modules/**", "**/dist/**", "e2e/install/**"];

const SETUP = ["./server/test/own-group.ts"];

/** Short forms of commands of their own, which start processes as integration tests do. */
const COMMANDS = ["bench/test/bench.test.ts", "chaos/test/chaos.test.ts"];

/** What starts real processes. */
const PROCESSES = ["**/integration/**", "server/test/worker-contract/**", ...COMMANDS];

const NOT_UNIT = [...NEVER, ...PROCESSES];

/** Units without threads, children, native code and mocked modules: they leave nothing behind in their process. */
const PURE = [
  "server/test/{config,docs,protocol}/**/*.test.ts",
  "chat/test/{plugins,schemas,v1}/**/*.test.ts",
  "server/test/dirty-arbiter/**/*.test.ts",
];

const UNIT = {
  setupFiles: SETUP,
  pool: "forks",
  maxWorkers: 4,
  sequence: { groupOrder: 0 },
  // Deadlines, not measures: on a busy machine all takes ten times longer.
  testTimeout: 120_000,
  hookTimeout: 120_000,
} as const;

/** The files that take longest begin, so that no processor waits for the last of them. */
const LONGEST = [
  "server/test/integration/resume.test.ts",
  "server/test/integration/reload-on-change.test.ts",
  "e2e/page-resume.test.ts",
  "e2e/page-looks.test.ts",
  "chat/test/integration/v1/clients.test.ts",
  "e2e/page-answers.test.ts",
  "e2e/models-pages.test.ts",
  "server/test/integration/reload.test.ts",
  "chaos/test/chaos.test.ts",
  "server/test/integration/ctl.test.ts",
  "server/test/integration/stalls.test.ts",
  "server/test/integration/boot-failures.test.ts",
  "e2e/page-errors.test.ts",
  "server/test/integration/python-lifecycle.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(relative(import.meta.dirname, moduleId));
      return at === -1 ? LONGEST.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

// The groups run one after the other.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...UNIT,
          name: "pure",
          include: PURE,
          exclude: NOT_UNIT,
          // One process for many files: to start one and to load what they share takes longer than most of them.
          isolate: false,
        },
      },
      {
        test: {
          ...UNIT,
          name: "unit",
          include: ["{server,chat,web,bench,chaos,scripts}/test/**/*.test.{ts,mjs}"],
          exclude: [...NOT_UNIT, ...PURE],
        },
      },
      {
        test: {
          name: "processes",
          setupFiles: SETUP,
          include: ["{server,chat}/test/integration/**/*.test.ts", "e2e/**/*.test.ts", ...COMMANDS],
          exclude: NEVER,
          pool: "forks",
          // More than two cores have: these tests also wait. With many more, each waits for the others' processors.
          maxWorkers: 5,
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          ...UNIT,
          name: "contract",
          include: ["server/test/worker-contract/**/*.test.ts"],
          exclude: NEVER,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
          // As above: to load what they share takes longer than some of them.
          isolate: false,
        },
      },
    ],
  },
});
