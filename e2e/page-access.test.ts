import { describe, expect, it } from "vitest";
import { pageSuite } from "./support/page-suite.ts";
import { waitFor } from "./support/wait.ts";

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
    await page.reload();
    await page.prompt.waitFor();
    await page.page.getByRole("link", { name: "Skip to the message" }).focus();
    await tabTo("New chat");
    await tabTo("hello");
    await tabTo("More for “hello”");
    await keyboard.press("Enter");
    await waitFor("the menu", async () => (await focused()) === "Rename");
    await keyboard.press("ArrowDown");
    await waitFor("the next entry", async () => (await focused()) !== "Rename");
    await keyboard.press("ArrowDown");
    await waitFor("the last entry", async () => (await focused()) === "Delete");
    await keyboard.press("Enter");
    await page.page.getByRole("dialog", { name: "Delete conversation" }).waitFor();
    await keyboard.press("Escape");
    await page.conversation("hello").waitFor();
  });
});
