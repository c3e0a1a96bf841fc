/** A worker that has no file descriptors left. */
import net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";

let folder: string;
let server: RunningServer;

beforeEach(async () => {
  // A worker takes connections for as long as it has descriptors: here it uses up the most of them itself.
  folder = temporaryFolder({
    "main.mjs": `import { closeSync, openSync } from "node:fs";
      const held = [];
      export default (request, response) => {
        if (request.url === "/free") for (const fd of held.splice(0)) closeSync(fd);
        if (request.url === "/hold") try { for (;;) held.push(openSync("/dev/null", "r")); } catch {}
        response.end("ok");
      };`,
  });
  server = await startServer({ args: ["main.mjs"], cwd: folder });
});

afterEach(async () => {
  await server.stop();
  removeFolder(folder);
});

test("says so once, and once when it is over", async () => {
  const socket = net.connect(server.port, "127.0.0.1").resume();
  const ask = (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  ask("/hold");
  await server.logged("no file descriptors left");
  for (let n = 0; n < 20; n++) net.connect(server.port, "127.0.0.1").on("error", () => {});
  ask("/free");
  await server.logged("file descriptors again");
  await eventually("it serves", () =>
    fetch(server.url).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
  expect(server.log().match(/descriptors left/g)).toHaveLength(1);
  socket.destroy();
});
