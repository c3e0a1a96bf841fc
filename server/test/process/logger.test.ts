import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LogFile } from "../../src/process/log-file.ts";
import { reopenLogs, setUpLogger } from "../../src/process/logger.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "server.log");
});

afterEach(() => {
  vi.restoreAllMocks();
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

  test("on a full disk loses lines and not the server, says so once, and how many once there is room", () => {
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    // Its every write fails as on a full disk.
    symlinkSync("/dev/full", path);
    const file = new LogFile(path);
    file.write("one\n");
    file.write("two\n");
    expect(said.mock.calls).toEqual([
      [`tsunicorn: cannot write to the log file ${path}: the disk is full\n`],
    ]);
    rmSync(path);
    file.reopen();
    file.write("three\n");
    const [empty, note = "", last] = read().split("\n");
    expect(empty).toBe("");
    expect(JSON.parse(note)).toMatchObject({ level: "warn", msg: "2 lines of the log could not be written" });
    expect(last).toBe("three");
  });
});
