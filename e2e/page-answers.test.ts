import { describe, expect, it } from "vitest";
import { ask } from "./support/chat.ts";
import type { ChatPage } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { startProxy } from "./support/proxy.ts";
import { noteTexts } from "./support/sightings.ts";
import { SHOWCASE } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

/** Whether something blinks on the page without end: the cursor behind an answer that still comes. */
function blinks(page: ChatPage): Promise<boolean> {
  return page.page.evaluate(() =>
    document
      .getAnimations()
      .some((one) => one.playState === "running" && one.effect?.getTiming().iterations === Infinity),
  );
}

describe("answers of the chat page", () => {
  // Slow enough that a busy machine still shows an answer while it comes.
  const suite = pageSuite({ CHAT_TOKEN_DELAY_MS: "15-25" });

  it("appear word by word with a cursor until they end, and then say how fast they came", async () => {
    const page = await suite.open();
    const shown = await noteTexts(page.page, "[role=log]");
    let blinked = false;
    await page.send("hello");
    await waitFor("the end of the answer", async () => {
      blinked ||= await blinks(page);
      return !(await page.stopButton.isVisible());
    });
    // How many of its states are seen depends on the machine; that there are some between nothing and all does not.
    expect((await shown()).length).toBeGreaterThan(4);
    expect(blinked).toBe(true);
    expect(await blinks(page)).toBe(false);
    expect(await page.copied()).toBe(await ask(suite.chat.url, "hello"));
    const figures = await page.answer.getByText("tokens/s").innerText();
    const [, perSecond, tokens] = /^(\d+) tokens\/s · (\d+) tokens · first after \d+ ms$/.exec(figures) ?? [];
    expect(Number(perSecond)).toBeGreaterThan(0);
    expect(Number(tokens)).toBeGreaterThan(100);
  });

  it.each([
    ["Say hello", "Hello! I'm a simulated AI assistant"],
    ["Explain", "keeps all the others alive, but carries no traffic"],
    ["Streaming", "data: [DONE]"],
    ["Code", "export class Counter extends DirtyApp"],
  ])("come for the suggestion “%s” with one click", async (name, text) => {
    const page = await suite.open();
    expect(await page.page.getByRole("heading", { name: "What would you like to know?" }).isVisible()).toBe(
      true,
    );
    await page.page.getByRole("button", { name }).click();
    await page.says(text);
    await page.ended();
    expect(await page.page.getByRole("heading", { name: "What would you like to know?" }).count()).toBe(0);
    expect(await page.questions.count()).toBe(1);
  });

  it("show that the model thinks while it does, fold that away when it answers, and open it by hand", async () => {
    const page = await suite.open();
    const box = page.page.getByRole("switch", { name: "Thinking" });
    await page.page.getByText("Thinking", { exact: true }).click();
    expect(await box.isChecked()).toBe(true);
    const open = await noteTexts(page.page, "[role=log] section button[aria-expanded=true]");
    await page.send("hello");
    const section = page.answer.getByRole("region", { name: "Thinking" });
    await page.says("Hello!");
    const folded = section.getByRole("button", { name: /^Thought for [\d.]+ m?s$/, expanded: false });
    await folded.waitFor();
    expect(await open()).toContain("Thinking…");
    expect(await section.getByText("thinking...").isVisible()).toBe(false);
    await page.ended();
    await folded.press("Enter");
    await section.getByText("thinking...").waitFor();
    // What was thought does not belong to the answer.
    expect(await page.copied()).toBe(await ask(suite.chat.url, "hello"));

    await page.reload();
    expect(await box.isChecked()).toBe(true);
    await page.page.getByText("Thinking", { exact: true }).click();
    await page.ask("hello again");
    expect(await page.answer.getByRole("region", { name: "Thinking" }).count()).toBe(0);
  });

  it("know what was asked before, in the branch that is shown", async () => {
    const page = await suite.open();
    await page.ask("hello, my friend");
    await page.ask("what did I ask before?");
    await page.says("You have asked me one question before this one.");
    await page.answer.getByRole("blockquote").getByText("hello, my friend").waitFor();
    await page.ask("and what did I ask you earlier?");
    await page.says("You have asked me 2 questions");
    await page.answer.getByRole("blockquote").getByText("what did I ask before?").waitFor();
  });
});

describe("the chat page below a path of a proxy", () => {
  const suite = pageSuite();

  it("works as anywhere, and asks for nothing above it", async () => {
    const proxy = await startProxy(suite.chat.url, { below: "/tools/chat" });
    try {
      const page = await suite.open(undefined, `${proxy.url}/`);
      await page.ask("show");
      await page.answer.getByRole("table").waitFor();
      await page.reload();
      await page.answer.getByRole("table").waitFor();
      await page.page.getByRole("link", { name: "API docs" }).click();
      await page.page.waitForURL("**/tools/chat/docs**");
    } finally {
      await proxy.stop();
    }
  });
});

describe("Markdown in the answers of the chat page", () => {
  const suite = pageSuite();

  it("is shown as headings, tables, lists, quotes and links", async () => {
    const page = await suite.open();
    await page.ask("show");
    const { answer } = page;
    await answer.getByRole("heading", { name: "Dirty workers at a glance", level: 3 }).waitFor();
    const table = answer.getByRole("table");
    expect(await table.getByRole("columnheader").allInnerTexts()).toEqual(["process", "job", "how many"]);
    expect(await table.getByRole("row").nth(2).getByRole("cell").allInnerTexts()).toEqual([
      "HTTP worker",
      "serves the web app",
      "2",
    ]);
    // Three numbered, two below the second, two with boxes.
    expect(await answer.getByRole("listitem").count()).toBe(7);
    expect(await answer.getByRole("checkbox", { name: "Done" }).isChecked()).toBe(true);
    expect(await answer.getByRole("checkbox", { name: "To do" }).isChecked()).toBe(false);
    expect(await answer.getByRole("blockquote").innerText()).toBe("Who waits is told so.");
    const link = answer.getByRole("link", { name: "the description of the API" });
    expect(await link.getAttribute("href")).toBe("docs");
    expect(await link.getAttribute("rel")).toContain("noopener");
    expect(await page.copied()).toBe(SHOWCASE);
  });

  it("has code in colours, which come after the code, and a button that copies it", async () => {
    const page = await suite.open();
    const early = new Set<string>();
    page.page.on("request", (request) => early.add(request.url()));
    await page.ask("nothing special");
    expect([...early].filter((url) => url.endsWith(".js"))).toEqual([]);

    await page.ask("show");
    const code = page.answer.getByRole("region", { name: "Code, ts" });
    const colours = () =>
      code.evaluate(
        (node) => new Set([...node.querySelectorAll("span")].map((one) => getComputedStyle(one).color)).size,
      );
    await waitFor("the colours", async () => (await colours()) > 3);
    await page.answer.getByRole("button", { name: "Copy code" }).click();
    await page.answer.getByRole("button", { name: "Copied code" }).waitFor();
    const copied = await page.page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(/```ts\n(.*?)\n```/s.exec(SHOWCASE)?.[1]);
    expect(await code.innerText()).toContain(copied);
  });
});
