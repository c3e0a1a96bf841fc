import { afterEach, describe, expect, it } from "vitest";
import type { ChatPage } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { type BrittleProxy, startProxy } from "./support/proxy.ts";
import { BEGINNING, LONG, SENTENCES } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

/** The numbers of the sentences that the page shows. */
async function numbersShown(page: ChatPage): Promise<number[]> {
  return [...(await page.answer.innerText()).matchAll(/Sentence (\d+)/g)].map(([, number]) => Number(number));
}

/** How many answers the browser has still to read. */
function stillToRead(page: ChatPage): Promise<number> {
  return page.page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open("tsunicorn-chat");
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const counting = opening.result.transaction("pending").objectStore("pending").count();
          counting.onsuccess = () => {
            opening.result.close();
            resolve(counting.result);
          };
        };
      }),
  );
}

async function expectWholeOnce(page: ChatPage): Promise<void> {
  await page.says(`Sentence ${SENTENCES} says`);
  await page.ended();
  expect(await page.answers.count()).toBe(1);
  expect(await numbersShown(page)).toEqual(Array.from({ length: SENTENCES }, (_, index) => index + 1));
  expect(await page.copied()).toBe(LONG);
}

describe("an answer of the chat page that is interrupted", () => {
  const suite = pageSuite();
  let proxy: BrittleProxy | undefined;

  afterEach(async () => {
    await proxy?.stop();
    proxy = undefined;
  });

  /** What the browser says of requests that find no server. */
  const LOST = /net::ERR|Failed to load resource/;

  const beginLong = async (page: ChatPage, prompt = "long"): Promise<void> => {
    await page.send(prompt);
    await page.says("Sentence 5 says");
  };

  const isInProgress = (page: ChatPage) => page.stopButton.isVisible();

  it("is whole after a reload of the page, and is kept so", async () => {
    const page = await suite.open();
    await beginLong(page, "long, and slowly");
    await page.page.reload();
    await page.says("Sentence 12 says");
    expect(await isInProgress(page)).toBe(true);
    await page.page.reload();
    await expectWholeOnce(page);
    await page.page.reload();
    await expectWholeOnce(page);
    await page.ask("and now?");
    await page.says("You said “and now?”");
  });

  it("is whole in a new tab, when the old one was closed", async () => {
    const page = await suite.open();
    await beginLong(page);
    const address = page.page.url();
    const other = await page.another(address);
    await page.page.close();
    await expectWholeOnce(other);
  });

  it("can be stopped after a reload, and the server stops too", async () => {
    const page = await suite.open();
    await page.send("hold after a reload");
    await page.says(BEGINNING);
    await page.page.reload();
    await page.says(BEGINNING);
    expect(suite.chat.command.output).not.toContain("cut short: hold after a reload\n");
    await page.page.keyboard.press("Escape");
    await page.ended();
    await waitFor("the end of the run", () =>
      suite.chat.command.output.includes("cut short: hold after a reload\n"),
    );
  });

  it("is whole when the HTTP workers are killed", async () => {
    const page = await suite.open();
    page.expectComplaints(LOST);
    await beginLong(page);
    const ready = [...suite.chat.command.output.matchAll(/http worker (\d+) is ready/g)];
    expect(ready.length).toBeGreaterThan(0);
    for (const [, pid] of ready) process.kill(Number(pid), "SIGKILL");
    expect(await isInProgress(page)).toBe(true);
    await expectWholeOnce(page);
  });

  it("is whole when the network goes away and comes back, and says so meanwhile", async () => {
    proxy = await startProxy(suite.chat.url);
    const page = await suite.open(undefined, proxy.url);
    page.expectComplaints(LOST);
    await beginLong(page);
    proxy.cut();
    await page.says("Reconnecting…");
    expect((await numbersShown(page)).length).toBeLessThan(SENTENCES);
    proxy.mend();
    await expectWholeOnce(page);
    expect(await page.page.getByText("Reconnecting…").count()).toBe(0);
  });

  it("goes on in the background while another conversation is shown", async () => {
    const page = await suite.open();
    await beginLong(page);
    await page.page.getByRole("button", { name: "New chat" }).first().click();
    await page.conversations.getByRole("img", { name: "Answering" }).waitFor();
    await page.ask("something else");
    await page.says("You said “something else”");
    await page.conversation("long").click();
    await expectWholeOnce(page);
  });

  it("is read to its end after a reload in another conversation", async () => {
    const page = await suite.open();
    await beginLong(page);
    await page.page.getByRole("button", { name: "New chat" }).first().click();
    await waitFor("the new chat's address", () => !page.page.url().includes("/c/"));
    await page.page.reload();
    await waitFor("the answer's end", async () => (await stillToRead(page)) === 0, 60_000);
    await page.conversation("long").click();
    await expectWholeOnce(page);
  });
});

describe("a server that cannot continue answers", () => {
  const suite = pageSuite();
  let proxy: BrittleProxy;

  afterEach(() => proxy?.stop());

  const openOld = async (): Promise<ChatPage> => {
    proxy = await startProxy(suite.chat.url, {
      rewrite: (body) => body.replace(',"resumable":true', ""),
    });
    return await suite.open(undefined, proxy.url);
  };

  it("gives whole answers too", async () => {
    const page = await openOld();
    const [response] = await Promise.all([page.page.waitForResponse("**/chat"), page.send("long")]);
    expect(response.headers()["x-stream-id"]).toBeUndefined();
    await expectWholeOnce(page);
    await page.reload();
    await expectWholeOnce(page);
  });

  it("stops when the page does", async () => {
    const page = await openOld();
    await page.send("hold at an old server");
    await page.says(BEGINNING);
    await page.stopButton.click();
    await waitFor("the end of the run", () =>
      suite.chat.command.output.includes("cut short: hold at an old server\n"),
    );
    await page.says(/^Stopped/);
  });

  it("cannot mend a broken answer, which can be asked for again", async () => {
    const page = await openOld();
    page.expectComplaints(/net::ERR/);
    await page.send("long");
    await page.says("Sentence 5 says");
    proxy.cut();
    await page.says("The connection ended before the answer did.");
    await page.ended();
    expect(await numbersShown(page)).toContain(5);
    proxy.mend();
    await page.answer.getByRole("button", { name: "Try again" }).click();
    await expectWholeOnce(page);
    await page.answer.getByText("2 / 2").waitFor();
  });

  it("leaves a question that can be asked again after a reload", async () => {
    const page = await openOld();
    await page.send("long");
    await page.says("Sentence 5 says");
    await page.page.reload();
    await page.says("The page was closed before this answer was there.");
    await page.answer.getByRole("button", { name: "Try again" }).click();
    await expectWholeOnce(page);
  });
});
