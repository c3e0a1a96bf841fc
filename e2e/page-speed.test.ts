import { get } from "node:http";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { ask } from "./support/chat.ts";
import type { ChatPage } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { waitFor } from "./support/wait.ts";

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
      .poll(() => [...urls].filter((url) => url.endsWith(".js")).length)
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

describe("an answer of 20,000 tokens at full speed", () => {
  const suite = pageSuite({ CHAT_TOKEN_DELAY_MS: "0", CHAT_SIMULATED_TOKENS: String(TOKENS) });

  /** Watches the frames of a page until the function that it returns is called. */
  const watchFrames = async (page: ChatPage): Promise<() => Promise<number>> => {
    await page.page.evaluate(() => {
      const frames = { longest: 0, watched: true };
      let before = performance.now();
      const next = (): void => {
        const now = performance.now();
        frames.longest = Math.max(frames.longest, now - before);
        before = now;
        if (frames.watched) requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
      const stop = (): number => {
        frames.watched = false;
        return frames.longest;
      };
      Object.assign(window, { stopWatching: stop });
    });
    return () => page.page.evaluate<number>("window.stopWatching()");
  };

  /** Waits until nothing more comes to the answer: React shows the end of a long one later than its figures. */
  const settled = async (page: ChatPage): Promise<void> => {
    await page.answer.getByText(`${TOKENS.toLocaleString("en")} tokens`).waitFor();
    let length = -1;
    let since = Date.now();
    await waitFor("the end of the answer on the page", async () => {
      const now = await page.answer.evaluate((answer) => answer.textContent?.length ?? 0);
      if (now !== length) since = Date.now();
      length = now;
      return Date.now() - since > 500;
    });
  };

  it.each(["explain", "code"])(
    `to “%s” leaves no frame longer than ${MAX_FRAME_MS} ms, and is whole`,
    async (prompt) => {
      const figures: number[] = [];
      const best = (): number => Math.min(...figures, Number.POSITIVE_INFINITY);
      // Whatever else runs on the machine makes a frame longer, never shorter.
      for (let run = 0; run < 3 && best() > MAX_FRAME_MS; run++) {
        const page = await suite.open();
        const longestFrame = await watchFrames(page);
        await page.ask(prompt);
        await settled(page);
        figures.push(await longestFrame());
        expect(await page.copied()).toBe(await ask(suite.chat.url, prompt));
        await page.close();
      }
      console.log(`${prompt}: the longest frame of each run took ${figures.map(Math.round).join(", ")} ms`);
      expect(best()).toBeLessThanOrEqual(MAX_FRAME_MS);
    },
  );
});
