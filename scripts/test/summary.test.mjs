import { describe, expect, it } from "vitest";
import { summarise } from "../lib/summary.mjs";

const test = (name, state, note) => ({ name, state, note });
const file = (path, tests, errors = []) => ({ path, seconds: 1, errors, tests });

describe("the last lines of npm test", () => {
  it("count every suite, name each skipped test with its reason, and end with the counts", () => {
    const { lines } = summarise({
      files: [
        file("server/test/protocol/tlv.test.ts", [test("a", "passed"), test("b", "failed")]),
        file("server/test/config/load.test.ts", [test("c", "passed")]),
        file("server/test/integration/start.test.ts", [test("d", "passed")]),
        file("e2e/page.test.ts", [test("page > e", "skipped", "no Chromium")]),
      ],
      outside: [],
    });
    expect(lines).toEqual([
      "skipped: e2e/page.test.ts: page > e: no Chromium",
      "",
      "suite                   files  passed  failed  skipped  seconds",
      "server                      2       2       1        0      2.0",
      "server, real processes      1       1       0        0      1.0",
      "e2e                         1       0       0        1      1.0",
      "",
      "3 passed, 1 failed, 1 skipped",
    ]);
  });

  it("count a file that does not load, a failing hook and a stray rejection as failures", () => {
    const counts = summarise({
      files: [
        file("chat/test/a.test.ts", [], ["Cannot find module"]),
        file("chat/test/b.test.ts", [test("a", "passed")]),
      ],
      outside: ["stray"],
    });
    expect(counts).toMatchObject({ passed: 1, failed: 2, skipped: 0 });
    expect(counts.lines.at(-1)).toBe("1 passed, 2 failed, 0 skipped");
  });

  it("do not list the tests that were left out by their names", () => {
    const files = [
      file("a/test/x.test.ts", [
        test("a", "skipped"),
        test("b", "skipped", "no Python"),
        test("c", "passed"),
      ]),
    ];
    const { lines } = summarise({ files, outside: [] }, { byName: true });
    expect(lines.filter((line) => line.startsWith("skipped:"))).toEqual([
      "skipped: a/test/x.test.ts: b: no Python",
    ]);
    expect(lines.at(-1)).toBe("1 passed, 0 failed, 2 skipped");
  });

  it("say so when nothing ran", () => {
    expect(summarise({ files: [], outside: [] }).lines.at(-1)).toBe("0 passed, 0 failed, 0 skipped");
  });
});
