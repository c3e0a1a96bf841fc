/**
 * A client that takes nothing of its answer is cut after `stallTimeout`. Until then it costs little, and disturbs no
 * other client.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { type EchoOptions, type EchoServer, echoServers, events } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask, open, RawConnection } from "./http-tools.ts";

const start = echoServers();

const APP = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

const yielded = {};
const note = (what, label) => appendFileSync("events.log", JSON.stringify({ at: Date.now(), what, label }) + "\\n");

export class Flood extends DirtyApp {
  static concurrency = 1000;
  async *flood(label) {
    note("began", label);
    const { signal } = this.request;
    signal.addEventListener("abort", () => note("cancelled", label));
    try {
      for (let n = 1; ; n++) { yielded[label] = n; yield "x".repeat(16_384); }
    } finally { note("ended", label); }
  }
  async *ticks(n) { for (let i = 0; i < n; i++) { yield i + " "; await sleep(20); } }
  yielded() { return yielded; }
}
`;

const LISTENER = `
import { once } from "node:events";
import { dirty } from "tsunicorn";
const app = dirty("./app.mjs:Flood");
export default async function serve(request, response) {
  const url = new URL(request.url, "http://localhost");
  const left = new AbortController();
  const { signal } = left;
  response.on("close", () => left.abort());
  try {
    if (url.pathname === "/yielded") return response.end(JSON.stringify(await app.yielded()));
    const stream = url.pathname === "/flood" ? app.with({ signal }).flood(url.searchParams.get("label"))
      : app.with({ signal }).ticks(Number(url.searchParams.get("n")));
    for await (const chunk of stream) {
      if (!response.write(chunk) && !signal.aborted) await once(response, "drain", { signal }).catch(() => {});
    }
    response.end("done");
  } catch { response.destroy(); }
}
`;

const FASTIFY = `
import { Readable } from "node:stream";
import { dirty } from "tsunicorn";
import fastify from ${JSON.stringify(import.meta.resolve("fastify"))};
const flood = dirty("./app.mjs:Flood");
const app = fastify();
app.get("/flood", (request, reply) => {
  const left = new AbortController();
  reply.raw.on("close", () => left.abort());
  return reply.send(Readable.from(flood.with({ signal: left.signal }).flood(request.query.label)));
});
app.get("/yielded", () => flood.yielded());
export default app;
`;

const FETCH = `
import { dirty } from "tsunicorn";
const app = dirty("./app.mjs:Flood");
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/yielded") return Response.json(await app.yielded());
    const chunks = app.with({ signal: request.signal }).flood(url.searchParams.get("label"))[Symbol.asyncIterator]();
    const encoder = new TextEncoder();
    return new Response(new ReadableStream({
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel() { return chunks.return(); },
    }));
  },
};
`;

function serve(main: string, ...flags: string[]): Promise<EchoServer> {
  const options: EchoOptions = {
    files: { "main.mjs": main, "app.mjs": APP },
    args: ["main.mjs", "--dirty-app", "./app.mjs:Flood", ...flags],
  };
  return start([], options);
}

/** Asks for a stream without end, and takes nothing of it, not even its headers. */
async function stall({ target }: EchoServer, label: string): Promise<RawConnection> {
  const client = await RawConnection.to(target);
  client.pause();
  await client.send(
    `GET /flood?label=${label}&id=${createStreamId()} HTTP/1.1\r\nhost: localhost\r\nx-request-id: ${label}\r\n\r\n`,
  );
  return client;
}

/** How many chunks each generator has yielded. */
async function yielded({ target }: EchoServer): Promise<Record<string, number>> {
  return JSON.parse((await ask(target, "/yielded")).body);
}

/** Waits until the generators stand. @returns what they have yielded. */
async function standing(server: EchoServer, count: number): Promise<Record<string, number>> {
  let last = "";
  let since = Date.now();
  return eventually(
    `${count} generators stand`,
    async () => {
      const now = await yielded(server);
      if (JSON.stringify(now) !== last) {
        last = JSON.stringify(now);
        since = Date.now();
      }
      return Object.keys(now).length === count && Date.now() - since > 400 ? now : undefined;
    },
    40_000,
  );
}

/** Labels of what happened to runs. */
function labels(server: EchoServer, what: string): string[] {
  return events(server.folder)
    .filter((event) => event.what === what)
    .map(({ label }) => label)
    .toSorted();
}

/** What the log says of clients that were cut. */
function cuts(server: EchoServer): { requestId: string; level: string; url: string }[] {
  return server
    .log()
    .split("\n")
    .filter((line) => line.includes('"reason":"stalled"'))
    .map((line) => JSON.parse(line));
}

