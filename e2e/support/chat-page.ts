import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { waitFor } from "./wait.ts";

/** A person at a desk. */
export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/** A person with a phone. */
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
};

/** What the page's policy forbids is reported to the page alone; as a warning it reaches the test. */
function reportViolations(): void {
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    console.warn(`forbidden by the policy: ${violatedDirective} ${blockedURI}`);
  });
}

const STREAM = /\/chat\/streams\/str_/;

/** In a page: resolves when all that was to be written to its store before is there. */
function storeRests(): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("tsunicorn-chat");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      // Transactions that write to the same tables run one after the other.
      const last = opening.result.transaction([...opening.result.objectStoreNames], "readwrite");
      last.onabort = () => reject(last.error);
      last.oncomplete = () => {
        opening.result.close();
        resolve();
      };
    };
  });
}

/** The chat page in a browser, found and used as a person does: by roles and names. */
export class ChatPage {
  readonly page: Page;
  /** What should not happen: errors, warnings, breaches of the policy, and requests that leave the origin. */
  readonly complaints: string[];
  readonly #expected: RegExp[] = [];
  /** By address, the answers that the page asked the server to end, and whether the server took that in. */
  readonly #asked = new Map<string, boolean>();

  private constructor(page: Page, origin: string, complaints: string[] = []) {
    this.page = page;
    this.complaints = complaints;
    page.on("pageerror", (error) => this.#complain(`error: ${error.stack ?? error.message}`));
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      const { url } = message.location();
      // Where a connection ends before its response comes, Chromium sends the request again by itself: it may have
      // been obeyed already.
      if (this.#asked.has(url) && message.text().includes("status of 404")) return;
      this.#complain(`${message.text()} (${url})`);
    });
    page.on("response", (response) => {
      const url = response.url();
      if (this.#asked.has(url) && response.request().method() === "DELETE" && response.status() < 500)
        this.#asked.set(url, true);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (request.method() === "DELETE" && STREAM.test(url)) {
        if (this.#asked.get(url) === true) this.#complain(`it ended an answer twice: ${url}`);
        this.#asked.set(url, false);
      }
      if (!url.startsWith(`${origin}/`) && !url.startsWith(`blob:${origin}/`)) {
        this.#complain(`a request left the origin: ${url}`);
      }
    });
  }

  /** Opens the page in a fresh profile. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = DESKTOP,
  ): Promise<ChatPage> {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(90_000);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await context.addInitScript(reportViolations);
    const page = new ChatPage(await context.newPage(), new URL(url).origin);
    await page.page.goto(url);
    await page.prompt.waitFor();
    return page;
  }

  /** Opens the page in another tab of the same profile. Its complaints are told with this one's. */
  async another(url: string): Promise<ChatPage> {
    const page = new ChatPage(await this.page.context().newPage(), new URL(url).origin, this.complaints);
    await page.page.goto(url);
    await page.prompt.waitFor();
    return page;
  }

  /** Lets complaints pass that a test provokes. */
  expectComplaints(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  #complain(text: string): void {
    if (!this.#expected.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  /** Ends the answer that comes, which would hold up the server's end, and takes the page away. */
  async close(): Promise<void> {
    if (await this.stopButton.isVisible().catch(() => false)) {
      await this.stopButton.click({ timeout: 2000 }).catch(() => undefined);
      await this.ended(2000).catch(() => undefined);
    }
    await this.page.context().close();
  }

  get prompt(): Locator {
    return this.page.getByRole("textbox", { name: "Message", exact: true });
  }

  get stopButton(): Locator {
    return this.page.getByRole("button", { name: "Stop", exact: true });
  }

  get #messages(): Locator {
    return this.page.getByRole("log", { name: "Conversation" });
  }

  /** All that was answered, in order. */
  get answers(): Locator {
    return this.#messagesOf("Answer");
  }

  /** All that was asked, in order. */
  get questions(): Locator {
    return this.#messagesOf("You");
  }

  get answer(): Locator {
    return this.answers.last();
  }

  get question(): Locator {
    return this.questions.last();
  }

  /** The conversations beside the one that is shown. */
  get conversations(): Locator {
    return this.page.getByRole("navigation", { name: "Conversations" });
  }

  /** A conversation of the list. */
  conversation(title: string): Locator {
    return this.conversations.getByRole("button", { name: title, exact: true });
  }

  #messagesOf(who: string): Locator {
    return this.#messages
      .locator("> *")
      .filter({ has: this.page.getByRole("heading", { name: who, exact: true, level: 2 }) });
  }

  /**
   * Loads the page anew, once it has written what it shows: that is on its way to the store a moment longer. Tests of what
   * becomes of an answer that still comes do not wait for that.
   */
  async reload(): Promise<void> {
    await this.page.evaluate(storeRests);
    await this.page.reload();
  }

  /** Writes a question and sends it with Enter. */
  async send(text: string): Promise<void> {
    await this.prompt.fill(text);
    // It takes nothing before the conversation is there.
    const before = await this.answers.count();
    await this.prompt.press("Enter");
    await waitFor("the answer's place", async () => (await this.answers.count()) === before + 1);
  }

  /** Sends a question and waits for the end of its answer. */
  async ask(text: string): Promise<void> {
    await this.send(text);
    await this.ended();
  }

  /** Waits until no answer is in progress. */
  async ended(timeout = 60_000): Promise<void> {
    await this.stopButton.waitFor({ state: "hidden", timeout });
  }

  /** Waits until the last answer says something. */
  async says(text: string | RegExp, message: Locator = this.answer): Promise<void> {
    await message.getByText(text).first().waitFor();
  }

  /** The text of the last answer as its copy button gives it: exactly what the model said. */
  async copied(message: Locator = this.answer): Promise<string> {
    await this.page.evaluate(() => navigator.clipboard.writeText(""));
    await message.getByRole("button", { name: "Copy", exact: true }).click();
    return await waitFor("the copied text", () =>
      this.page.evaluate(() => navigator.clipboard.readText()).then((text) => text || undefined),
    );
  }

  /** How much wider the page is than its window. */
  async overflow(): Promise<number> {
    return await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
  }
}
