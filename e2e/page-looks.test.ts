import { AxeBuilder } from "@axe-core/playwright";
import { describe, expect, it } from "vitest";
import { type ChatPage, DESKTOP, PHONE } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { BEGINNING } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

const SIZES = [
  ["a phone", PHONE],
  ["a desktop", DESKTOP],
] as const;
const MATRIX = SIZES.flatMap(([size, options]) =>
  (["light", "dark"] as const).map((theme) => [size, theme, options] as const),
);

/** Where a box stands in the window: its edges. */
async function edges(page: ChatPage, name: string) {
  const box = await page.page.getByRole("button", { name, exact: true }).boundingBox();
  if (box === null) throw new Error(`${name} is not there`);
  return { left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

async function expectToFit(page: ChatPage, where: string): Promise<void> {
  expect(await page.overflow(), `sideways scroll ${where}`).toBe(0);
  const size = page.page.viewportSize();
  const name = (await page.stopButton.isVisible()) ? "Stop" : "Send";
  const { left, top, right, bottom } = await edges(page, name);
  expect(left, where).toBeGreaterThan(0);
  expect(top, where).toBeGreaterThan((size?.height ?? 0) / 2);
  expect(right, where).toBeLessThanOrEqual(size?.width ?? 0);
  expect(bottom, where).toBeLessThanOrEqual(size?.height ?? 0);
}

/** What axe finds that keeps people out, in words. */
async function barriers(page: ChatPage): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page: page.page })
    .setLegacyMode(true)
    .options({ resultTypes: ["violations"], preload: false })
    .analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

describe("the look of the chat page", () => {
  const suite = pageSuite();

  it.each(MATRIX)("on %s, %s, keeps nobody out and fits", async (size, theme, options) => {
    const page = await suite.open({ ...options, colorScheme: theme, reducedMotion: "reduce" });
    const expectGood = async (where: string): Promise<void> => {
      await expectToFit(page, where);
      expect(await barriers(page), where).toEqual([]);
    };
    await expectGood("before the first question");

    await page.ask("show");
    await page.answer.getByRole("button", { name: "Copy code" }).waitFor();
    await expectGood("after a long answer");

    await page.ask("fail");
    await page.says("The model failed to answer.");
    await expectGood("after a failure");

    await page.send("hold");
    await page.says(BEGINNING);
    await expectGood("while an answer comes");

    if (size === "a phone") await page.page.getByRole("button", { name: "Open the conversations" }).tap();
    await page.conversation("show").waitFor();
    expect(await barriers(page), "with the conversations").toEqual([]);
    await page.conversations.getByRole("button", { name: "More for “show”" }).click();
    await page.page.getByRole("menuitem", { name: "Rename" }).waitFor();
    expect(await barriers(page), "with an open menu").toEqual([]);
    await page.page.getByRole("menuitem", { name: "Delete" }).click();
    await page.page.getByRole("button", { name: "Keep" }).waitFor();
    expect(await barriers(page), "with a dialog").toEqual([]);
    await page.page.getByRole("button", { name: "Keep" }).click();
    if (size === "a phone") await page.page.getByRole("button", { name: "Close", exact: true }).tap();
    await page.page.keyboard.press("Escape");
    await page.ended();
  });

  it.each([320, 768, 1920, 2560])("fits a window %i pixels wide", async (width) => {
    const page = await suite.open({ viewport: { width, height: 700 } });
    await expectToFit(page, "empty");
    await page.ask("show");
    await expectToFit(page, "with an answer");
  });

  const background = (page: ChatPage) =>
    page.page.evaluate(() => {
      const canvas = document.createElement("canvas").getContext("2d");
      if (canvas === null) throw new Error("there is no canvas");
      canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0] = canvas.getImageData(0, 0, 1, 1).data;
      return red + green + blue < 3 * 128 ? "dark" : "light";
    });

  it("is light or dark as the system says, at once when that changes", async () => {
    const page = await suite.open({ ...DESKTOP, colorScheme: "dark" });
    expect(await background(page)).toBe("dark");
    await page.page.emulateMedia({ colorScheme: "light" });
    await waitFor("light", async () => (await background(page)) === "light");
  });

  it("is light or dark as people choose by hand, also after a reload", async () => {
    const page = await suite.open({ ...DESKTOP, colorScheme: "light" });
    const choose = (name: string) => page.page.getByRole("radio", { name }).check({ force: true });
    await choose("Dark");
    expect(await background(page)).toBe("dark");
    await page.page.reload();
    await page.prompt.waitFor();
    expect(await background(page)).toBe("dark");
    expect(await page.page.getByRole("radio", { name: "Dark" }).isChecked()).toBe(true);
    await page.page.emulateMedia({ colorScheme: "dark" });
    await choose("Light");
    expect(await background(page)).toBe("light");
    await choose("As the system");
    expect(await background(page)).toBe("dark");
  });

  it("follows the end of an answer, unless somebody reads further up", async () => {
    const page = await suite.open({ viewport: { width: 800, height: 500 } });
    await page.send("long");
    await page.says("Sentence 30 says");
    const newest = page.answer.getByText(/Sentence \d+ says/).last();
    await waitFor("the end in the window", async () => {
      const box = await newest.boundingBox();
      return box !== null && box.y < 500;
    });
    await page.page.mouse.move(400, 200);
    await page.page.mouse.wheel(0, -3000);
    const toEnd = page.page.getByRole("button", { name: "Go to the end" });
    await waitFor("the way back", () => toEnd.isEnabled());
    const top = (await page.question.boundingBox())?.y;
    await page.ended();
    expect((await page.question.boundingBox())?.y).toBe(top);
    await toEnd.click();
    await waitFor("the end", async () => ((await page.question.boundingBox())?.y ?? 0) < 0);
  });

  it("moves nothing for people who asked for that", async () => {
    const page = await suite.open({ ...DESKTOP, reducedMotion: "reduce" });
    const moving = () =>
      page.page.evaluate(
        () => document.getAnimations().filter(({ playState }) => playState === "running").length,
      );
    await page.send("hold");
    await page.says(BEGINNING);
    expect(await moving()).toBe(0);
    await page.page.getByText("Thinking", { exact: true }).click();
    expect(await moving()).toBe(0);
    await page.page.emulateMedia({ reducedMotion: "no-preference" });
    await waitFor("the cursor", async () => (await moving()) > 0);
  });
});

