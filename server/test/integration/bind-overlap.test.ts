/** Addresses that overlap are all served, and two servers that want the same one do not both believe to have it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "./free-port.ts";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";

let folder: string;
const servers: RunningServer[] = [];

beforeEach(() => {
  folder = temporaryFolder({ "main.mjs": "export default (request, response) => response.end('yes');" });
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  removeFolder(folder);
});

const start = async (binds: string[], until = "listening on") => {
  const server = await startServer({
    args: ["main.mjs", ...binds.flatMap((bind) => ["--bind", bind])],
    cwd: folder,
    until,
  });
  servers.push(server);
  return server;
};

test.each([
  ["every address of both families", ["0.0.0.0", "[::]"]],
  ["the other way round", ["[::]", "0.0.0.0"]],
  ["every address and one of them", ["127.0.0.1", "0.0.0.0"]],
  ["a name and its address", ["localhost", "127.0.0.1", "[::1]"]],
  ["without a host, and with", ["", "127.0.0.1"]],
  ["an IPv4 address written as IPv6", ["127.0.0.1", "[::ffff:127.0.0.1]"]],
])("%s are served", async (_what, hosts) => {
  const port = await freePort();
  await start(hosts.map((host) => `${host}:${port}`));
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe("yes");
});

test("a bind without a host is logged as what listens", async () => {
  const server = await start([`:${await freePort()}`]);
  expect(server.log()).toMatch(/listening on http:\/\/(\[::\]|0\.0\.0\.0):\d+"/);
});

test.each(["tcp", "unix"])(
  "of two servers that start at once on the same address (%s), one says why it ends",
  async (kind) => {
    const bind = kind === "tcp" ? `127.0.0.1:${await freePort()}` : `unix:${folder}/app.sock`;
    const both = await Promise.all([start([bind], ""), start([bind], "")]);
    const lost = await eventually("one has ended", () =>
      both.find((server) => server.process.exitCode !== null),
    );
    expect((await lost.exited()).code).toBe(1);
    expect(lost.errors()).toContain(`Cannot listen on ${bind}: the address is in use by another process`);
    const won = both.find((server) => server !== lost);
    await won?.logged("listening on");
  },
);
