import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LogFile } from "../../src/process/log-file.ts";
import { reopenLogs, setUpLogger } from "../../src/process/logger.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "server.log");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const read = (name = "server.log") => readFileSync(join(folder, name), "utf8");

describe("the log file", () => {
  test("gets JSON lines unless readable ones are asked for, behind what is there", async () => {
    for (const message of ["one", "two"]) {
      const log = await setUpLogger({ level: "info", format: "auto", role: "arbiter", file: path });
      log.info(message);
    }
    const lines = read().trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "info", role: "arbiter", pid: process.pid, msg: "one" },
      { level: "info", role: "arbiter", pid: process.pid, msg: "two" },
    ]);
  });

  test("gets readable lines without colours, with the day", async () => {
    const log = await setUpLogger({ level: "info", format: "pretty", role: "http worker", file: path });
    log.info({ method: "GET", requestId: "r1" }, "GET / 200");
    expect(read()).toMatch(
      new RegExp(
        `^\\[\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3}\\] INFO: http worker ${process.pid}: GET / 200 \\{"requestId":"r1"\\}\\n$`,
      ),
    );
  });

  test.each(["json", "pretty"] as const)("has no password of an address in it, as %s", async (format) => {
    const log = await setUpLogger({ level: "info", format, role: "arbiter", file: path });
    const err = new Error("no answer", { cause: new Error("of http://user:pass@host/v1") });
    log.error({ err, address: "nats://token@host" }, "asked https://user:p%40ss@host/v1 in vain");
    expect(read()).not.toMatch(/pass|p%40ss|user|token/);
    expect(read()).toContain("asked https://(hidden)@host/v1 in vain");
  });

  test("is begun anew after it was moved away, and no line is lost", async () => {
    const log = await setUpLogger({ level: "info", format: "json", role: "arbiter", file: path });
    log.info("before");
    renameSync(path, join(folder, "old.log"));
    log.info("between");
    reopenLogs();
    log.info("after");
    expect(read("old.log").match(/"msg":"\w+"/g)).toEqual(['"msg":"before"', '"msg":"between"']);
    expect(read().match(/"msg":"\w+"/g)).toEqual(['"msg":"after"']);
  });

  test("goes on in the old file when the new one cannot be opened, and says so", async () => {
    const log = await setUpLogger({ level: "info", format: "json", role: "arbiter", file: path });
    renameSync(path, join(folder, "old.log"));
    mkdirSync(path);
    reopenLogs();
    log.info("after");
    expect(read("old.log")).toMatch(
      /Cannot open the log file .*: it is a folder\. The log goes on in the old file/,
    );
    expect(read("old.log")).toContain('"msg":"after"');
  });

  test("whose folder does not exist is refused, and none is made", async () => {
    const missing = join(folder, "missing", "server.log");
    const options = { level: "info", format: "json", role: "arbiter", file: missing } as const;
    await expect(setUpLogger(options)).rejects.toThrow(
      `Cannot open the log file ${missing}: its folder does not exist.`,
    );
    expect(existsSync(join(folder, "missing"))).toBe(false);
  });

  test("is readable to its owner and group only", async () => {
    await setUpLogger({ level: "info", format: "json", role: "arbiter", file: path });
    expect(statSync(path).mode & 0o137).toBe(0);
  });

  test("that is a symbolic link is refused, and what it leads to is left alone", async () => {
    const target = join(folder, "precious");
    writeFileSync(target, "mine");
    symlinkSync(target, path);
    const options = { level: "info", format: "json", role: "arbiter", file: path } as const;
    await expect(setUpLogger(options)).rejects.toThrow(
      `Cannot open the log file ${path}: it is a symbolic link; name the file that it points to.`,
    );
    expect(readFileSync(target, "utf8")).toBe("mine");
  });

  test("that became a symbolic link is not followed when it is opened again", async () => {
    const log = await setUpLogger({ level: "info", format: "json", role: "arbiter", file: path });
    renameSync(path, join(folder, "old.log"));
    symlinkSync(join(folder, "precious"), path);
    reopenLogs();
    log.info("after");
    expect(existsSync(join(folder, "precious"))).toBe(false);
    expect(read("old.log")).toContain('"msg":"after"');
  });

  test("may be a link to a standard stream of the process, as images have it", () => {
    symlinkSync("/dev/stderr", path);
    expect(() => new LogFile(path, () => "")).not.toThrow();
  });

  test("that is a pipe which nothing reads is refused at once", () => {
    execFileSync("mkfifo", [path]);
    expect(() => new LogFile(path, () => "")).toThrow("it is a pipe that nothing reads, or a socket");
  });
});
