import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Pidfile } from "../../src/arbiter/pidfile.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "server.pid");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The id of a process that is gone. */
function deadPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

test("holds this process's id, for everybody to read, and nothing is left beside it", () => {
  const pidfile = Pidfile.write(path);
  expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
  expect(statSync(path).mode & 0o444).toBe(0o444);
  expect(pidfile.inode).toBe(statSync(path).ino);
  expect(readdirSync(folder)).toEqual(["server.pid"]);
  pidfile.remove();
  expect(readdirSync(folder)).toEqual([]);
});

test("that of a running process is refused and stays", async () => {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  try {
    writeFileSync(path, `${other.pid}\n`);
    expect(() => Pidfile.write(path)).toThrow(
      `The pidfile ${path} names process ${other.pid}, which is running.`,
    );
    expect(readFileSync(path, "utf8")).toBe(`${other.pid}\n`);
    expect(readdirSync(folder)).toEqual(["server.pid"]);
  } finally {
    other.kill("SIGKILL");
  }
});

test.each([
  ["a process that is gone", () => String(deadPid())],
  ["this process, as in a container that was started again", () => String(process.pid)],
  ["a crash of the machine, empty", () => ""],
])("one that is left of %s is replaced", (_what, content) => {
  writeFileSync(path, content());
  Pidfile.write(path).remove();
  expect(existsSync(path)).toBe(false);
});

test("a file of data that was named by mistake stays as it is", () => {
  writeFileSync(path, "precious");
  expect(() => Pidfile.write(path)).toThrow(
    `Cannot write the pidfile ${path}: the file that is there holds no process id.`,
  );
  expect(readFileSync(path, "utf8")).toBe("precious");
});

test("a folder in its place is refused", () => {
  mkdirSync(path);
  expect(() => Pidfile.write(path)).toThrow(
    `Cannot write the pidfile ${path}: the path is not a regular file.`,
  );
});

test.each([
  ["whose folder does not exist", () => join(folder, "missing", "server.pid"), "its folder does not exist"],
  [
    "whose folder is a file",
    () => {
      writeFileSync(join(folder, "file"), "");
      return join(folder, "file", "server.pid");
    },
    "its folder is a file",
  ],
])("one %s is refused, with why", (_what, where, why) => {
  expect(() => Pidfile.write(where())).toThrow(`Cannot write the pidfile ${where()}: ${why}.`);
});

test("that of another server which took its place is not removed", () => {
  const pidfile = Pidfile.write(path);
  writeFileSync(path, "1\n");
  pidfile.remove();
  expect(readFileSync(path, "utf8")).toBe("1\n");
});

test("one that a user has removed does not disturb the end", () => {
  const pidfile = Pidfile.write(path);
  rmSync(path);
  pidfile.remove();
  expect(existsSync(path)).toBe(false);
});
