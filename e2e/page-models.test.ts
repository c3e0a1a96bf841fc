import { describe, expect, it } from "vitest";
import type { ChatPage } from "./support/chat-page.ts";
import { pageSuite, testModel } from "./support/page-suite.ts";
import { BEGINNING } from "./support/texts.ts";

const choice = (page: ChatPage) => page.page.getByRole("combobox", { name: "Model" });

describe("a chat page with several models", () => {
  const models = [
    testModel("lonely", "told-app.ts", "LonelyApp"),
    testModel("told", "told-app.ts", "ToldApp"),
  ];
  const suite = pageSuite({ CHAT_MODELS: models.join(",") });

  it("lets people choose one, remembers it, and asks it", async () => {
    const page = await suite.open();
    await choice(page).waitFor();
    expect(await choice(page).getByRole("option").allInnerTexts()).toEqual(["lonely", "told"]);
    expect(await choice(page).inputValue()).toBe("lonely");
    const asked = async (text: string): Promise<unknown> => {
      const [request] = await Promise.all([page.page.waitForRequest("**/chat"), page.ask(text)]);
      const body: { model?: unknown } = request.postDataJSON();
      return body.model;
    };
    expect(await asked("one")).toBeUndefined();
    await choice(page).selectOption("told");
    expect(await asked("two")).toBe("told");
    await page.reload();
    await choice(page).waitFor();
    expect(await choice(page).inputValue()).toBe("told");
    expect(await asked("three")).toBe("told");
    await page.says("You said “three”");
  });

  it("says at which place of its queue a question waits", async () => {
    const page = await suite.open();
    await page.send("hold one");
    await page.says(BEGINNING);
    const second = await page.another(suite.chat.url);
    await second.send("hold two");
    await second.says("Next in the queue");
    const third = await page.another(suite.chat.url);
    await third.send("three");
    await third.says("Place 2 in the queue");
    const spoken = third.page.locator("[aria-live=polite]");
    await spoken.getByText("Place 2 in the queue").waitFor();

    await page.stopButton.click();
    await second.says(BEGINNING);
    expect(await second.answer.getByText("Next in the queue").count()).toBe(0);
    await third.says("Next in the queue");
    await spoken.getByText("Next in the queue").waitFor();
    // A user who leaves the queue makes room, too.
    await second.stopButton.click();
    await third.says("You said “three”");
    await third.ended();
  });

  it("leaves the queue when it is stopped there", async () => {
    const page = await suite.open();
    await page.send("hold the place");
    await page.says(BEGINNING);
    const second = await page.another(suite.chat.url);
    await second.send("hold the queue");
    await second.says("Next in the queue");
    await second.stopButton.click();
    await second.says(/^Stopped/);
    const third = await page.another(suite.chat.url);
    await third.send("three");
    await third.says("Next in the queue");
    await page.stopButton.click();
    await third.says("You said “three”");
    expect(suite.chat.command.output).not.toContain("cut short: hold the queue");
  });
});

describe("a chat page with one model", () => {
  const suite = pageSuite();

  it("has no choice to offer", async () => {
    const page = await suite.open();
    await page.ask("hello");
    expect(await choice(page).count()).toBe(0);
  });
});
