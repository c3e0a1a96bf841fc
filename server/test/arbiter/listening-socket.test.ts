import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";

let folder: string;
const open: { close(): void }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
});

afterEach(() => {
  for (const one of open.splice(0)) one.close();
  rmSync(folder, { recursive: true, force: true });
});

async function bind(address: string): Promise<ListeningSocket> {
  const socket = await ListeningSocket.bind(address);
  open.push(socket);
  return socket;
}

async function foreignServer(where: { port: number } | { path: string }): Promise<Server> {
  const server = createServer().listen({ ...where, host: "127.0.0.1" });
  open.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  return server;
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** What a connection there comes to: "connected", or the code of the error. */
function connects(where: { port: number; host?: string } | { path: string }): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: "127.0.0.1", ...where });
    socket.once("connect", () => resolve("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    open.push({ close: () => socket.destroy() });
  });
}

/** A child that inherits the socket, listens on it and answers "hello". */
async function childOn(socket: ListeningSocket): Promise<{ kill(): Promise<void> }> {
  const script = `
    const server = require("node:net").createServer((socket) => socket.end("hello"));
    server.listen({ fd: 4 }, () => process.send("listening"));`;
  const child = spawn(process.execPath, ["-e", script], {
    stdio: ["ignore", "inherit", "inherit", "ipc", socket.fd],
  });
  open.push({ close: () => child.kill("SIGKILL") });
  await new Promise((resolve) => child.once("message", resolve));
  return {
    kill: async () => {
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
    },
  };
}

describe("a TCP address", () => {
  test("port 0 becomes the port that the kernel chose", async () => {
    const socket = await bind("127.0.0.1:0");
    expect(portOf(socket.address)).toBeGreaterThan(0);
    expect(socket.url).toBe(`http://${socket.address}`);
    expect(socket.file).toBeUndefined();
    expect(socket.fd).toBeGreaterThan(2);
  });

  test("children take its connections, and those that come while no child is there wait", async () => {
    const socket = await bind("127.0.0.1:0");
    const port = portOf(socket.address);
    const first = await childOn(socket);
    await first.kill();
    const waiting = connect(port, "127.0.0.1");
    let text = "";
    waiting.on("data", (data) => {
      text += data;
    });
    await new Promise((resolve) => waiting.once("connect", resolve));
    await childOn(socket);
    await new Promise((resolve) => waiting.once("close", resolve));
    expect(text).toBe("hello");
  });

  test("one that is in use is refused, with its name and why", async () => {
    const server = await foreignServer({ port: 0 });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    await expect(ListeningSocket.bind(`127.0.0.1:${port}`)).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: the address is in use by another process.`,
    );
  });

  test("one that the machine does not have is refused", async () => {
    await expect(ListeningSocket.bind("192.0.2.1:8000")).rejects.toThrow(
      "Cannot listen on 192.0.2.1:8000: this machine has no such address.",
    );
  });

  test("a unix socket in a folder that is missing is refused, with the folder's name", async () => {
    const path = join(folder, "missing", "web.sock");
    await expect(ListeningSocket.bindPath(path)).rejects.toThrow(
      `Cannot listen on unix:${path}: there is no folder ${join(folder, "missing")}; create it.`,
    );
  });

  test("a host's name is looked up", async () => {
    const socket = await bind("localhost:0");
    expect(socket.url).toMatch(/^http:\/\/localhost:\d+$/);
    await childOn(socket);
    expect(await connects({ port: portOf(socket.address), host: "localhost" })).toBe("connected");
  });

  test("a name that does not exist is refused", async () => {
    await expect(ListeningSocket.bind("no-such-host.invalid:80")).rejects.toThrow(/no-such-host\.invalid/);
  });

  test("no host is every address of the machine", async () => {
    const socket = await bind(":0");
    expect(socket.url).toMatch(/^http:\/\/(\[::\]|0\.0\.0\.0):\d+$/);
    await childOn(socket);
    expect(await connects({ port: portOf(socket.address) })).toBe("connected");
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === "::1"),
  );
  test.skipIf(!hasIpv6)("IPv6 has its brackets", async () => {
    const socket = await bind("[::1]:0");
    expect(socket.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    await childOn(socket);
    expect(await connects({ port: portOf(socket.address), host: "::1" })).toBe("connected");
  });

  test("once closed it is free again", async () => {
    const socket = await ListeningSocket.bind("127.0.0.1:0");
    socket.close();
    const again = await bind(socket.address);
    expect(again.address).toBe(socket.address);
  });
});

describe("a unix socket", () => {
  const path = () => join(folder, "s.sock");

  function leaveStale(): void {
    const script = `require("node:net").createServer().listen(${JSON.stringify(path())}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(() => execFileSync(process.execPath, ["-e", script], { stdio: "ignore" })).toThrow();
    expect(statSync(path()).isSocket()).toBe(true);
  }

  test("is there with the mode that was asked for, and gone once closed", async () => {
    const socket = await ListeningSocket.bindPath(path(), { mode: 0o600 });
    expect(socket).toMatchObject({
      address: `unix:${path()}`,
      url: `unix:${path()}`,
      file: { path: path() },
    });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    socket.close();
    expect(existsSync(path())).toBe(false);
  });

  test("children take its connections", async () => {
    const socket = await bind(`unix:${path()}`);
    await childOn(socket);
    expect(await connects({ path: path() })).toBe("connected");
  });

  test("what a killed server left behind is replaced", async () => {
    leaveStale();
    const socket = await bind(`unix:${path()}`);
    await childOn(socket);
    expect(await connects({ path: path() })).toBe("connected");
  });

  test("one that a server listens on is refused, and the server keeps it", async () => {
    await foreignServer({ path: path() });
    await expect(ListeningSocket.bind(`unix:${path()}`)).rejects.toThrow(
      `Cannot listen on unix:${path()}: the address is in use by another process.`,
    );
    expect(await connects({ path: path() })).toBe("connected");
  });

  test("a file of the user's in its place stays as it is", async () => {
    writeFileSync(path(), "precious");
    await expect(ListeningSocket.bind(`unix:${path()}`)).rejects.toThrow(
      `Cannot listen on unix:${path()}: a file that is not a socket is in its place.`,
    );
    expect(readFileSync(path(), "utf8")).toBe("precious");
  });

  test("so does a link to such a file", async () => {
    writeFileSync(join(folder, "precious"), "precious");
    symlinkSync(join(folder, "precious"), path());
    await expect(ListeningSocket.bind(`unix:${path()}`)).rejects.toThrow("not a socket is in its place");
    expect(readFileSync(path(), "utf8")).toBe("precious");
  });

  test("in a folder that does not exist it is refused", async () => {
    const missing = join(folder, "missing", "s.sock");
    await expect(ListeningSocket.bind(`unix:${missing}`)).rejects.toThrow(
      `Cannot listen on unix:${missing}: `,
    );
  });

  test("a path that the kernel would cut is refused before anything is bound", async () => {
    const long = join(folder, "x".repeat(108));
    await expect(ListeningSocket.bind(`unix:${long}`)).rejects.toThrow("the path is longer than 107 bytes");
    const longest = join(folder, "x".repeat(107 - Buffer.byteLength(folder) - 1));
    await bind(`unix:${longest}`);
    expect(statSync(longest).isSocket()).toBe(true);
  });
});
