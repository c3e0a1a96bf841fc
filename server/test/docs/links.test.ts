import path from "node:path";
import { describe, expect, test } from "vitest";
import { anchors, withoutBlocks } from "./markdown.ts";
import { isThere, pages, read } from "./pages.ts";

/** The links and pictures of a page that lead to this repository: `PATH`, `PATH#ANCHOR` or `#ANCHOR`. */
function linksOf(page: string): string[] {
  const links = withoutBlocks(read(page)).matchAll(/\]\(([^()\s]+)\)|\b(?:src|srcset|href)="([^"\s]+)"/g);
  return [...links]
    .map(([, target, attribute = ""]) => target ?? attribute)
    .filter((target) => !/^\w+:/.test(target));
}

/** Whether a link on a page leads to something. */
function resolves(page: string, link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : path.posix.join(path.posix.dirname(page), file);
  if (!isThere(target)) return false;
  return anchor === undefined || anchors(read(target)).includes(anchor);
}

describe("the links of the docs", () => {
  test.each(pages)("lead somewhere: %s", (page) => {
    expect(linksOf(page).filter((link) => !resolves(page, link))).toEqual([]);
  });

  test("are noticed when they lead nowhere", () => {
    expect(resolves("README.md", "docs/settings.md#http-workers")).toBe(true);
    expect(resolves("README.md", "docs/settings.md#nothing")).toBe(false);
    expect(resolves("docs/settings.md", "docs/settings.md")).toBe(false);
  });

  test("lead from the README to every page of docs/", () => {
    const concepts = pages.filter((page) => page.startsWith("docs/"));
    expect(linksOf("README.md")).toEqual(expect.arrayContaining(concepts));
  });
});

test("every npm command that a page names is there", () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/`?npm (?:run ([\w-]+)|(start|test))\b/g)].map(([, run, short]) => run ?? short),
  );
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test", ...named]));
});
