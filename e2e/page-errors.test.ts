import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../server/test/integration/free-port.ts";
import { type Chat, startChatOn } from "./support/chat.ts";
import type { ChatPage } from "./support/chat-page.ts";
import { pageSuite, TOLD, testModel } from "./support/page-suite.ts";
import { noteTexts } from "./support/sightings.ts";
import { BEGINNING } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

const retryButton = (page: ChatPage) => page.answer.getByRole("button", { name: /^Try again/ });

/** What a browser writes to its console for each answer with an error's status. */
const FAILED = /Failed to load resource|net::ERR/;

describe("what goes wrong on the chat page", () => {
  const suite = pageSuite(
    { CHAT_MODELS: testModel("lonely", "told-app.ts", "LonelyApp") },
    "--dirty-queue-size",
    "0",
  );

  it("is a message that the server does not accept: no use to try that again", async () => {
    const page = await suite.open();
    page.expectComplaints(FAILED);
    await page.ask("x".repeat(100_001));
    await page.says(/^The server did not accept this message: .*100000/);
    expect(await retryButton(page).count()).toBe(0);
    await page.ask("shorter");
    await page.says("You said “shorter”");
  });

  it("is a full server, which says when to come back: the page counts down, then asks again", async () => {
    const first = await suite.open();
    await first.send("hold the only place");
    await first.says(BEGINNING);
    const page = await suite.open();
    page.expectComplaints(FAILED);
    const [response] = await Promise.all([page.page.waitForResponse("**/chat"), page.ask("me too")]);
    expect(response.status()).toBe(429);
    expect(Number(response.headers()["retry-after"])).toBeGreaterThanOrEqual(1);
    await page.says("Too many people are waiting for an answer right now.");
    await page.says(/^Request [\w-]+$/);
    await first.stopButton.click();
    await page.answer.getByRole("button", { name: "Try again", exact: true }).click({ timeout: 90_000 });
    await page.says("You said “me too”");
    expect(await page.questions.count()).toBe(1);
  });

  it("is a server without a free worker: the page counts down each second", async () => {
    const page = await suite.open();
    page.expectComplaints(FAILED);
    await page.page.route(
      "**/chat",
      (route) =>
        route.fulfill({ status: 503, headers: { "retry-after": "3", "x-request-id": "r-1" }, json: {} }),
      { times: 1 },
    );
    const shown = await noteTexts(page.page, "button");
    await page.ask("anybody?");
    await page.says("No worker is free to answer right now.");
    await waitFor("the end of the countdown", () => retryButton(page).isEnabled());
    const seen = (await shown()).filter((text) => text.startsWith("Try again"));
    expect(seen).toEqual(["Try again in 3 s", "Try again in 2 s", "Try again in 1 s", "Try again"]);
    await retryButton(page).click();
    await page.says("You said “anybody?”");
    await page.answer.getByText("2 / 2").waitFor();
  });

  it("is a stream that breaks off: what came stays, and can be asked for again", async () => {
    const page = await suite.open();
    await page.ask("fail, please");
    await page.says(BEGINNING);
    await page.says("The model failed to answer.");
    expect(await page.answer.innerText()).not.toContain("the model was told to fail");
    await retryButton(page).click();
    await page.answer.getByText("2 / 2").waitFor();
    await page.ended();
    await page.says("The model failed to answer.");
    await page.reload();
    await page.says("The model failed to answer.");
    await page.ask("and now?");
    await page.says("You said “and now?”");
  });

  it("is an answer in an unknown form", async () => {
    const page = await suite.open();
    await page.page.route("**/chat", (route) =>
      route.fulfill({ headers: { "content-type": "text/event-stream" }, body: "data: <html>\n\n" }),
    );
    await page.ask("hello?");
    await page.says("The server sent something that is not an answer.");
  });
});

/** Ends a server as the machine's power cut would: no process can say goodbye. */
function killAll({ command }: Chat): void {
  const children = [...command.output.matchAll(/(\d+) is ready/g)].map(([, pid]) => Number(pid));
  command.clear();
  for (const pid of children) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Its own end of the power cut came first.
    }
  }
}

describe("a server that goes away from under the chat page", () => {
  const suite = pageSuite();
  let own: Chat | undefined;

  afterEach(async () => {
    await own?.stop();
    own = undefined;
  });

  const status = (page: ChatPage, text: string) =>
    page.page.getByRole("status").getByText(text, { exact: false }).waitFor();

  it("is told, and so is its return; then the question can be asked again", async () => {
    const port = await freePort();
    own = await startChatOn(port, TOLD);
    const page = await suite.open(undefined, own.url);
    page.expectComplaints(FAILED);
    await page.ask("before");
    await own.stop();
    await page.ask("is anybody there?");
    await page.says("The server cannot be reached. Is it running?");
    await status(page, "The server cannot be reached.");
    own = await startChatOn(port, TOLD);
    await status(page, "The server is back.");
    await retryButton(page).click();
    await page.says("You said “is anybody there?”");
    expect(await page.answer.getByText("cannot be reached").count()).toBe(0);
    expect(await page.page.getByRole("status").getByText("cannot be reached").count()).toBe(0);
  });

  it("takes the rest of an answer with it, which is told when it is back", async () => {
    const port = await freePort();
    // The killed server cannot remove its own folder.
    const temporary = mkdtempSync(join(tmpdir(), "tsunicorn-cut-"));
    onTestFinished(() => rmSync(temporary, { recursive: true }));
    own = await startChatOn(port, { ...TOLD, TMPDIR: temporary });
    const page = await suite.open(undefined, own.url);
    page.expectComplaints(FAILED);
    await page.send("hold");
    await page.says(BEGINNING);
    killAll(own);
    own = undefined;
    await page.says("Reconnecting…");
    own = await startChatOn(port, TOLD);
    await page.says("The connection was lost, and the rest of this answer is no longer there.");
    await page.says(BEGINNING);
    await retryButton(page).waitFor();
  });
});
