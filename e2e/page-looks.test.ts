import { describe, expect, it } from "vitest";
import { barriers } from "./support/barriers.ts";
import { type ChatPage, DESKTOP, PHONE } from "./support/chat-page.ts";
import { pageSuite } from "./support/page-suite.ts";
import { BEGINNING } from "./support/texts.ts";
import { waitFor } from "./support/wait.ts";

const SIZES = [
  ["a phone", PHONE],
  ["a desktop", DESKTOP],
] as const;
const MATRIX = SIZES.flatMap(([size, options]) =>
  (["light", "dark"] as const).map((theme) => [size, theme, options] as const),
);

/** Where a box stands in the window: its edges. */
async function edges(page: ChatPage, name: string) {
  const box = await page.page.getByRole("button", { name, exact: true }).boundingBox();
  if (box === null) throw new Error(`${name} is not there`);
  return { left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

async function expectToFit(page: ChatPage, where: string): Promise<void> {
  expect(await page.overflow(), `sideways scroll ${where}`).toBe(0);
  const size = page.page.viewportSize();
  const name = (await page.stopButton.isVisible()) ? "Stop" : "Send";
  const { left, top, right, bottom } = await edges(page, name);
  expect(left, where).toBeGreaterThan(0);
  expect(top, where).toBeGreaterThan((size?.height ?? 0) / 2);
  expect(right, where).toBeLessThanOrEqual(size?.width ?? 0);
  expect(bottom, where).toBeLessThanOrEqual(size?.height ?? 0);
}

describe("the look of the chat page", () => {
  const suite = pageSuite();

  it.each(MATRIX)("on %s, %s, is accessible and fits", async (size, theme, options) => {
    const page = await suite.open({ ...options, colorScheme: theme, reducedMotion: "reduce" });
    const expectGood = async (where: string): Promise<void> => {
      await expectToFit(page, where);
      expect(await barriers(page), where).toEqual([]);
    };
    await expectGood("before the first question");

    await page.ask("show");
    await page.answer.getByRole("button", { name: "Copy code" }).waitFor();
    await expectGood("after a long answer");

    await page.ask("fail");
    await page.says("The model failed to answer.");
    await expectGood("after a failure");

    await page.send("hold");
    await page.says(BEGINNING);
    await expectGood("while an answer comes");

    if (size === "a phone") await page.page.getByRole("button", { name: "Open the conversations" }).tap();
    await page.conversation("show").waitFor();
    expect(await barriers(page), "with the conversations").toEqual([]);
    await page.conversations.getByRole("button", { name: "More for “show”" }).click();
    await page.page.getByRole("menuitem", { name: "Rename" }).waitFor();
    expect(await barriers(page), "with an open menu").toEqual([]);
    await page.page.getByRole("menuitem", { name: "Delete" }).click();
    await page.page.getByRole("button", { name: "Keep" }).waitFor();
    expect(await barriers(page), "with a dialog").toEqual([]);
    await page.page.getByRole("button", { name: "Keep" }).click();
    if (size === "a phone") await page.page.getByRole("button", { name: "Close", exact: true }).tap();
    await page.page.keyboard.press("Escape");
    await page.ended();
  });

  it.each([320, 768, 1920, 2560])("fits a window %i pixels wide", async (width) => {
    const page = await suite.open({ viewport: { width, height: 700 } });
    await expectToFit(page, "empty");
    await page.ask("show");
    await expectToFit(page, "with an answer");
  });

  const background = (page: ChatPage) =>
    page.page.evaluate(() => {
      const canvas = document.createElement("canvas").getContext("2d");
      if (canvas === null) throw new Error("there is no canvas");
      canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0] = canvas.getImageData(0, 0, 1, 1).data;
      return red + green + blue < 3 * 128 ? "dark" : "light";
    });

  /** The colour that the browser gives its own bars around the page. */
  const barColour = (page: ChatPage) =>
    page.page.evaluate(() => {
      const metas = [...document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")];
      return metas.find(({ media }) => matchMedia(media).matches)?.content;
    });

  it("is light or dark as the system says, at once when that changes", async () => {
    const page = await suite.open({ ...DESKTOP, colorScheme: "dark" });
    expect(await background(page)).toBe("dark");
    await page.page.emulateMedia({ colorScheme: "light" });
    await waitFor("light", async () => (await background(page)) === "light");
  });

  it("is light or dark as people choose by hand, also after a reload", async () => {
    const page = await suite.open({ ...DESKTOP, colorScheme: "light" });
    const choose = (name: string) => page.page.getByRole("radio", { name }).check({ force: true });
    const light = await barColour(page);
    await choose("Dark");
    expect(await background(page)).toBe("dark");
    const dark = await barColour(page);
    expect(dark).not.toBe(light);
    await page.page.reload();
    await page.prompt.waitFor();
    expect(await background(page)).toBe("dark");
    expect(await barColour(page)).toBe(dark);
    expect(await page.page.getByRole("radio", { name: "Dark" }).isChecked()).toBe(true);
    await page.page.emulateMedia({ colorScheme: "dark" });
    await choose("Light");
    expect(await background(page)).toBe("light");
    expect(await barColour(page)).toBe(light);
    await choose("As the system");
    expect(await background(page)).toBe("dark");
    expect(await barColour(page)).toBe(dark);
  });

  it("follows the end of an answer, unless the reader has scrolled up", async () => {
    const page = await suite.open({ viewport: { width: 800, height: 500 } });
    await page.send("long");
    await page.says("Sentence 30 says");
    const newest = page.answer.getByText(/Sentence \d+ says/).last();
    await waitFor("the end in the window", async () => {
      const box = await newest.boundingBox();
      return box !== null && box.y < 500;
    });
    await page.page.mouse.move(400, 200);
    await page.page.mouse.wheel(0, -3000);
    const toEnd = page.page.getByRole("button", { name: "Go to the end" });
    await waitFor("the way back", () => toEnd.isEnabled());
    const top = (await page.question.boundingBox())?.y;
    await page.ended();
    expect((await page.question.boundingBox())?.y).toBe(top);
    await toEnd.click();
    await waitFor("the end", async () => ((await page.question.boundingBox())?.y ?? 0) < 0);
  });

  it("moves nothing for people who asked for that", async () => {
    const page = await suite.open({ ...DESKTOP, reducedMotion: "reduce" });
    const moving = () =>
      page.page.evaluate(
        () => document.getAnimations().filter(({ playState }) => playState === "running").length,
      );
    await page.send("hold");
    await page.says(BEGINNING);
    expect(await moving()).toBe(0);
    await page.page.getByText("Thinking", { exact: true }).click();
    expect(await moving()).toBe(0);
    await page.page.emulateMedia({ reducedMotion: "no-preference" });
    await waitFor("the cursor", async () => (await moving()) > 0);
  });
});
