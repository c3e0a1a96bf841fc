import { afterEach, expect, test, vi } from "vitest";
import { CODE_THEME } from "../src/thread/code-theme.ts";
import { createHighlighter } from "../src/thread/languages.ts";

afterEach(() => vi.restoreAllMocks());

test("code is coloured to the end of its lines on a slow machine too", async () => {
  const highlighter = await createHighlighter({ themes: [CODE_THEME], langs: ["typescript"] });
  const code = 'import { DirtyApp } from "tsunicorn";';
  let now = 0;
  // Each step takes so long that two of them are over half a second.
  vi.spyOn(Date, "now").mockImplementation(() => (now += 300));
  const [line] = highlighter.codeToTokens(code, { lang: "typescript", theme: CODE_THEME }).tokens;
  expect(new Set(line?.map(({ color }) => color)).size).toBeGreaterThan(2);
});
