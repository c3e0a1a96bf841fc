/** When an HTTP worker says that it serves, and what its first clients are told of the dirty side. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { echoServers } from "./echo-app.ts";
import { Fleet } from "./fleet.ts";
import type { FleetProcess } from "./fleet-process.ts";
import { eventually } from "./harness.ts";
import { ask } from "./http-tools.ts";

const APP = 'import { DirtyApp } from "tsunicorn"; export class App extends DirtyApp {}';
const MAIN = `
import { writeFileSync } from "node:fs";
import { getDirtyClient } from "tsunicorn";
writeFileSync("loaded", "");
export default (request, response) => response.end(JSON.stringify(getDirtyClient().status()));
`;

const start = echoServers();

test("the first clients of a server that says that it listens are told that it is ready", async () => {
  const server = await start(["--workers", "3"]);
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(server.target, "/status")));
  for (const { body } of answers) expect(JSON.parse(body)).toMatchObject({ ready: true });
});

describe("an HTTP worker that finds the dirty arbiter paused", () => {
  let fleet: Fleet | undefined;
  let listening: ListeningSocket | undefined;

  afterEach(async () => {
    await fleet?.close();
    listening?.close();
  });

  /** It has loaded the web app. */
  async function loaded(): Promise<{ worker: FleetProcess; arbiter: number; port: number }> {
    fleet = await Fleet.open({ app: APP, main: MAIN });
    const { folder, arbiter } = fleet;
    process.kill(arbiter.pid, "SIGSTOP");
    listening = await ListeningSocket.bind("127.0.0.1:0");
    const worker = fleet.startAlone("http-worker", listening);
    await eventually("the web app is loaded", () => existsSync(join(folder, "loaded")));
    return { worker, arbiter: arbiter.pid, port: Number(new URL(listening.url).port) };
  }

  const isReady = ({ said }: FleetProcess): boolean => said.some(({ type }) => type === "ready");

  test("is ready when it has heard of it what there is", async () => {
    const { worker, arbiter, port } = await loaded();
    const later = Date.now() + 500;
    await eventually("half a second is over", () => Date.now() > later);
    expect(isReady(worker)).toBe(false);
    process.kill(arbiter, "SIGCONT");
    await worker.says("ready");
    expect(JSON.parse((await ask({ port }, "/")).body)).toMatchObject({ ready: true });
  });

  test("waits for it no longer than two seconds", async () => {
    const { worker, port } = await loaded();
    await worker.says("ready");
    expect(JSON.parse((await ask({ port }, "/")).body)).toEqual({ ready: false, apps: [] });
  });
});
