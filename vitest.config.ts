import { defineConfig } from "vitest/config";

const NEVER = ["**/node_modules/**", "**/dist/**"];

/** Tests of real processes: one file at a time, since many measure time and two cores carry them all. */
const oneAtATime = { pool: "forks", fileParallelism: false, maxWorkers: 1 } as const;

const SETUP = ["./server/test/own-group.ts"];

// The groups run one after the other, so that nothing heavy runs beside a test that measures time.
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
          ...oneAtATime,
          name: "processes",
          setupFiles: SETUP,
          include: [
            "{server,chat}/test/integration/**/*.test.ts",
            "bench/test/bench.test.ts",
            "chaos/test/chaos.test.ts",
          ],
          exclude: NEVER,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...oneAtATime,
          name: "e2e",
          setupFiles: SETUP,
          include: ["e2e/**/*.test.ts"],
          exclude: NEVER,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
