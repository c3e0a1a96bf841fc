import type { Locator } from "playwright-core";
import { describe, expect, it } from "vitest";
import { type ChatPage, DESKTOP } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { startProxy } from "./support/proxy.ts";
import { BEGINNING } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

function isFocused(field: Locator): Promise<boolean> {
  return field.evaluate((node) => node === document.activeElement);
}

describe("writing on the chat page", () => {
  const suite = pageSuite();

  const stopped = (prompt: string) =>
    waitFor("the end of the run on the server", () =>
      suite.chat.command.output.includes(`cut short: ${prompt}\n`),
    );

  it.each([
    ["the stop button", (page: ChatPage) => page.stopButton.click()],
    ["Esc", (page: ChatPage) => page.page.keyboard.press("Escape")],
  ])("stops an answer with %s, on the server too, and goes on", async (name, stop) => {
    const page = await suite.open();
    const prompt = `hold on, ${name}`;
    const [response] = await Promise.all([page.page.waitForResponse("**/chat"), page.send(prompt)]);
    await page.says(BEGINNING);
    expect(suite.chat.command.output).not.toContain(`cut short: ${prompt}`);
    await stop(page);
    await page.ended();
    await stopped(prompt);
    await page.says(/^Stopped/);
    const stream = await fetch(`${suite.chat.url}/chat/streams/${response.headers()["x-stream-id"]}`);
    expect([404, 410]).toContain(stream.status);

    await page.ask("next");
    await page.says("You said “next”");
    await page.reload();
    await page.says(/^Stopped/, page.answers.first());
    expect(await page.answers.count()).toBe(2);
  });

  it("stops an answer once, though the server's word of that is lost and the browser asks again by itself", async () => {
    let asked = 0;
    const proxy = await startProxy(suite.chat.url, {
      loses: (method) => method === "DELETE" && ++asked === 1,
    });
    try {
      const page = await suite.open(DESKTOP, proxy.url);
      await page.send("hold until the word is lost");
      await page.says(BEGINNING);
      page.expectComplaints(/ERR_EMPTY_RESPONSE/);
      await page.stopButton.click();
      await page.says(/^Stopped/);
      await stopped("hold until the word is lost");
      await waitFor("the second request", () => asked === 2);
    } finally {
      await proxy.stop();
    }
  });

  it("stops an answer that has not begun to come", async () => {
    const page = await suite.open();
    await page.page.route("**/chat", () => undefined);
    await page.send("hello");
    await page.page.keyboard.press("Escape");
    await page.ended();
    await page.says(/^Stopped/);
  });

  it("answers again, and goes through the versions", async () => {
    const page = await suite.open();
    await page.ask("first question");
    const first = await page.copied();
    await page.answer.getByRole("button", { name: "Answer again" }).click();
    await page.answer.getByRole("group", { name: "Versions" }).getByText("2 / 2").waitFor();
    await page.ended();
    const second = await page.copied();
    expect(second).not.toBe(first);
    expect(await page.answers.count()).toBe(1);
    await page.answer.getByRole("button", { name: "Previous version" }).click();
    expect(await page.copied()).toBe(first);
    await page.reload();
    await page.answer.getByText("1 / 2").waitFor();
    expect(await page.copied()).toBe(first);
    await page.answer.getByRole("button", { name: "Next version" }).click();
    expect(await page.copied()).toBe(second);
  });

  it("edits a question, sends it again, and keeps both conversations that follow", async () => {
    const page = await suite.open();
    await page.ask("what is red?");
    await page.ask("and what is green?");
    const first = page.questions.first();
    await first.getByRole("button", { name: "Edit this message" }).click();
    const field = page.page.getByRole("textbox", { name: "Edit your message" });
    await field.fill("what is blue?");
    await field.press("Enter");
    await page.says("You said “what is blue?”");
    await page.ended();
    expect(await page.questions.count()).toBe(1);
    await page.question.getByText("2 / 2").waitFor();
    await page.question.getByRole("button", { name: "Previous version" }).click();
    await page.says("You said “and what is green?”");
    expect(await page.questions.count()).toBe(2);
  });

  it("stays with the version whose answer comes until that has ended, so that nothing ends it unseen", async () => {
    const page = await suite.open();
    await page.ask("what is red?");
    await page.question.getByRole("button", { name: "Edit this message" }).click();
    const field = page.page.getByRole("textbox", { name: "Edit your message" });
    await field.fill("hold the second version");
    await field.press("Enter");
    await page.says(BEGINNING);
    const previous = page.question.getByRole("button", { name: "Previous version" });
    expect(await previous.isDisabled()).toBe(true);
    await page.stopButton.click();
    await page.ended();
    await previous.click();
    await page.says("You said “what is red?”");
    await page.ask("and green?");
    expect(await page.questions.count()).toBe(2);
  });

  it("leaves a question as it was when editing is given up", async () => {
    const page = await suite.open();
    await page.ask("what is red?");
    await page.question.getByRole("button", { name: "Edit this message" }).click();
    const field = page.page.getByRole("textbox", { name: "Edit your message" });
    await field.fill("what is blue?");
    await page.page.getByRole("button", { name: "Cancel" }).click();
    await page.question.getByText("what is red?").waitFor();
    expect(await page.answers.count()).toBe(1);
  });

  it("edits the last question with ↑ where nothing is written yet", async () => {
    const page = await suite.open();
    await page.ask("what is red?");
    await page.prompt.fill("half a question");
    await page.prompt.press("ArrowUp");
    const field = page.page.getByRole("textbox", { name: "Edit your message" });
    expect(await field.count()).toBe(0);
    await page.prompt.fill("");
    await page.prompt.press("ArrowUp");
    await field.waitFor();
    await waitFor("the focus", () => isFocused(field));
    await page.page.keyboard.press("End");
    await page.page.keyboard.type(" And why?");
    await page.page.keyboard.press("Enter");
    await page.says("You said “what is red? And why?”");
  });

  it("copies a question as it was written", async () => {
    const page = await suite.open();
    await page.ask("one *two*\n\n  three");
    await page.question.hover();
    expect(await page.copied(page.question)).toBe("one *two*\n\n  three");
  });

  it("adds a line with Shift+Enter, and sends with Enter", async () => {
    const page = await suite.open();
    await page.prompt.pressSequentially("one");
    await page.prompt.press("Shift+Enter");
    await page.prompt.pressSequentially("two");
    expect(await page.prompt.inputValue()).toBe("one\ntwo");
    expect(await page.questions.count()).toBe(0);
    await page.prompt.press("Enter");
    await page.says("You said “one two”");
    expect(await page.question.getByText("one").innerText()).toBe("one\ntwo");
    expect(await page.prompt.inputValue()).toBe("");
    expect(await isFocused(page.prompt)).toBe(true);
  });

  it("sends nothing that is empty or white", async () => {
    const page = await suite.open();
    const sent: string[] = [];
    page.page.on("request", (request) => sent.push(request.method()));
    await page.prompt.press("Enter");
    expect(await page.prompt.inputValue()).toBe("");
    await page.prompt.fill(" \n ");
    await page.prompt.press("Enter");
    expect(await page.page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    expect(await page.questions.count()).toBe(0);
    expect(sent).toEqual([]);
  });

  it("takes Enter as a choice of the keyboard's while a word is composed, not as the end of the message", async () => {
    const page = await suite.open();
    const keys = await page.page.context().newCDPSession(page.page);
    await page.prompt.focus();
    const compose = { text: "にほん", selectionStart: 3, selectionEnd: 3 };
    await keys.send("Input.imeSetComposition", compose);
    // So an Enter comes that the keyboard's own window of choices takes.
    const enter = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 };
    await keys.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...enter });
    await keys.send("Input.dispatchKeyEvent", { type: "keyUp", ...enter });
    expect(await page.questions.count()).toBe(0);
    await keys.send("Input.insertText", { text: "日本" });
    expect(await page.prompt.inputValue()).toBe("日本");
    await page.page.keyboard.press("Enter");
    await page.says("You said “日本”");
  });

  it("keeps what is written while an answer comes, and sends it when that has ended", async () => {
    const page = await suite.open();
    await page.send("hold");
    await page.says(BEGINNING);
    await page.prompt.fill("next question");
    await page.prompt.press("Enter");
    expect(await page.prompt.inputValue()).toBe("next question");
    expect(await page.questions.count()).toBe(1);
    await page.page.keyboard.press("Escape");
    await page.ended();
    await page.prompt.press("Enter");
    await page.says("You said “next question”");
  });

  it("keeps a question as it is edited while an answer comes, and sends it when that has ended", async () => {
    const page = await suite.open();
    await page.ask("what is red?");
    await page.send("hold");
    await page.says(BEGINNING);
    await page.questions.first().getByRole("button", { name: "Edit this message" }).click();
    const field = page.page.getByRole("textbox", { name: "Edit your message" });
    await field.fill("what is blue?");
    await field.press("Enter");
    expect(await field.inputValue()).toBe("what is blue?");
    await page.stopButton.click();
    await page.ended();
    await field.press("Enter");
    await page.says("You said “what is blue?”");
  });
});
