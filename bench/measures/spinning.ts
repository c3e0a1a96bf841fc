import { request as httpRequest } from "node:http";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadClient } from "../load-client.ts";
import { type Bench, inspect, type Measure, ratio, withServer } from "../measure.ts";
import { spinPlan } from "../plans.ts";
import { cpuSeconds, processTitle } from "../process-tree.ts";
import { makeRow, type Pair } from "../row.ts";
import type { Server } from "../servers.ts";

const PAUSE_MS = 1;
/** CPU time by which a worker shows that its loop has begun: far more than a heartbeat takes. */
const BUSY_SECONDS = 0.1;
const BUSY_TIMEOUT_MS = 5_000;

/** Whether the HTTP side stays quick while every dirty worker's event loop is blocked. */
export const spinning: Measure = {
  name: "spinning",
  async run(bench) {
    // One processor is left to the HTTP worker and the client: with none, this would measure the kernel.
    const dirtyWorkers = Math.max(1, availableParallelism() - 1);
    const pairs = await withServer(spinPlan(bench.node, dirtyWorkers), async (server, client) => {
      const health = (what: string, count: number) => askHealth(bench, what, server, client, count);
      await health("warm-up", bench.quick ? 50 : 2_000);
      const measured: Pair[] = [];
      for (let number = 1; number <= bench.pairs; number++) {
        bench.progress(`${this.name}: pair ${number} of ${bench.pairs}`);
        const count = bench.quick ? 100 : 2_000;
        const idle = await health("idle", count);
        const ours = await whileSpinning(bench, server, dirtyWorkers, () => health("spinning", count));
        measured.push({ ours, other: idle });
      }
      return measured;
    });
    const title = "/health p99 while every dirty worker spins (bare: idle)";
    return [
      makeRow({ name: "health-while-spinning", title, unit: "ms", target: ratio("at most", 1.5) }, pairs),
    ];
  },
};

async function askHealth(bench: Bench, what: string, server: Server, client: LoadClient, count: number) {
  const { port } = server;
  const load = { port, method: "GET", path: "/health", body: "", tokens: null, timeoutMs: 10_000 } as const;
  const result = await client.sequential({ ...load, warmup: 20, count, pauseMs: PAUSE_MS });
  inspect(bench, `health, ${what}`, result);
  return result.latency.p99;
}

async function whileSpinning(bench: Bench, server: Server, workers: number, act: () => Promise<number>) {
  const pids = await dirtyWorkers(server);
  if (pids.length !== workers) throw new Error(`${pids.length} of ${workers} dirty workers are there`);
  const before = await cpuSeconds(pids);
  const seconds = bench.quick ? 4 : 10;
  let ended = 0;
  const spins = Array.from({ length: workers }, async () => {
    const status = await spin(server.port, seconds);
    ended++;
    if (status !== 200) bench.fail(`health: a spin ended with status ${status}`);
  });
  await untilBusy(pids, before);
  const figure = await act();
  // A loop that began before and has not ended was there all along.
  if (ended > 0) bench.fail("health: a dirty worker had stopped spinning before the measurement was over");
  await Promise.all(spins);
  return figure;
}

async function untilBusy(pids: readonly number[], before: Map<number, number>): Promise<void> {
  const deadline = performance.now() + BUSY_TIMEOUT_MS;
  const isBusy = ([pid, seconds]: [number, number]) => seconds - (before.get(pid) ?? 0) > BUSY_SECONDS;
  while (![...(await cpuSeconds(pids))].every(isBusy)) {
    if (performance.now() > deadline) throw new Error("the dirty workers do not spin");
    await sleep(20);
  }
}

async function dirtyWorkers(server: Server): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await server.processes())
    if ((await processTitle(pid)).startsWith("tsunicorn: dirty worker")) found.push(pid);
  return found;
}

/** Has one dirty worker spin. Gives the status of the answer, 0 without an answer. */
function spin(port: number, seconds: number): Promise<number> {
  return new Promise((resolve) => {
    const options = {
      host: "127.0.0.1",
      port,
      method: "POST",
      path: `/spin?seconds=${seconds}`,
      agent: false,
    };
    const request = httpRequest(options, (response) => {
      response.resume();
      response.on("close", () => resolve(response.statusCode ?? 0));
    });
    request.on("error", () => resolve(0));
    request.end();
  });
}
