import path from "node:path";
import { describe, expect, test } from "vitest";
import { WINDOW } from "../../src/protocol/window.ts";
import { codeSpans, tableRows, withoutBlocks } from "./markdown.ts";
import { foldersIn, isThere, read, sourcesIn } from "./pages.ts";

const page = withoutBlocks(read("ARCHITECTURE.md"));
const PATH = /^[\w@.-]*(\/[\w@.-]+)*(\/|\.(ts|mjs|js|json|yaml|md))$/;
const baseNames = new Set(sourcesIn("server/src").map((file) => path.basename(file)));

/**
 * Where a path of the page is: from the root, from `server/src`, or from the folder that its row or item speaks
 * of first, or beside that. A name alone may be that of any file of the server.
 */
function find(name: string, folder: string): string | undefined {
  const found = ["", "server/src", folder, path.posix.dirname(folder)]
    .map((base) => path.posix.join(base, name))
    .find(isThere);
  return found ?? (baseNames.has(name) ? "" : undefined);
}

/** The paths of a paragraph or a row that lead nowhere. */
function lost(text: string): string[] {
  let folder = "";
  return codeSpans(text)
    .filter((code) => PATH.test(code))
    .filter((name) => {
      const found = find(name, folder);
      if (found && folder === "") folder = found.endsWith("/") ? found : path.posix.dirname(found);
      return found === undefined;
    });
}

describe("ARCHITECTURE.md", () => {
  const rows = tableRows(page, "folder", "what is in it");
  const named = rows.flatMap(([cell = ""]) => codeSpans(cell));

  test("names only files and folders that are there", () => {
    const parts = page.split(/\n\n|\n(?=\||\d\. )/);
    expect(parts.flatMap(lost)).toEqual([]);
    expect(lost("`protocol/gone.ts` and `dirty/call.ts`, `nothing.ts`, `link.ts`")).toEqual([
      "protocol/gone.ts",
      "nothing.ts",
      "link.ts",
    ]);
  });

  test("has a row for every folder of the server", () => {
    const folders = foldersIn("server/src").map((name) => `server/src/${name}/`);
    expect(named).toEqual(expect.arrayContaining(folders));
  });

  test("names every folder of the chat", () => {
    const row = rows.find(([cell]) => cell === "`chat/src/`")?.[1] ?? "";
    expect(codeSpans(row)).toEqual(expect.arrayContaining(foldersIn("chat/src").map((name) => `${name}/`)));
  });

  test("says how large a stream's window is", () => {
    expect(page).toContain(`A window of ${WINDOW / 1024} KiB a stream`);
  });
});

test("server/test mirrors server/src", () => {
  const mirrored = foldersIn("server/test").filter(
    (name) => !["docs", "integration", "python", "vectors", "worker-contract"].includes(name),
  );
  expect(foldersIn("server/src")).toEqual(expect.arrayContaining(mirrored));
});
