import { defineConfig } from "vitest/config";

/** The tests of `npm run test:full`: they need packages that `npm test` does not install. */
export default defineConfig({
  test: {
    setupFiles: ["./server/test/own-group.ts"],
    root: new URL("..", import.meta.url).pathname,
    include: ["test-apps/**/*.test.{ts,mjs}"],
    exclude: ["**/node_modules/**"],
    pool: "forks",
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