describe("the chat page by ear and by keys", () => {
  const suite = pageSuite({ CHAT_TOKEN_DELAY_MS: "20-30" });

  it("says an answer in finished sentences, not token by token", async () => {
    const page = await suite.open();
    await page.page.evaluate(() => {
      const said: string[] = [];
      const live = document.querySelector("[aria-live=polite]");
      if (live === null) throw new Error("nothing is announced here");
      const note = (nodes: NodeList): void => {
        for (const node of nodes) said.push(node.textContent ?? "");
      };
      new MutationObserver((changes) => {
        for (const change of changes) {
          if (change.type === "characterData") said.push(change.target.textContent ?? "");
          else note(change.addedNodes);
        }
      }).observe(live, { childList: true, characterData: true, subtree: true });
      Object.assign(window, { said });
    });
    await page.ask("hello");
    const said = await waitFor("the last words", async () => {
      const words = await page.page.evaluate(() => Reflect.get(window, "said") as string[]);
      return words.at(-1)?.endsWith("I stop talking.") && words;
    });
    expect(said.length).toBeGreaterThan(1);
    expect(said.length).toBeLessThan(8);
    for (const words of said) expect(words).toMatch(/[.!?:]$/);
    const plain = (await page.copied()).replaceAll("**", "").replace(/\s+/g, " ");
    expect(said.join(" ")).toBe(plain);
    // The text itself is not live, or it would be read twice.
    const live = await page.page.evaluate(
      () => document.querySelectorAll("[role=log]:not([aria-live=off]), main [aria-live=assertive]").length,
    );
    expect(live).toBe(0);
  });

  it("can be used with keys alone", async () => {
    const page = await suite.open();
    const { keyboard } = page.page;
    const focused = () =>
      page.page.evaluate(() => {
        const { activeElement: node } = document;
        return node?.getAttribute("aria-label") ?? node?.textContent?.trim() ?? "";
      });
    const tabTo = async (name: string, key = "Tab"): Promise<void> => {
      const seen: string[] = [];
      for (let presses = 0; presses < 40; presses++) {
        await keyboard.press(key);
        seen.push(await focused());
        if (seen.at(-1) === name) return;
      }
      throw new Error(`${key} does not lead to ${name}, but to ${seen.join(", ")}`);
    };
    // Where it opens, the question can be written at once.
    await keyboard.type("hello");
    await keyboard.press("Enter");
    await page.says("Hello!");
    await keyboard.press("Escape");
    await page.ended();
    await tabTo("Answer again", "Shift+Tab");
    await keyboard.press("Enter");
    await page.answer.getByText("2 / 2").waitFor();
    await page.ended();
    await page.page.reload();
    await page.prompt.waitFor();
    await page.page.getByRole("link", { name: "Skip to the message" }).focus();
    await tabTo("New chat");
    await tabTo("hello");
    await tabTo("More for “hello”");
    await keyboard.press("Enter");
    await waitFor("the menu", async () => (await focused()) === "Rename");
    await keyboard.press("ArrowDown");
    await keyboard.press("ArrowDown");
    expect(await focused()).toBe("Delete");
    await keyboard.press("Enter");
    await page.page.getByRole("dialog", { name: "Delete conversation" }).waitFor();
    await keyboard.press("Escape");
    await page.conversation("hello").waitFor();
  });
});
