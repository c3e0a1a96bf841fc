/** A worker that has served as many requests as it may says so once, and serves on until it is stopped. */
import { afterEach, describe, expect, test } from "vitest";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";
import { Fleet } from "./fleet.ts";
import type { FleetProcess } from "./fleet-process.ts";
import { eventually } from "./harness.ts";
import { ask, open } from "./http-tools.ts";

const APP = `
import { DirtyApp } from "tsunicorn";
export class App extends DirtyApp {
  static concurrency = 10;
  echo(value) { return value; }
  fails() { throw new Error("no"); }
  async *endless() { try { for (let n = 0; ; n++) { yield n; await new Promise((resolve) => setTimeout(resolve, 5)); } } finally {} }
}`;

let fleet: Fleet;
let listening: ListeningSocket | undefined;

afterEach(async () => {
  listening?.close();
  listening = undefined;
  await fleet.close();
});

function wornOut({ said }: FleetProcess): number {
  return said.filter(({ type }) => type === "wornOut").length;
}

describe("a dirty worker", () => {
  test("counts runs when they have ended, whichever way, and says once that it is worn out", async () => {
    fleet = await Fleet.open({ app: APP, flags: ["--dirty-max-requests", "3"] });
    const [worker] = fleet.workers;
    if (worker === undefined) throw new Error("no worker");
    await fleet.client.execute("app.mjs:App", "echo", 1);
    await expect(fleet.client.execute("app.mjs:App", "fails")).rejects.toThrow("no");
    for await (const n of fleet.client.stream<number>("app.mjs:App", "endless")) {
      // One that runs does not count yet.
      expect(wornOut(worker)).toBe(0);
      if (n === 3) break;
    }
    await worker.says("wornOut");
    const values = Array.from({ length: 20 }, (_, n) => n);
    const results = values.map((n) => fleet.client.execute("app.mjs:App", "echo", n));
    expect(await Promise.all(results)).toEqual(values);
    expect(wornOut(worker)).toBe(1);
  });

  test("of the default settings is never worn out", async () => {
    fleet = await Fleet.open({ app: APP });
    for (let n = 0; n < 200; n++) await fleet.client.execute("app.mjs:App", "echo", n);
    expect(fleet.workers.map(wornOut)).toEqual([0]);
  });
});

describe("an HTTP worker", () => {
  async function serving(...flags: string[]): Promise<{ worker: FleetProcess; port: number }> {
    fleet = await Fleet.open({ app: APP, workers: 0, flags });
    listening = await ListeningSocket.bind("127.0.0.1:0");
    const worker = fleet.startAlone("http-worker", listening);
    await worker.says("ready");
    return { worker, port: Number(listening.address.split(":").at(-1)) };
  }

  test("counts requests, also those that failed, and says once that it is worn out", async () => {
    const { worker, port } = await serving("--max-requests", "3");
    await ask({ port }, "/a");
    (await open({ port }, "/b")).leave();
    expect(wornOut(worker)).toBe(0);
    await ask({ port }, "/c");
    await worker.says("wornOut");
    for (let n = 0; n < 10; n++) expect((await ask({ port }, "/more")).body).toBe("yes");
    expect(wornOut(worker)).toBe(1);
  });

  test("with a jitter is worn out within it, and not always with the same request", async () => {
    const limits = new Set<number>();
    const { worker: first, port } = await serving("--max-requests", "5", "--max-requests-jitter", "20");
    let worker = first;
    for (let round = 0; round < 3; round++) {
      let requests = 0;
      while (wornOut(worker) === 0) {
        expect(requests).toBeLessThan(25);
        await ask({ port }, "/");
        requests++;
        // Said before the answer, but over another channel.
        if (requests >= 5) await eventually("it was heard", () => wornOut(worker) > 0, 20).catch(() => {});
      }
      expect(requests).toBeGreaterThanOrEqual(5);
      limits.add(requests);
      await worker.kill();
      if (limits.size > 1 || listening === undefined) return;
      worker = fleet.startAlone("http-worker", listening);
      await worker.says("ready");
    }
    throw new Error(`three workers in a row were worn out after ${[...limits]} requests`);
  });
});
