import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { chromiumPath, launchBrowser, NO_CHROMIUM } from "./support/browser.ts";
import { type Chat, startChat } from "./support/chat.ts";
import { waitFor } from "./support/wait.ts";

const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 780 },
  hasTouch: true,
  isMobile: true,
};

describe("the chat page", () => {
  let browser: Browser | undefined;
  let chat: Chat;
  let page: Page;
  /** What the browser complained about: errors of the page, and what its policy forbade. */
  let complaints: string[];

  beforeAll(async () => {
    if (chromiumPath === undefined) return;
    browser = await launchBrowser();
    chat = await startChat({ CHAT_TOKEN_DELAY_MS: "5-10" });
  });

  beforeEach(({ skip }) => skip(chromiumPath === undefined, NO_CHROMIUM));

  afterEach(async () => {
    await page?.context().close();
  });

  afterAll(async () => {
    await browser?.close();
    await chat?.stop();
  });

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    if (browser === undefined) throw new Error("there is no browser");
    const context = await browser.newContext(options);
    page = await context.newPage();
    complaints = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    await page.goto(chat.url);
  }

  const answer = () => page.locator(".answer").last();
  const send = async (text: string) => {
    await page.fill("#prompt", text);
    await page.press("#prompt", "Enter");
  };
  const finished = () => page.waitForSelector(".answer:last-child:not(.streaming)");

  it("shows an answer word by word, with a cursor until it ends", async () => {
    await open();
    const cursor = () =>
      page.evaluate<string>(`getComputedStyle(document.querySelector(".prose"), "::after").animationName`);
    await send("hello");
    await page.waitForSelector(".answer.streaming .prose");
    expect(await cursor()).toBe("blink");
    const seen = new Set<string>();
    await waitFor("the end of the answer", async () => {
      const text = await answer().locator(".body").innerText();
      if (text !== "") seen.add(text);
      return !(await answer().getAttribute("class"))?.includes("streaming");
    });
    expect(await cursor()).toBe("none");
    const texts = [...seen];
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.at(-1)).toMatch(/^Hello! I'm a simulated AI assistant/);
    expect(texts.at(-1)).toContain(texts[0]);
    expect(await answer().locator(".note").innerText()).toMatch(/^\d+ tokens in .+, the first after \d+ ms$/);
    expect(complaints).toEqual([]);
  });

  it("tells a screen reader the answer once, when it is whole", async () => {
    await open();
    await send("hello");
    await page.waitForSelector(".answer.streaming .prose");
    expect(await page.locator("#announcer").innerText()).toBe("");
    await finished();
    expect(await page.locator("#announcer").textContent()).toMatch(/^Hello! I'm a simulated AI assistant/);
  });

  it.each([
    ["Say hello", ".prose", "Hello!"],
    ["Explain", ".list li:nth-child(4)", "dirty arbiter"],
    ["Streaming", ".code code", 'data: {"token": "Hello"}'],
    ["Code", ".code code", "import { DirtyApp }"],
  ])("answers the suggestion %s", async (name, part, text) => {
    await open();
    await page.click(`.suggestion:has-text("${name}")`);
    await finished();
    expect(await answer().locator(part).first().innerText()).toContain(text);
    expect(await page.isVisible("#welcome")).toBe(false);
    expect(complaints).toEqual([]);
  });

  it("shows that it thinks before it answers, where that is wanted", async () => {
    await open();
    await page.check("#thinking", { force: true });
    await send("hello");
    await page.waitForSelector(".thinking.open");
    await finished();
    expect(await answer().locator(".thinking").innerText()).toBe("thinking...");
    expect(await answer().locator(".prose").first().innerText()).toMatch(/^Hello!/);
  });

  it.each([
    ["the stop button", () => page.click("#stop")],
    ["Esc", () => page.keyboard.press("Escape")],
  ])("stops in the middle of an answer with %s, and answers the next question", async (_, stop) => {
    await open();
    await send("explain");
    await page.waitForSelector(".answer.streaming .prose");
    await stop();
    await finished();
    const text = await answer().innerText();
    expect(text).toContain("Stopped");
    expect(text).not.toContain("its worker is replaced");
    await send("hello");
    await waitFor("the next answer", async () => (await page.locator(".answer").count()) === 2);
    await finished();
    expect(await answer().innerText()).toContain("Hello!");
  });

  it("adds a line with Shift+Enter, and sends nothing empty", async () => {
    await open();
    await page.press("#prompt", "Enter");
    await page.fill("#prompt", "one");
    await page.press("#prompt", "Shift+Enter");
    await page.type("#prompt", "two");
    expect(await page.inputValue("#prompt")).toBe("one\ntwo");
    expect(await page.locator(".question").count()).toBe(0);
    await page.press("#prompt", "Enter");
    expect(await page.locator(".question .bubble").innerText()).toBe("one\ntwo");
    expect(await page.inputValue("#prompt")).toBe("");
  });

  it("shows what people write as text, never as HTML", async () => {
    await open();
    const text = "<img src=x onerror=\"document.title='caught'\"> hello";
    await send(text);
    await finished();
    expect(await page.locator(".question .bubble").innerText()).toBe(text);
    expect(await page.title()).toBe("Tsunicorn chat");
    expect(complaints).toEqual([]);
  });

  it("says in words what went wrong, and asks again when it may", async () => {
    await open();
    let refusals = 0;
    await page.route("**/chat", async (route) => {
      refusals += 1;
      if (refusals > 1) return await route.continue();
      await route.fulfill({ status: 429, headers: { "retry-after": "1", "x-request-id": "r-1" }, json: {} });
    });
    await send("hello");
    await finished();
    expect(await answer().locator('[role="alert"]').innerText()).toBe(
      "Too many people are waiting for an answer right now.",
    );
    expect(await answer().innerText()).toContain("Request r-1");
    expect(await answer().locator(".retry").isDisabled()).toBe(true);
    await answer().locator(".retry:enabled").click();
    await waitFor("the second answer", async () => (await page.locator(".answer").count()) === 2);
    await finished();
    expect(await answer().innerText()).toContain("Hello!");
  });

  it("starts over with a new chat", async () => {
    await open();
    await send("explain");
    await page.waitForSelector(".answer.streaming .prose");
    await page.click("#new-chat");
    expect(await page.locator(".message").count()).toBe(0);
    expect(await page.isVisible("#welcome")).toBe(true);
    await send("hello");
    await finished();
    expect(await answer().innerText()).toContain("Hello!");
  });

  it("fits a phone, without scrolling sideways", async () => {
    await open(PHONE);
    const overflow = () =>
      page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(await overflow()).toBe(0);
    await page.tap('.suggestion:has-text("Code")');
    await finished();
    expect(await overflow()).toBe(0);
    const box = await page.locator("#send").boundingBox();
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(780);
  });

  it("says that the server cannot be reached when it is gone", async () => {
    await open();
    const other = await startChat({ CHAT_TOKEN_DELAY_MS: "0" }, "--workers", "1");
    await page.goto(other.url);
    await other.stop();
    await send("hello");
    await finished();
    expect(await answer().locator('[role="alert"]').innerText()).toBe(
      "The server cannot be reached. Is it running?",
    );
  });
});
