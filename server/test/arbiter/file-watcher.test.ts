import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { type FileChange, FileWatcher } from "../../src/arbiter/file-watcher.ts";
import { folderWith } from "../config/folder.ts";
import { eventually } from "../integration/harness.ts";

/** A watcher of a folder with these files, and what it told. */
function watching(files: Record<string, string>, config?: string) {
  const folder = folderWith(files);
  const at = (name: string): string => path.join(folder, name);
  const told: FileChange[] = [];
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => lines.push(line) });
  const watcher = new FileWatcher(
    config === undefined ? undefined : at(config),
    (change) => told.push(change),
    log,
  );
  onTestFinished(() => watcher.close());
  const write = (name: string, text: string): void => writeFileSync(at(name), text);
  /** The next change, with names in place of paths. */
  const next = async () => {
    const { kinds, configChanged: config, files } = await eventually("a change is told", () => told.shift());
    return {
      kinds: [...kinds].sort(),
      config,
      files: files.map((file) => path.relative(folder, file)).sort(),
    };
  };
  /** Saves a file that is sure to be told. Whatever else was to be told is told with it. */
  const nextWith = async (name: string): Promise<string[]> => {
    write(name, `changed ${Math.random()}`);
    return (await next()).files;
  };
  return { at, told, lines, watcher, write, next, nextWith };
}

describe("a file that is saved concerns the workers that loaded it", () => {
  test("and no others", async () => {
    const { at, watcher, write, next } = watching({ "a.js": "1", "b.js": "1", "both.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js"), at("both.js")]);
    watcher.loaded("dirty-worker", 2, [at("b.js"), at("both.js")]);
    write("a.js", "2");
    expect(await next()).toEqual({ kinds: ["http-worker"], config: false, files: ["a.js"] });
    write("b.js", "2");
    expect(await next()).toEqual({ kinds: ["dirty-worker"], config: false, files: ["b.js"] });
    write("both.js", "2");
    expect(await next()).toEqual({
      kinds: ["dirty-worker", "http-worker"],
      config: false,
      files: ["both.js"],
    });
  });

  test("once, however many steps the editor takes and however many files it saves", async () => {
    const { at, watcher, write, next, told } = watching({ "a.js": "1", "b.js": "1", "other/c.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js"), at("b.js"), at("other/c.js")]);
    write("a.js", "");
    write("a.js", "2");
    write("b.js", "2");
    write("other/c.js", "2");
    expect((await next()).files).toEqual(["a.js", "b.js", "other/c.js"]);
    expect(told).toEqual([]);
  });

  test("also when the editor puts another file in its place, again and again", async () => {
    const { at, watcher, write, next } = watching({ "a.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js")]);
    for (const text of ["2", "3", "4"]) {
      write("a.js.tmp", text);
      renameSync(at("a.js.tmp"), at("a.js"));
      expect((await next()).files).toEqual(["a.js"]);
    }
  });

  test("as long as one of them lives", async () => {
    const { at, watcher, next, write, nextWith } = watching({ "a.js": "1", "b.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js"), at("b.js")]);
    watcher.loaded("http-worker", 2, [at("a.js"), at("b.js")]);
    watcher.loaded("http-worker", 3, [at("b.js")]);
    watcher.gone(1, false);
    write("a.js", "2");
    expect((await next()).files).toEqual(["a.js"]);
    watcher.gone(2, false);
    write("a.js", "3");
    expect(await nextWith("b.js")).toEqual(["b.js"]);
  });
});

describe("a worker that failed to start", () => {
  test("is concerned by what it loaded, until another one has started", async () => {
    const { at, watcher, write, next, nextWith } = watching({ "main.js": "1", "broken.js": "1" });
    watcher.loaded("http-worker", 1, [at("main.js")]);
    watcher.ready("http-worker");
    watcher.loaded("http-worker", 2, [at("main.js"), at("broken.js")]);
    watcher.gone(2, true);
    write("broken.js", "2");
    expect(await next()).toEqual({ kinds: ["http-worker"], config: false, files: ["broken.js"] });
    watcher.loaded("http-worker", 3, [at("main.js")]);
    watcher.ready("http-worker");
    write("broken.js", "3");
    expect(await nextWith("main.js")).toEqual(["main.js"]);
  });

  test("because a file was not there is concerned when it comes", async () => {
    const { at, watcher, write, next } = watching({ "main.js": "1" });
    watcher.loaded("http-worker", 1, [at("main.js"), at("new.js"), at("folder/new.js")]);
    write("new.js", "1");
    expect((await next()).files).toEqual(["new.js"]);
    mkdirSync(at("folder"));
    write("folder/new.js", "1");
    expect((await next()).files).toEqual(["folder/new.js"]);
  });
});

