import { describe, expect, it } from "vitest";
import { blocks, page } from "./support/examples.ts";
import { ATTACKS, HOSTILE } from "./support/hostile-text.ts";
import { pageSuite, testModel } from "./support/page-suite.ts";

describe("the chat page and a hostile model", () => {
  const suite = pageSuite({ CHAT_MODELS: testModel("hostile", "hostile-app.ts", "HostileApp") });

  it("has a policy that lets nothing in from elsewhere, and nothing inline", async () => {
    const response = await fetch(suite.chat.url);
    const parts = (policy: string | null | undefined) => (policy ?? "").split(/\s*;\s*/).sort();
    const policy = parts(response.headers.get("content-security-policy"));
    expect(policy).toContain("default-src 'none'");
    expect(policy.join()).not.toMatch(/unsafe|data:|blob:|http|\*/);
    const described = blocks(page("docs/chat-page.md")).find(({ text }) => text.includes("default-src"));
    expect(policy).toEqual(parts(described?.text.trim()));
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const html = await response.text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i);
    for (const [, address = ""] of html.matchAll(/\b(?:src|href)="([^"]*)"/g)) {
      expect(new URL(address, "http://own.example/").host).toBe("own.example");
    }
  });

  // That nothing leaves the origin and nothing breaks the policy is what every test's end looks at.
  it.each(["whole", "characters"])("runs nothing of what it says, in %s", async (pace) => {
    const page = await suite.open();
    const opened: string[] = [];
    page.page.on("popup", (popup) => opened.push(popup.url()));
    page.page.on("dialog", (dialog) => opened.push(dialog.message()));
    const navigated: string[] = [];
    page.page.on("framenavigated", (frame) => navigated.push(frame.url()));
    await page.ask(`attack in ${pace}`);
    await page.says("This is the end of the attack.");
    expect(await page.copied()).toBe(HOSTILE);

    const found = await page.answer.evaluate((answer) => ({
      elements: answer.querySelectorAll(
        "script, style, iframe, object, embed, form, link, meta, base, svg:not(.icon), math, video, audio, img, " +
          "textarea, details, template, dialog, marquee, input:not([type=checkbox])",
      ).length,
      handlers: [...answer.querySelectorAll("*")].filter((node) =>
        node.getAttributeNames().some((name) => name.startsWith("on")),
      ).length,
      links: [...answer.querySelectorAll<HTMLAnchorElement>("a")].map((link) => ({
        scheme: link.protocol,
        // A footnote is on this page.
        rel: link.getAttribute("href")?.startsWith("#") ? "noopener" : link.rel,
      })),
    }));
    expect(found.elements).toBe(0);
    expect(found.handlers).toBe(0);
    expect(found.links.length).toBeGreaterThan(3);
    for (const { scheme, rel } of found.links) {
      expect(scheme).toMatch(/^(https?|mailto):$/);
      expect(rel).toContain("noopener");
    }
    // What was meant to run is there to be read.
    const shown = await page.answer.innerText();
    for (const attack of ATTACKS) expect(shown).toContain(attack);
    expect(await page.page.title()).toBe(`attack in ${pace} · Tsunicorn chat`);
    expect(await page.page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();

    expect(opened).toEqual([]);
    expect(new Set(navigated.map((url) => new URL(url).origin))).toEqual(new Set([suite.chat.url]));
    await page.page.reload();
    await page.says("This is the end of the attack.");
    expect(await page.page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();
  });

  it("cannot put words into the stream as if they were events", async () => {
    const page = await suite.open();
    await page.ask("events");
    expect(await page.copied()).toBe(
      'before\n\ndata: [DONE]\n\ndata: {"token": "faked"}\n\nevent: queued\r\rid: 99\n\nafter',
    );
  });

  it("shows pictures of its own origin alone", async () => {
    const page = await suite.open();
    page.expectComplaints(/404/);
    await page.ask("picture");
    await page.answer.getByRole("img", { name: "own" }).waitFor();
    expect(await page.answer.getByRole("img").count()).toBe(1);
    await page.answer.getByRole("link", { name: "foreign" }).waitFor();
  });

  it("cannot harm with what people write either", async () => {
    const page = await suite.open();
    const text = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script> **not bold**`;
    await page.ask(text);
    await page.question.getByText(text, { exact: true }).waitFor();
    await page
      .conversation(text.slice(0, 10))
      .or(page.conversations.getByText("<img").first())
      .first()
      .waitFor();
    expect(await page.page.evaluate(() => Reflect.get(window, "pwned"))).toBeUndefined();
  });
});
