import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContextOptions } from "playwright-core";
import { describe, expect, it } from "vitest";
import { DESKTOP, PHONE } from "./support/chat-page.ts";
import { repository } from "./support/command.ts";
import { pageSuite } from "./support/page-suite.ts";
import { waitFor } from "./support/wait.ts";

const FOLDER = join(repository, "docs/images");

/** The pictures of README.md and docs/chat-page.md: `UPDATE_SCREENSHOTS=1 npm test -- screenshots` makes them anew. */
const PICTURES: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
  ["chat-light.png", { ...DESKTOP, deviceScaleFactor: 1.5, colorScheme: "light" }],
  ["chat-dark.png", { ...DESKTOP, deviceScaleFactor: 1.5, colorScheme: "dark" }],
  ["chat-phone.png", { ...PHONE, deviceScaleFactor: 2, colorScheme: "light" }],
];

describe("the pictures of the chat page", () => {
  const suite = pageSuite({ CHAT_TOKEN_DELAY_MS: "3" });

  it.each(PICTURES)("%s can be made", async (name, options) => {
    // Nothing blinks in a picture, so that the same page gives the same one.
    const page = await suite.open({ ...options, reducedMotion: "reduce" });
    for (const question of ["How does streaming work?", "Explain dirty workers"]) {
      await page.ask(question);
      await page.page.getByRole("button", { name: "New chat" }).first().click();
    }
    await page.ask("Show me some code");
    const code = page.answer.getByRole("region", { name: "Code, ts" }).first();
    await waitFor("the colours", async () => (await code.locator("span").count()) > 10);
    await page.question.evaluate((question) => question.scrollIntoView({ block: "center" }));
    await page.page.mouse.move(0, 0);
    const picture = await page.page.screenshot({ scale: "device" });
    expect(picture.length).toBeGreaterThan(20_000);
    if (process.env.UPDATE_SCREENSHOTS !== "1") return;
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, name), picture);
  });
});
