import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { barriers } from "./support/barriers.ts";
import { type ChatPage, DESKTOP, PHONE } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { BEGINNING, SHOWCASE } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

/** In a page: lets no other page read or write the conversations, until this one is closed. */
function keepStoreBusy(): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("tsunicorn-chat");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const store = opening.result.transaction("conversations", "readwrite").objectStore("conversations");
      const goOn = (): void => {
        store.count().onsuccess = () => {
          resolve();
          goOn();
        };
      };
      goOn();
    };
  });
}

/** In a page: keeps `count` conversations, the newest of them the first. */
function fillStore(count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("tsunicorn-chat");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("conversations", "readwrite");
      for (let number = 1; number <= count; number++) {
        const at = Date.now() - number * 60_000;
        const row = {
          id: `old-${number}`,
          title: `Conversation ${number}`,
          createdAt: at,
          lastMessageAt: at,
        };
        transaction.objectStore("conversations").put(row);
      }
      transaction.oncomplete = () => {
        opening.result.close();
        resolve();
      };
    };
  });
}

describe("conversations of the chat page", () => {
  const suite = pageSuite();

  const newChat = (page: ChatPage) => page.page.getByRole("button", { name: "New chat" }).first().click();

  const choose = async (page: ChatPage, title: string, item: string): Promise<void> => {
    await page.conversations.getByRole("button", { name: `More for “${title}”` }).click();
    await page.page.getByRole("menuitem", { name: item }).click();
  };

  const titles = async (page: ChatPage): Promise<string[]> => {
    const names = await page.conversations.getByRole("button").allInnerTexts();
    return names.map((name) => name.trim()).filter((name) => name !== "");
  };

  const openTwo = async (): Promise<ChatPage> => {
    const page = await suite.open();
    await page.ask("the first question");
    await page.conversation("the first question").waitFor();
    await newChat(page);
    expect(await page.questions.count()).toBe(0);
    await page.ask("the second question");
    await page.conversation("the second question").waitFor();
    return page;
  };

  it("are listed, the newest first, opened, and kept over a reload", async () => {
    const page = await openTwo();
    expect(await titles(page)).toEqual(["the second question", "the first question"]);
    await page.conversation("the first question").click();
    await page.says("You said “the first question”");
    expect(await page.questions.count()).toBe(1);
    await page.reload();
    await page.says("You said “the first question”");
    expect(await page.conversation("the first question").getAttribute("aria-current")).toBe("page");
    await page.conversation("the second question").click();
    await page.says("You said “the second question”");
  });

  it("take what is written into the box, once they are there", async () => {
    const page = await openTwo();
    const busy = await page.another(suite.chat.url);
    await busy.page.evaluate(keepStoreBusy);
    await page.page.reload({ waitUntil: "commit" });
    await page.prompt.waitFor();
    expect(await page.prompt.isEditable()).toBe(false);
    const asked = page.ask("the third question");
    await busy.page.close();
    await asked;
    await page.says("You said “the third question”");
    expect(await page.questions.count()).toBe(2);
    expect(await titles(page)).toEqual(["the second question", "the first question"]);
  });

  it("give the page their title, so that tabs can be told apart", async () => {
    const page = await openTwo();
    const titled = (title: string) => waitFor(title, async () => (await page.page.title()) === title);
    await titled("the second question · Tsunicorn chat");
    await page.conversation("the first question").click();
    await titled("the first question · Tsunicorn chat");
    await newChat(page);
    await titled("Tsunicorn chat");
  });

  it("are fifty at first, and more when asked for", async () => {
    const page = await suite.open();
    await page.page.evaluate(fillStore, 60);
    await page.page.reload();
    const older = page.conversations.getByRole("button", { name: "Show older ones" });
    await older.waitFor();
    expect(await page.conversation("Conversation 50").count()).toBe(1);
    expect(await page.conversation("Conversation 51").count()).toBe(0);
    expect(await barriers(page)).toEqual([]);
    await older.click();
    await page.conversation("Conversation 60").waitFor();
    expect(await older.count()).toBe(0);
    expect(await barriers(page)).toEqual([]);
  });

  it("stay hidden after a reload where people hid them", async () => {
    const page = await openTwo();
    await page.page.getByRole("button", { name: "Hide the sidebar" }).click();
    await page.page.reload();
    await page.says("You said “the second question”");
    expect(await page.conversations.count()).toBe(0);
    await page.page.getByRole("button", { name: "Show the sidebar" }).click();
    await page.conversation("the first question").waitFor();
  });

  it("are steps that Back and Forward go over", async () => {
    const page = await openTwo();
    await page.conversation("the first question").click();
    await page.says("You said “the first question”");
    await page.page.goBack();
    await page.says("You said “the second question”");
    await page.page.goForward();
    await page.says("You said “the first question”");
  });

  it("are renamed, and keep their name", async () => {
    const page = await openTwo();
    const field = page.page.getByRole("textbox", { name: "Name of the conversation" });
    await choose(page, "the first question", "Rename");
    await field.fill("not this one");
    await field.press("Escape");
    await page.conversation("the first question").waitFor();
    await choose(page, "the first question", "Rename");
    await field.fill("  About firsts  ");
    await field.press("Enter");
    await page.conversation("About firsts").waitFor();
    await page.reload();
    await page.conversation("About firsts").click();
    await page.says("You said “the first question”");
    await page.ask("one more");
    await page.conversation("About firsts").waitFor();
    expect((await titles(page)).sort()).toEqual(["About firsts", "the second question"]);
  });

  it("are deleted after a question, for good", async () => {
    const page = await openTwo();
    const dialog = page.page.getByRole("dialog", { name: "Delete conversation" });
    await choose(page, "the second question", "Delete");
    await dialog.getByRole("button", { name: "Keep" }).click();
    await page.conversation("the second question").waitFor();
    await choose(page, "the second question", "Delete");
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.conversation("the second question").waitFor({ state: "detached" });
    await waitFor("an empty page", async () => (await page.questions.count()) === 0);
    await page.reload();
    await page.conversation("the first question").waitFor();
    expect(await titles(page)).toEqual(["the first question"]);
  });

  it("stop on the server when they are deleted in mid-answer", async () => {
    const page = await suite.open();
    await page.send("hold until it is deleted");
    await page.says(BEGINNING);
    await choose(page, "hold until it is deleted", "Delete");
    await page.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await waitFor("the end of the run", () =>
      suite.chat.command.output.includes("cut short: hold until it is deleted\n"),
    );
    // What had been said of it was still on its way to the store: it brings nothing back.
    await page.ask("a question of a new conversation");
    await page.reload();
    await page.conversation("a question of a new conversation").waitFor();
    expect(await titles(page)).toEqual(["a question of a new conversation"]);
  });

  it("are exported as Markdown, with what was really said", async () => {
    const page = await suite.open();
    await page.ask('show <me> "everything", it\'s: 50/50');
    await page.ask("two\nlines");
    const second = await page.copied();
    const [download] = await Promise.all([
      page.page.waitForEvent("download"),
      choose(page, 'show <me> "everything", it\'s: 50/50', "Export"),
    ]);
    expect(download.suggestedFilename()).toBe("show-me-everything-its-5050.md");
    const title = 'show <me> "everything", it\'s: 50/50';
    expect(readFileSync(await download.path(), "utf8")).toBe(
      `# ${title}\n\n## You\n\n${title}\n\n## Answer\n\n${SHOWCASE.trim()}\n\n## You\n\ntwo\nlines\n\n## Answer\n\n${second}\n`,
    );
  });

  it("are the same in two tabs", async () => {
    const page = await suite.open();
    await page.ask("the first question");
    const other = await page.another(suite.chat.url);
    await choose(other, "the first question", "Rename");
    const field = other.page.getByRole("textbox", { name: "Name of the conversation" });
    await field.fill("Renamed elsewhere");
    await field.press("Enter");
    await page.conversation("Renamed elsewhere").waitFor();
    await choose(other, "Renamed elsewhere", "Delete");
    await other.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await waitFor("an empty page", async () => (await page.questions.count()) === 0);
  });

  it("that another tab deleted do not come back with Back", async () => {
    const page = await openTwo();
    await page.conversation("the first question").click();
    await page.says("You said “the first question”");
    page.expectComplaints(/There is no conversation/);
    const other = await page.another(suite.chat.url);
    await choose(other, "the first question", "Delete");
    await other.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    const welcome = page.page.getByRole("heading", { name: "What would you like to know?" });
    await welcome.waitFor();
    await page.page.goBack();
    await page.conversation("the second question").waitFor();
    await waitFor("the address of a new chat", () => !page.page.url().includes("/c/"));
    await welcome.waitFor();
    expect(await page.questions.count()).toBe(0);
  });

  it("that are not in this browser leave an empty page", async () => {
    const page = await suite.open(DESKTOP, `${suite.chat.url}/#/c/not-there`);
    page.expectComplaints(/There is no conversation not-there/);
    await page.page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
    await page.ask("hello");
    await page.says("You said “hello”");
  });

  it("are forgotten where the browser keeps nothing, which the page says", async () => {
    const page = await suite.open();
    await page.page
      .context()
      .addInitScript(() => Object.defineProperty(window, "indexedDB", { value: undefined }));
    await page.page.reload();
    await page.ask("hello");
    await page.says("You said “hello”");
    await page.page.getByText("This browser keeps no chats: a reload forgets them.").waitFor();
    await page.page.reload();
    await page.page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  });

  it("are in a drawer on a phone, which closes when one is opened", async () => {
    const page = await suite.open(PHONE);
    await page.ask("the first question");
    await newChat(page);
    const drawer = page.page.getByRole("dialog", { name: "Conversations" });
    expect(await drawer.isVisible()).toBe(false);
    await page.page.getByRole("button", { name: "Open the conversations" }).tap();
    await drawer.getByRole("button", { name: "the first question", exact: true }).tap();
    await page.says("You said “the first question”");
    expect(await drawer.isVisible()).toBe(false);
    await page.page.getByRole("button", { name: "Open the conversations" }).tap();
    await page.page.keyboard.press("Escape");
    await drawer.waitFor({ state: "hidden" });
  });
});
