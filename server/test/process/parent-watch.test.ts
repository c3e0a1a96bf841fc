import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const WATCH = new URL("../../dist/process/parent-watch.js", import.meta.url).href;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  writeFileSync(
    join(folder, "child.mjs"),
    `import { writeFileSync } from "node:fs";
     import { onParentGone } from ${JSON.stringify(WATCH)};
     onParentGone(() => { writeFileSync("gone", String(process.pid)); process.exit(); });
     setInterval(() => {}, 1000);
     process.send?.("ready", () => {});`,
  );
  writeFileSync(
    join(folder, "parent.mjs"),
    `import { fork } from "node:child_process";
     const child = fork("./child.mjs");
     child.once("message", () => process.send(child.pid));
     setInterval(() => {}, 1000);`,
  );
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function told(): Promise<string> {
  const until = Date.now() + 5000;
  for (;;) {
    try {
      const text = readFileSync(join(folder, "gone"), "utf8");
      if (text !== "") return text;
    } catch {
      // Not yet.
    }
    if (Date.now() > until) throw new Error("the child was not told");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a child is told when its parent was killed", async () => {
  const parent = fork(join(folder, "parent.mjs"), { cwd: folder });
  const child = await new Promise((resolve) => parent.once("message", resolve));
  parent.kill("SIGKILL");
  expect(await told()).toBe(String(child));
});

test("a child whose parent was gone before it asked is told too", async () => {
  const child = fork(join(folder, "child.mjs"), { cwd: folder });
  child.disconnect();
  expect(await told()).toBe(String(child.pid));
});