describe("nothing is told", () => {
  test("of a file that was touched, or saved as it was", async () => {
    const { at, watcher, write, nextWith } = watching({ "a.js": "1", "b.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js"), at("b.js")]);
    utimesSync(at("a.js"), new Date(), new Date());
    write("a.js", "1");
    expect(await nextWith("b.js")).toEqual(["b.js"]);
  });

  test("of a file beside those that were loaded", async () => {
    const { at, watcher, write, nextWith } = watching({ "a.js": "1", "c.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js")]);
    write("c.js", "2");
    expect(await nextWith("a.js")).toEqual(["a.js"]);
  });

  test("of a file that is gone, until it is back with another content", async () => {
    const { at, watcher, write, next, nextWith } = watching({ "a.js": "1", "b.js": "1" });
    watcher.loaded("http-worker", 1, [at("a.js"), at("b.js")]);
    rmSync(at("a.js"));
    expect(await nextWith("b.js")).toEqual(["b.js"]);
    write("a.js", "1");
    expect(await nextWith("b.js")).toEqual(["b.js"]);
    rmSync(at("a.js"));
    write("a.js", "2");
    expect((await next()).files).toEqual(["a.js"]);
  });

  test("after it was closed", async () => {
    const first = watching({ "a.js": "1" });
    const second = new FileWatcher(undefined, (change) => first.told.push(change), pino({ level: "silent" }));
    onTestFinished(() => second.close());
    for (const one of [first.watcher, second]) one.loaded("http-worker", 1, [first.at("a.js")]);
    first.write("a.js", "2");
    first.watcher.close();
    await first.next();
    first.write("a.js", "3");
    await first.next();
    expect(first.told).toEqual([]);
  });
});

test("a folder that a build removes and makes again is watched as before", async () => {
  const { at, watcher, write, next, nextWith } = watching({ "dist/a.js": "1", "b.js": "1" });
  watcher.loaded("http-worker", 1, [at("dist/a.js"), at("b.js")]);
  for (const text of ["2", "3"]) {
    rmSync(at("dist"), { recursive: true });
    mkdirSync(at("dist"));
    write("dist/a.js", text);
    expect((await next()).files).toEqual(["dist/a.js"]);
  }
  // Gone for so long that the watcher has seen it gone.
  rmSync(at("dist"), { recursive: true });
  expect(await nextWith("b.js")).toEqual(["b.js"]);
  mkdirSync(at("dist"));
  write("dist/a.js", "4");
  expect((await next()).files).toEqual(["dist/a.js"]);
  write("dist/a.js", "5");
  expect((await next()).files).toEqual(["dist/a.js"]);
});

describe("the config file", () => {
  test("and what it imports, also when it cannot be run", async () => {
    const { write, next } = watching(
      {
        "c.ts":
          'import { workers } from "./shared";\nimport type { X } from "./types.js"; import "node:fs"; {{',
        "shared.ts": 'export { workers } from "./deep/workers.ts";',
        "types.ts": "",
        "deep/workers.ts": 'const { workers } = require("../data.json");',
        "data.json": "{}",
      },
      "c.ts",
    );
    for (const file of ["c.ts", "shared.ts", "types.ts", "data.json"]) {
      write(file, "changed");
      expect(await next()).toEqual({ kinds: [], config: true, files: [file] });
    }
  });

  test("that was read again has other imports", async () => {
    const { at, watcher, write, next, nextWith } = watching(
      { "c.mjs": 'import "./a.mjs";', "a.mjs": "", "b.mjs": "" },
      "c.mjs",
    );
    write("c.mjs", 'import "./b.mjs";');
    expect((await next()).config).toBe(true);
    watcher.configLoaded(at("c.mjs"));
    write("a.mjs", "changed");
    expect(await nextWith("b.mjs")).toEqual(["b.mjs"]);
  });
});

test("more folders than it may watch are not watched, which is logged once", () => {
  const { at, watcher, lines } = watching({});
  for (let index = 0; index < 1100; index++) watcher.loaded("http-worker", 1, [at(`${index}/a.js`)]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("more than 1000 folders");
});
