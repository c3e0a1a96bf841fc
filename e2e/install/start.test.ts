import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../server/test/integration/free-port.ts";
import { ask } from "../support/chat.ts";
import { Command, hasRegistry, repository, runCommand, untilReady } from "../support/command.ts";
import { copyContext } from "../support/dockerfile.ts";
import { survivors } from "../support/survivors.ts";

const NOT_IN_A_CLONE = /(^|\/)(node_modules|dist|\.git|\.cache)(\/|$)/;

describe("a fresh clone", () => {
  let clone: string;
  let missing: string | undefined;

  beforeAll(async () => {
    clone = mkdtempSync(join(tmpdir(), "tsunicorn-clone-"));
    copyContext(repository, clone, (path) => NOT_IN_A_CLONE.test(path));
    if (!(await hasRegistry())) missing = "the npm registry cannot be reached";
  });

  afterAll(() => rmSync(clone, { recursive: true, force: true }));

  /** npm start with flags, as a person types it, until the chat is ready. */
  async function start(...flags: string[]): Promise<{ url: string; npm: Command; seconds: number }> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const began = performance.now();
    const npm = new Command("npm", ["start", "--", "--bind", `127.0.0.1:${port}`, ...flags], {
      cwd: clone,
      // What this machine has installed before is not fetched again.
      env: { CHAT_TOKEN_DELAY_MS: "0", npm_config_prefer_offline: "true" },
    });
    await untilReady(npm, url, 240_000).catch((error: unknown) => {
      npm.clear();
      throw error;
    });
    return { url, npm, seconds: (performance.now() - began) / 1000 };
  }

  it("serves the chat after npm start, with nothing done before, and passes flags on", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const { url, npm } = await start("--workers", "1");
    try {
      expect(npm.output).toMatch(
        /Installing packages \.\.\. [\d.]+ s\nBuilding server, chat, web \.\.\. [\d.]+ s\n/,
      );
      expect(await ask(url, "hello")).toMatch(/^Hello!/);
      expect(await fetch(url).then((response) => response.text())).toContain("<title>Tsunicorn chat</title>");
      const httpWorkers = npm.output.match(/http worker \d+ is ready/g);
      expect(httpWorkers).toHaveLength(1);

      npm.signal("SIGTERM");
      expect(await npm.ended).toBe(0);
      expect(survivors(npm.output)).toEqual([]);
    } finally {
      npm.clear();
    }
  });

  it("installs and builds nothing on the second start, and ends on Ctrl-C", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const { url, npm } = await start();
    try {
      expect(npm.output).not.toMatch(/Installing|Building|Waiting/);
      expect(await ask(url, "hello")).toMatch(/^Hello!/);
      // The terminal sends it to all of them, and npm passes its own on: the arbiter may get two for one key.
      npm.signalGroup("SIGINT");
      expect(await npm.ended).toBe(0);
      expect(npm.output).not.toContain("by force");
      expect(survivors(npm.output)).toEqual([]);
    } finally {
      npm.clear();
    }
  });

  it("builds again what changed, and drops the output of a source that is gone", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const source = join(clone, "server/src/temporary.ts");
    const output = join(clone, "server/dist/temporary.js");
    const build = () => runCommand(process.execPath, ["scripts/build.mjs"], { cwd: clone });
    writeFileSync(source, "export const temporary = true;\n");
    expect(await build()).toMatch(/^Building server \.\.\./);
    expect(existsSync(output)).toBe(true);
    rmSync(source);
    expect(await build()).toMatch(/^Building server \.\.\./);
    expect(existsSync(output)).toBe(false);
    rmSync(join(clone, "chat/dist"), { recursive: true });
    expect(await build()).toMatch(/^Building chat \.\.\./);
    expect(await build()).toBe("");
  });

  it("builds once when two commands start at the same time", async ({ skip }) => {
    skip(missing !== undefined, missing);
    appendFileSync(join(clone, "chat/src/sse.ts"), "// changed\n");
    const build = () => runCommand(process.execPath, ["scripts/build.mjs"], { cwd: clone });
    const outputs = await Promise.all([build(), build(), build()]);
    expect(outputs.filter((output) => output.includes("Building chat"))).toHaveLength(1);
    expect(readdirSync(join(clone, ".cache")).filter((name) => name.includes("lock"))).toEqual([]);
  });

  it("says in a line what is wrong with a source that cannot be compiled", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const source = join(clone, "chat/src/broken.ts");
    writeFileSync(source, "export const broken = ;\n");
    const build = new Command(process.execPath, ["scripts/build.mjs"], { cwd: clone });
    expect(await build.ended).not.toBe(0);
    expect(build.output).toContain("chat/src/broken.ts(1,23): error TS1109: Expression expected.");
    expect(build.output).toContain("Compiling chat failed");
    rmSync(source);
  });
});
