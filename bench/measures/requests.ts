import { request as httpRequest } from "node:http";
import { type Body, worstBodies } from "../bodies.ts";
import type { LoadClient } from "../load-client.ts";
import { type Bench, failures, type Measure, withServer } from "../measure.ts";
import { chatPlan } from "../plans.ts";
import { makeRow, type Pair } from "../row.ts";
import { median } from "../statistics.ts";

/** Requests to one HTTP worker that are made one after the other while it reads a body. */
const BATCH = 50;
const TIMEOUT_MS = 60_000;
const TARGET = { comparison: "absolute", bound: "at most", limit: 100 } as const;

/** How long others wait, at most, while an HTTP worker reads and validates the worst bodies that there are. */
export const requests: Measure = {
  name: "requests",
  async run(bench) {
    const bodies = bench.quick ? worstBodies().slice(0, 2) : worstBodies();
    const measured = new Map<Body | undefined, Pair[]>(bodies.map((body) => [body, []]));
    measured.set(undefined, []);
    await withServer(chatPlan(bench.node, { tokens: 1, intervalMs: 0 }), async ({ port }, client) => {
      // What is compiled with the first of each is not counted.
      for (const body of bodies) await ask(bench, port, body);
      for (let number = 1; number <= bench.pairs; number++) {
        bench.progress(`${this.name}: run ${number} of ${bench.pairs}`);
        for (const [body, pairs] of measured) {
          const asked = body === undefined ? Promise.resolve() : ask(bench, port, body);
          const ours = await longestWait(bench, client, port, asked);
          pairs.push({ ours, other: body === undefined ? null : parseMs(body.text) });
        }
      }
    });
    return [...measured].map(([body, pairs]) => {
      const title = body?.title ?? "nothing else";
      const name = `wait-beside-${title.replaceAll(/\W+/g, "-")}`;
      return makeRow({ name, title: `longest wait beside ${title}`, unit: "ms", target: TARGET }, pairs);
    });
  },
};

/** Asks for something small again and again until `over`. Gives the longest that it took, in ms. */
async function longestWait(
  bench: Bench,
  client: LoadClient,
  port: number,
  over: Promise<void>,
): Promise<number> {
  let isOver = false;
  const ended = over.finally(() => {
    isOver = true;
  });
  let longest = 0;
  do {
    const load = { port, method: "GET", path: "/livez", body: "", tokens: null, warmup: 0 } as const;
    const result = await client.sequential({ ...load, count: BATCH, pauseMs: 1, timeoutMs: TIMEOUT_MS });
    if (failures(result) > 0) bench.fail(`requests: ${failures(result)} × no answer beside a body`);
    longest = Math.max(longest, result.latency.max);
  } while (!isOver);
  await ended;
  return longest;
}

function ask(bench: Bench, port: number, { title, path, text, status }: Body): Promise<void> {
  return new Promise((resolve, reject) => {
    const body = Buffer.from(text);
    const headers = { "content-type": "application/json", "content-length": body.length };
    const sent = httpRequest(
      { port, host: "127.0.0.1", method: "POST", path, headers, timeout: TIMEOUT_MS, agent: false },
      (response) => {
        if (response.statusCode !== status)
          bench.fail(`requests: ${title} is answered with ${response.statusCode}, not ${status}`);
        response.resume();
        response.on("end", resolve);
        response.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${title}`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** What JSON.parse alone takes for a text, in ms; null for one that is not JSON. */
function parseMs(text: string): number | null {
  const times: number[] = [];
  for (let number = 0; number < 3; number++) {
    const before = performance.now();
    try {
      JSON.parse(text);
    } catch {
      return null;
    }
    times.push(performance.now() - before);
  }
  return median(times);
}
