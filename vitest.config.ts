import { defineConfig } from "vitest/config";

const NEVER = ["**/node_modules/**", "**/dist/**"];

/**
 * Files that measure, or that take the whole machine: nothing runs beside them. All others wait for conditions, and allow
 * for a machine that is busy with other files.
 */
const MEASURE = [
  "bench/test/bench.test.ts",
  "chaos/test/chaos.test.ts",
  "chat/test/integration/ends.test.ts",
  "chat/test/integration/v1/http.test.ts",
  "e2e/page-answers.test.ts",
  "e2e/page-speed.test.ts",
  "server/test/integration/cancellation.test.ts",
  "server/test/integration/gunicorn.test.ts",
  "server/test/integration/python.test.ts",
];

const SETUP = ["./server/test/own-group.ts"];

/** More than the two cores that CI has: these tests wait more than they compute. */
const severalAtOnce = { pool: "forks", maxWorkers: 3, sequence: { groupOrder: 1 } } as const;

// The groups run one after the other.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles: SETUP,
          include: ["{server,chat,web,bench,chaos,scripts}/test/**/*.test.{ts,mjs}"],
          exclude: [...NEVER, "**/integration/**", "bench/test/bench.test.ts", "chaos/test/chaos.test.ts"],
          pool: "forks",
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        test: {
          ...severalAtOnce,
          name: "processes",
          setupFiles: SETUP,
          include: ["{server,chat}/test/integration/**/*.test.ts"],
          exclude: [...NEVER, ...MEASURE],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          ...severalAtOnce,
          name: "e2e",
          setupFiles: SETUP,
          include: ["e2e/**/*.test.ts"],
          exclude: [...NEVER, ...MEASURE],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: "measures",
          setupFiles: SETUP,
          include: MEASURE,
          exclude: NEVER,
          pool: "forks",
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
