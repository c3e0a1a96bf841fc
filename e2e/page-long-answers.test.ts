/** Answers that come at full speed and are hard to show. How smooth the page stays meanwhile, the bench measures. */
import { describe, expect, it } from "vitest";
import { ask } from "./support/chat.ts";
import { askAndSettle } from "./support/long-answer.ts";
import { pageSuite, testModel } from "./support/page-suite.ts";
import { SHAPE_TOKENS, SHAPES } from "./support/shapes.ts";

describe("a long answer at full speed", () => {
  const tokens = 5000;
  const suite = pageSuite({ CHAT_TOKEN_DELAY_MS: "0", CHAT_SIMULATED_TOKENS: String(tokens) });

  it.each(["explain", "code"])("to “%s” is whole", async (prompt) => {
    const page = await suite.open();
    await askAndSettle(page, prompt, tokens);
    expect(await page.copied()).toBe(await ask(suite.chat.url, prompt));
  });
});

describe(`an answer of ${SHAPE_TOKENS} tokens that is one block of Markdown`, () => {
  const suite = pageSuite({ CHAT_MODELS: testModel("shapes", "shapes-app.ts", "ShapesApp") });

  it.each(Object.entries(SHAPES))("(%s) is whole", async (shape, pieces) => {
    const page = await suite.open();
    await askAndSettle(page, shape, SHAPE_TOKENS);
    expect(await page.copied()).toBe(pieces.join(""));
  });
});
