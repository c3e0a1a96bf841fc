import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** The browser of the page's tests: `npm test` sets CHROMIUM; undefined where none is installed. */
export const chromiumPath: string | undefined = [
  process.env.CHROMIUM,
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
].find((path) => path !== undefined && existsSync(path));

/** Why the tests of the page are skipped where there is no browser. */
export const NO_CHROMIUM = "there is no Chromium: CHROMIUM can name its path";

/** Starts the browser without a window. Its profile is a new one, which goes when it is closed. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: chromiumPath,
    // No user namespaces for root, no GPU in a container, and nothing that asks the network by itself.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
}
