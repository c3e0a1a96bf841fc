import { get } from "node:http";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { pageSuite } from "./support/page-suite.ts";

const MAX_SCRIPT_BYTES = 300 * 1024;
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
      .poll(() => [...urls].filter((url) => url.endsWith(".js")).length, { timeout: 50_000 })
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
