import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { takeInheritedSockets, unmatchedBinds } from "../../src/arbiter/socket-activation.ts";
import { listenAsManager } from "../integration/inheritance.ts";

let folder: string;
const open: { close(): void }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
});

afterEach(() => {
  for (const one of open.splice(0)) one.close();
  rmSync(folder, { recursive: true, force: true });
});

const MODULE = fileURLToPath(new URL("../../dist/arbiter/socket-activation.js", import.meta.url));
// Says what a process finds that was started with sockets, and what of the variables is left for its children.
const TAKE = `
const { takeInheritedSockets } = await import(${JSON.stringify(MODULE)});
if (process.env.LISTEN_PID === "self") process.env.LISTEN_PID = String(process.pid);
let said;
try {
  const sockets = takeInheritedSockets(process.env);
  said = { sockets: sockets.map(({ address, url, file }) => ({ address, url, file })) };
  for (const socket of sockets) socket.close();
} catch (error) {
  said = { error: error.message };
}
const left = Object.keys(process.env).filter((name) => name.startsWith("LISTEN_"));
console.log(JSON.stringify({ ...said, left }));`;

/** What a process finds that is started with these file descriptors, from 3 on, and these variables. */
function take(fds: number[], env: Record<string, string>): unknown {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", TAKE], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", ...fds],
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

describe("a process that was started with sockets", () => {
  test("takes each, knows its address, and hides the variables from its children", async () => {
    const unix = join(folder, "a socket  with blanks");
    const sockets = await listenAsManager("127.0.0.1:0", `unix:${unix}`);
    open.push(...sockets);
    const [tcp] = sockets;
    const fds = sockets.map((socket) => socket.fd);
    expect(take(fds, { LISTEN_PID: "self", LISTEN_FDS: "2", LISTEN_FDNAMES: "web:local" })).toEqual({
      sockets: [
        { address: tcp?.address, url: tcp?.url },
        { address: `unix:${unix}`, url: `unix:${unix}` },
      ],
      left: [],
    });
    // The one that bound it still has it.
    expect(take(fds, { LISTEN_PID: "self", LISTEN_FDS: "2" })).toMatchObject({ left: [] });
  });

  test("refuses a file, and names it as the service manager does", () => {
    const fd = openSync(join(folder, "file"), "w");
    open.push({ close: () => closeSync(fd) });
    expect(take([fd], { LISTEN_PID: "self", LISTEN_FDS: "1", LISTEN_FDNAMES: "web" })).toMatchObject({
      error: "Cannot listen on the inherited socket 3 (web): it is not a stream socket, or not open.",
    });
  });

  test("refuses a socket that does not listen, where only the kernel knows", async () => {
    const bound = await ListeningSocket.bind(`unix:${join(folder, "s.sock")}`);
    open.push(bound);
    expect(take([bound.fd], { LISTEN_PID: "self", LISTEN_FDS: "1" })).toMatchObject({
      error: "Cannot listen on the inherited socket 3: it is not listening.",
    });
  });
});

const SELF = String(process.pid);

test.each([
  ["no LISTEN_FDS", { LISTEN_PID: SELF }],
  ["LISTEN_FDS=0", { LISTEN_PID: SELF, LISTEN_FDS: "0" }],
  ["the LISTEN_PID of another process", { LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_FDNAMES: "web" }],
  ["no LISTEN_PID", { LISTEN_FDS: "1" }],
])("with %s no socket is taken, and the variables go all the same", (_what, variables) => {
  const env = { ...variables, OTHER: "stays" };
  expect(takeInheritedSockets(env)).toEqual([]);
  expect(env).toEqual({ OTHER: "stays" });
});

test.each(["x", "-1", "1.5", "99999"])("LISTEN_FDS=%s is refused", (count) => {
  expect(() => takeInheritedSockets({ LISTEN_PID: SELF, LISTEN_FDS: count })).toThrow(
    `LISTEN_FDS is "${count}", which is not a number of sockets.`,
  );
});

test.each([
  ["127.0.0.1:8000", "127.0.0.1:8000", true],
  ["127.0.0.1:8000", "127.0.0.1:8001", false],
  ["127.0.0.1:8000", "0.0.0.0:8000", false],
  ["0.0.0.0:8000", "[::]:8000", true],
  [":8000", "[::]:8000", true],
  [":8000", "127.0.0.1:8000", false],
  ["localhost:8000", "127.0.0.1:8000", true],
  ["[::1]:8000", "[::1]:8000", true],
  ["unix:/run/a.sock", "unix:/run/a.sock", true],
  ["unix:/run/a.sock", "unix:/run/b.sock", false],
  ["unix:/run/a.sock", "127.0.0.1:8000", false],
])("%s in bind is what an inherited %s is: %s", (wanted, address, same) => {
  const inherited = [{ address } as ListeningSocket];
  expect(unmatchedBinds([wanted], inherited)).toEqual(same ? [] : [wanted]);
});
