import { defineConfig } from "vitest/config";

/** The tests of `npm run test:full`: each installs packages, or needs some that `npm test` does not install. */
export default defineConfig({
  test: {
    setupFiles: ["./server/test/own-group.ts"],
    include: ["e2e/install/**/*.test.ts", "test-apps/**/*.test.{ts,mjs}"],
    exclude: ["**/node_modules/**"],
    pool: "forks",
    maxWorkers: 3,
    // Longer than an install takes from a slow registry.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
