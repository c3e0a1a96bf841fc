import { execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LineWriter } from "../../src/process/line-writer.ts";
import { eventually } from "../integration/harness.ts";

const STREAMS = new URL("../../dist/process/standard-streams.js", import.meta.url).href;
const { O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
const PIPE_BYTES = 65_536;

let folder: string;
let path: string;
let fds: number[];

/**
 * A reader of the pipe that reads only when it is told to. Both ends are opened at once: a pipe cannot be opened for
 * writing without a reader.
 */
const openPipe = () => {
  const reader = openSync(path, O_RDWR | O_NONBLOCK);
  const writer = openSync(path, O_WRONLY | O_NONBLOCK);
  fds.push(reader, writer);
  return { reader, writer };
};

const readAll = (fd: number): string => {
  const parts: Buffer[] = [];
  const part = Buffer.alloc(PIPE_BYTES);
  for (;;) {
    try {
      const count = readSync(fd, part);
      if (count === 0) break;
      parts.push(Buffer.from(part.subarray(0, count)));
    } catch {
      break;
    }
  }
  return Buffer.concat(parts).toString();
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  fds = [];
});

afterEach(() => {
  for (const fd of fds) closeSync(fd);
  rmSync(folder, { recursive: true, force: true });
});

const dropped = (lines: number): string => `${JSON.stringify({ dropped: lines })}\n`;

describe("a pipe whose reader does not read", () => {
  test("gets every line once there is room again, in order", async () => {
    const { reader, writer } = openPipe();
    const lines = new LineWriter({ fd: writer }, { dropped });
    const written = Array.from(
      { length: 2000 },
      (_, n) => `${JSON.stringify({ n, text: "x".repeat(100) })}\n`,
    );
    for (const line of written) lines.write(line);
    expect(lines.waiting).toBeGreaterThan(0);
    let text = "";
    await eventually("all lines are read", () => {
      text += readAll(reader);
      return text.length >= written.join("").length;
    });
    expect(text).toBe(written.join(""));
    expect(lines.waiting).toBe(0);
  });

  test("drops what is beyond the bound, and the count stands where the lines are missing", async () => {
    const { reader, writer } = openPipe();
    const lines = new LineWriter({ fd: writer }, { dropped });
    const line = (n: number) => `${JSON.stringify({ n, text: "x".repeat(1000) })}\n`;
    for (let n = 0; n < 3000; n++) lines.write(line(n));
    expect(lines.waiting).toBeLessThanOrEqual(1024 * 1024);
    let text = "";
    await eventually("the count is read", () => {
      text += readAll(reader);
      return text.includes("dropped");
    });
    lines.write(line(3000));
    text += readAll(reader);
    const read = text
      .trimEnd()
      .split("\n")
      .map((each) => JSON.parse(each));
    const at = read.findIndex((each) => "dropped" in each);
    expect(read.slice(0, at).map(({ n }) => n)).toEqual(Array.from({ length: at }, (_, n) => n));
    expect(read.slice(at)).toEqual([{ dropped: 3000 - at }, JSON.parse(line(3000))]);
  });

  test("is never the reason for half a line, also of long lines and of several processes", async () => {
    const { reader } = openPipe();
    const script = `import { standardOutput } from ${JSON.stringify(STREAMS)};
      const lines = standardOutput((n) => JSON.stringify({ dropped: n }) + "\\n");
      for (let n = 0; n < 400; n++) lines.write(JSON.stringify({ n, text: "y".repeat(n % 2 === 0 ? 300 : 20_000) }) + "\\n");
      const all = setInterval(() => { if (lines.waiting === 0) clearInterval(all); }, 10);`;
    const children = [1, 2, 3].map(() => {
      // Opened for each: how it is opened belongs to it alone.
      const out = openSync(path, O_WRONLY | O_NONBLOCK);
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", out, "inherit"],
      });
      closeSync(out);
      return new Promise((resolve) => child.once("exit", resolve));
    });
    let text = "";
    let ended = false;
    void Promise.all(children).then(() => {
      ended = true;
    });
    await eventually("all have ended", () => {
      text += readAll(reader);
      return ended;
    });
    text += readAll(reader);
    const read = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(read).toHaveLength(1200);
  });

  test("shortens a line that the kernel would not write as a whole, and JSON stays JSON", () => {
    const { reader, writer } = openPipe();
    const lines = new LineWriter({ fd: writer }, { dropped });
    const line = (bytes: number) =>
      `${JSON.stringify({ msg: "failed", err: { stack: "z".repeat(bytes) } })}\n`;
    for (const bytes of [4000, 10_000]) lines.write(line(bytes));
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`field${n}`, n]));
    lines.write(`${JSON.stringify({ level: "info", time: 1, ...many, msg: '"'.repeat(5000) })}\n`);
    lines.write(`${"é".repeat(5000)}\n`);
    const read = readAll(reader).trimEnd().split("\n");
    expect(`${read[0]}\n`).toBe(line(4000));
    for (const each of read) expect(Buffer.byteLength(each)).toBeLessThan(4096);
    const cut = expect.stringMatching(/^z{1000,}…$/);
    expect(JSON.parse(read[1] ?? "")).toEqual({ msg: "failed", err: { stack: cut } });
    expect(JSON.parse(read[2] ?? "")).toEqual({
      level: "info",
      time: 1,
      msg: expect.stringMatching(/^"{100,}…$/),
    });
    expect(read[3]).toMatch(/^é{2000,}…$/);
  });

  test("delays the end of its process for a moment only", async () => {
    const { reader, writer } = openPipe();
    const script = `import { standardOutput } from ${JSON.stringify(STREAMS)};
      const lines = standardOutput((n) => JSON.stringify({ dropped: n }) + "\\n");
      for (let n = 0; n < 5000; n++) lines.write("x".repeat(99) + "\\n");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", writer, "inherit"],
    });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    expect(code).toBe(0);
    // As many lines as fit, and no half one.
    expect(readAll(reader)).toMatch(/^(x{99}\n){600,}$/);
  });
});

test("a file takes lines of any length", () => {
  const file = openSync(join(folder, "file"), O_RDWR | constants.O_CREAT | constants.O_APPEND);
  fds.push(file);
  const line = `${JSON.stringify({ stack: "z".repeat(100_000) })}\n`;
  new LineWriter({ fd: file }, { dropped }).write(line);
  expect(readFileSync(join(folder, "file"), "utf8")).toBe(line);
});

describe("a disk that is full", () => {
  test("says so once, and how many lines are missing once there is room", () => {
    const full = openSync("/dev/full", O_WRONLY);
    const room = openSync(join(folder, "file"), O_WRONLY | constants.O_CREAT);
    fds.push(full, room);
    const failed = vi.fn();
    const lines = new LineWriter({ fd: full }, { dropped, failed });
    lines.write("one\n");
    lines.write("two\n");
    expect(failed).toHaveBeenCalledOnce();
    expect(lines.switchTo({ fd: room }).fd).toBe(full);
    lines.write("three\n");
    fds.push(openSync(join(folder, "file"), constants.O_RDONLY));
    expect(readAll(fds.at(-1) ?? -1)).toBe('{"dropped":2}\nthree\n');
  });
});