/** MB that the workers really use. */
function resident(server: EchoServer): number {
  return ["http worker", "dirty worker"]
    .flatMap((kind) => server.pids(kind))
    .map((pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024)
    .reduce((sum, one) => sum + one, 0);
}

describe.each([
  ["a listener", LISTENER],
  ["a Fastify instance", FASTIFY],
  ["an object with fetch", FETCH],
])("with %s", (_kind, main) => {
  test("clients that take nothing stop their generators, and are cut after stallTimeout with their runs", async () => {
    const server = await serve(main, "--stall-timeout", "2.5");
    const names = ["a", "b", "c"];
    const began = Date.now();
    const clients = await Promise.all(names.map((name) => stall(server, name)));
    const stood = await standing(server, 3);
    expect(labels(server, "cancelled")).toEqual([]);
    await eventually("their runs have ended", () => labels(server, "ended").length === 3);
    expect(labels(server, "cancelled")).toEqual(names);
    for (const { at } of events(server.folder).filter(({ what }) => what === "cancelled")) {
      expect(at - began).toBeGreaterThanOrEqual(2490);
    }
    expect(await yielded(server)).toEqual(stood);
    for (const { url } of cuts(server)) expect(url).toMatch(/&id=str_…$/);
    expect(
      cuts(server)
        .map(({ requestId }) => requestId)
        .toSorted(),
    ).toEqual(names);
    // A client that begins to read now finds the connection over, without the answer's proper end.
    for (const client of clients) {
      client.resume();
      await client.closed();
      expect(client.text).not.toMatch(/\r\n0\r\n/);
    }
  });
});

test("a hundred clients that never read: memory stays flat, others are served, and all are cut and logged once", async () => {
  const server = await serve(LISTENER, "--stall-timeout", "12");
  const other = await open(server.target, "/ticks?n=800");
  const names = Array.from({ length: 100 }, (_, n) => `client-${100 + n}`);
  const before = resident(server);
  const clients = await Promise.all(names.map((name) => stall(server, name)));
  const stood = await standing(server, 100);
  const full = resident(server);
  // A window of 256 KiB each, what a response buffers, and the garbage of some 4 MB that went to each kernel.
  expect(full - before).toBeLessThan(250);
  expect((await ask(server.target, "/ticks?n=10")).body).toMatch(/ 9 done$/);
  expect(labels(server, "cancelled")).toEqual([]);
  expect(resident(server) - full).toBeLessThan(15);
  expect(await yielded(server)).toEqual(stood);

  await eventually("all runs have ended", () => labels(server, "ended").length === 100, 40_000);
  expect(labels(server, "cancelled")).toEqual(names);
  expect(
    cuts(server)
      .map(({ requestId }) => requestId)
      .toSorted(),
  ).toEqual(names);
  expect(cuts(server).every(({ level }) => level === "info")).toBe(true);
  await other.ended();
  expect(other.text).toMatch(/^0 1 2 .* 798 799 done$/);
  for (const client of clients) client.leave();
});

test("with stallTimeout 0 a client that takes nothing is never cut, and gets all of it later; one that half-closes is gone at once", async () => {
  const server = await serve(LISTENER, "--stall-timeout", "0");
  const client = await stall(server, "patient");
  const stood = await standing(server, 1);
  const until = Date.now() + 1500;
  await eventually("some time has passed", () => Date.now() > until);
  expect(labels(server, "cancelled")).toEqual([]);
  client.resume();
  await eventually("it goes on", async () => (await yielded(server))["patient"] !== stood["patient"]);
  client.leave();
  await eventually("its run has ended", () => labels(server, "ended").length === 1);

  const half = await stall(server, "half");
  await standing(server, 2);
  half.end();
  await eventually("its run is cancelled", () => labels(server, "cancelled").includes("half"));
  expect(cuts(server)).toEqual([]);
});

test("a client that takes its time, but takes something, is not cut", async () => {
  const server = await serve(LISTENER, "--stall-timeout", "1");
  const client = await stall(server, "slow");
  await standing(server, 1);
  // In each second it reads for a moment: more than a third of what the kernel holds for it.
  const until = Date.now() + 4000;
  await eventually("four times the limit", async () => {
    const before = client.text.length;
    client.resume();
    await eventually("it has read", () => client.text.length - before > 4_000_000);
    client.pause();
    client.text = "";
    return Date.now() > until;
  });
  expect(labels(server, "cancelled")).toEqual([]);
  client.leave();
});
