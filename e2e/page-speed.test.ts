import { get } from "node:http";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { ask } from "./support/chat.ts";
import type { ChatPage } from "./support/chat-page.ts";
import { type LongestFrame, watchFrames } from "./support/frames.ts";
import { type PageSuite, pageSuite, testModel } from "./support/page-suite.ts";
import { SHAPES } from "./support/shapes.ts";

const MAX_SCRIPT_BYTES = 300 * 1024;
const MAX_FRAME_MS = 100;
const TOKENS = 20_000;
const YEAR_S = 365 * 24 * 60 * 60;

/** Asks as a browser does that takes certain encodings. `fetch` would unpack what comes. */
function download(
  url: string,
  encodings: string,
): Promise<{ headers: Record<string, unknown>; bytes: number }> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { "accept-encoding": encodings } }, (response) => {
      let bytes = 0;
      response.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on("end", () => resolve({ headers: response.headers, bytes })).on("error", reject);
    }).on("error", reject);
  });
}

/** The files that a page has asked for since. */
function watchAssets(page: Page): Set<string> {
  const urls = new Set<string>();
  page.on("request", (request) => {
    if (request.url().includes("/assets/")) urls.add(request.url());
  });
  return urls;
}

describe("the first load of the chat page", () => {
  const suite = pageSuite();

  it(`takes at most ${MAX_SCRIPT_BYTES / 1024} KB of compressed JavaScript, up to the first code`, async () => {
    const page = await suite.open();
    const urls = watchAssets(page.page);
    await page.page.reload();
    await page.ask("plain words");
    const scripts = [...urls].filter((url) => url.endsWith(".js"));
    expect(scripts.length).toBeGreaterThan(0);
    const sizes = await Promise.all(scripts.map((url) => download(url, "gzip")));
    const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { headers } of sizes) expect(headers["content-encoding"]).toBe("gzip");
    console.log(`the first load has ${Math.round(total / 1024)} KB of JavaScript`);
    expect(total).toBeLessThanOrEqual(MAX_SCRIPT_BYTES);

    await page.ask("show");
    await page.answer.getByRole("button", { name: "Copy code" }).waitFor();
    await expect
      .poll(() => [...urls].filter((url) => url.endsWith(".js")).length, { timeout: 10_000 })
      .toBeGreaterThan(scripts.length);
  });

  it("gets files that may be kept for a year, compressed ahead of time", async () => {
    const page = await suite.open();
    const urls = watchAssets(page.page);
    await page.page.reload();
    await page.ask("show");
    const texts = [...urls].filter((url) => /\.(?:js|css)$/.test(url));
    expect(texts.some((url) => url.endsWith(".css"))).toBe(true);
    for (const url of texts) {
      const { headers, bytes } = await download(url, "gzip, deflate, br, zstd");
      expect(headers["cache-control"], url).toBe(`public, max-age=${YEAR_S}, immutable`);
      expect(headers["vary"], url).toMatch(/accept-encoding/i);
      // Whatever is smaller than a packet is sent as it is.
      if (bytes > 1024) expect(headers["content-encoding"], url).toBe("br");
      expect(url, "a name that changes with the content").toMatch(/-[\w-]{8}\.\w+$/);
    }
    const { headers } = await download(suite.chat.url, "gzip");
    expect(headers["cache-control"]).toBe("no-cache");
  });

  it("is the only one that asks for them: the second asks for index.html again", async () => {
    const first = await suite.open();
    await first.ask("show");
    const second = await first.page.context().newPage();
    const network = await second.context().newCDPSession(second);
    const asked = new Map<string, string>();
    await network.send("Network.enable");
    network.on("Network.requestWillBeSent", ({ requestId, request }) => asked.set(requestId, request.url));
    network.on("Network.requestServedFromCache", ({ requestId }) => asked.delete(requestId));
    network.on("Network.responseReceived", ({ requestId, response }) => {
      if (response.fromDiskCache) asked.delete(requestId);
    });
    await second.goto(suite.chat.url, { waitUntil: "networkidle" });
    const paths = [...asked.values()]
      .map((url) => new URL(url).pathname)
      .filter((path) => path !== "/v1/models");
    expect(paths).toEqual(["/"]);
  });
});

/**
 * Asks, and waits until nothing more comes to the answer: React shows the end of a long one later than its figures. The
 * page looks itself, and only at the text: to find roles and names again and again takes a fifth of its time.
 */
async function askAndSettle(page: ChatPage, prompt: string): Promise<void> {
  const log = await page.page.getByRole("log", { name: "Conversation" }).elementHandle();
  await page.send(prompt);
  const end = `${TOKENS.toLocaleString("en")} tokens`;
  const settled = log?.evaluate(
    (log, end) =>
      new Promise<boolean>((resolve) => {
        let length = -1;
        let since = performance.now();
        const timer = setInterval(() => {
          const text = log.textContent ?? "";
          const now = performance.now();
          if (text.length !== length) {
            length = text.length;
            since = now;
            return;
          }
          const ended = text.includes(end);
          if (now - since < (ended ? 500 : 20_000)) return;
          clearInterval(timer);
          resolve(ended);
        }, 100);
      }),
    end,
  );
  expect(await settled, "the answer came to its end").toBe(true);
}

/** Has an answer come at full speed, and expects that the page stays smooth and shows all of it. */
async function expectSmooth(suite: PageSuite, prompt: string, whole: string): Promise<void> {
  const longest: LongestFrame[] = [];
  // Whatever else runs on the machine makes a frame longer, never shorter.
  const isSmooth = (): boolean => longest.some(({ clock }) => clock <= MAX_FRAME_MS);
  for (let run = 0; run < 3 && !isSmooth(); run++) {
    const page = await suite.open();
    // The frames of the page's own load are not those of an answer.
    await page.page.waitForLoadState("networkidle");
    const stop = await watchFrames(suite.browser, page.page);
    await askAndSettle(page, prompt);
    longest.push(await stop());
    expect(await page.copied()).toBe(whole);
    await page.close();
  }
  const said = longest.map(({ clock, work }) => `${Math.round(clock)} ms, ${Math.round(work)} ms of work`);
  console.log(`${prompt}: the longest frame of each run took ${said.join("; ")}`);
  expect(isSmooth(), said.join("; ")).toBe(true);
}

describe("an answer of 20,000 tokens at full speed", () => {
  const suite = pageSuite({ CHAT_TOKEN_DELAY_MS: "0", CHAT_SIMULATED_TOKENS: String(TOKENS) });

  it.each(["explain", "code"])(
    `to “%s” leaves no frame longer than ${MAX_FRAME_MS} ms, and is whole`,
    async (prompt) => expectSmooth(suite, prompt, await ask(suite.chat.url, prompt)),
  );
});

describe("an answer of 20,000 tokens that is one block of Markdown", () => {
  const suite = pageSuite({ CHAT_MODELS: testModel("shapes", "shapes-app.ts", "ShapesApp") });

  it.each(Object.entries(SHAPES))(
    `(%s) leaves no frame longer than ${MAX_FRAME_MS} ms, and is whole`,
    async (shape, tokens) => expectSmooth(suite, shape, tokens.join("")),
  );
});
