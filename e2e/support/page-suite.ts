import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { chromiumPath, launchBrowser, NO_CHROMIUM } from "./browser.ts";
import { type Chat, startChat } from "./chat.ts";
import { ChatPage } from "./chat-page.ts";

const APPS = fileURLToPath(new URL("./apps/", import.meta.url));

/** An app of the tests as the model of a chat. */
export function testModel(name: string, file: string, className: string): string {
  return `${name}=${APPS}${file}:${className}`;
}

/** The chat with a model that does as it is told. */
export const TOLD: NodeJS.ProcessEnv = { CHAT_MODELS: testModel("told", "told-app.ts", "ToldApp") };

/** What the tests of one file share. */
export interface PageSuite {
  /** The chat of the whole file. */
  readonly chat: Chat;
  readonly browser: Browser;
  /** Opens the page in a fresh profile; it is closed after the test, and must have had nothing to complain about. */
  open(options?: BrowserContextOptions, url?: string): Promise<ChatPage>;
}

/** Starts a chat and a browser for the tests of a file; without a browser, they are skipped. */
export function pageSuite(env: NodeJS.ProcessEnv = TOLD, ...flags: string[]): PageSuite {
  let browser: Browser | undefined;
  let chat: Chat | undefined;
  let pages: ChatPage[] = [];

  beforeAll(async () => {
    if (chromiumPath === undefined) return;
    [browser, chat] = await Promise.all([launchBrowser(), startChat(env, ...flags)]);
  });

  beforeEach(({ skip }) => skip(chromiumPath === undefined, NO_CHROMIUM));

  afterEach(async () => {
    const complaints = pages.flatMap((page) => page.complaints);
    for (const page of pages) await page.close();
    pages = [];
    expect(complaints, "what the browser complained about").toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await chat?.stop();
  });

  const there = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error("it has not started yet");
    return thing;
  };
  return {
    get chat() {
      return there(chat);
    },
    get browser() {
      return there(browser);
    },
    open: async (options, url = there(chat).url) => {
      const page = await ChatPage.open(there(browser), url, options);
      pages.push(page);
      return page;
    },
  };
}
