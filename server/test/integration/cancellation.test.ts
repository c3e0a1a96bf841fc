/** Work stops within 100 ms of its client's disconnect, whether queued, before the first token or streaming. */
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { expectWithin } from "../promised-time.ts";
import { eventually } from "./harness.ts";
import { RawConnection } from "./http-tools.ts";
import { JobServer } from "./jobs-app.ts";

const WITHIN_MS = 100;

let server: JobServer;

beforeAll(async () => {
  server = await JobServer.start(["One", "Many"]);
});

afterAll(async () => {
  await server.stop();
});

/** Lets clients leave, one after the other, and expects that their jobs settle in the time that is promised. */
function expectStop(
  context: TestContext,
  leave: () => Promise<{ id: string; leftAt: number }>,
): Promise<void> {
  return expectWithin(context, WITHIN_MS, async () => {
    const { id, leftAt } = await leave();
    const { at, aborted } = await server.noted(id, "settled");
    expect(aborted).toBe(true);
    return at - leftAt;
  });
}

/** The app that runs one job at a time serves the next one. A place that was lost would have it wait and fail. */
async function nextIsServed(): Promise<void> {
  expect(await server.call({ app: "One", action: "add", args: [1, 2] })).toMatchObject({ result: 3 });
}

describe("a client that leaves", () => {
  test("while its answer streams stops the generator within 100 ms, and the slot is free", async (context) => {
    await expectStop(context, async () => {
      const id = server.newId();
      const stream = await server.stream({ app: "One", action: "ticks", args: [10_000, 20], id });
      await stream.has(3);
      stream.leave();
      return { id, leftAt: Date.now() };
    });
    await nextIsServed();
  });

  describe.each<[string, (client: RawConnection) => void]>([
    ["by closing its connection", (client) => client.leave()],
    ["only by half-closing its connection", (client) => client.end()],
    ["by resetting its connection", (client) => client.reset()],
  ])("%s", (_how, leave) => {
    test.for([
      ["while its answer streams", "ticks", [10_000, 20], "stream", /2\n/],
      ["before the first token", "thinks", [30_000], "stream", undefined],
      ["while a plain action works", "work", [30_000], "execute", undefined],
    ] as const)(
      "%s stops the job within 100 ms, and the slot is free",
      async ([_when, action, args, kind, sent], context) => {
        await expectStop(context, async () => {
          const id = server.newId();
          const raw = await RawConnection.to(server.target);
          raw.send(rawRequest(id, action, [...args], kind));
          if (sent === undefined) await server.noted(id, "began");
          else await raw.has(sent);
          leave(raw);
          return { id, leftAt: Date.now() };
        });
        await nextIsServed();
      },
    );

    test("while its request is on its way to a worker that stands still: the job ends as soon as it goes on", async (context) => {
      const [worker = 0] = server.running.pids("dirty worker");
      await expectStop(context, async () => {
        // It was too late where the worker was silent for too long to be given the request: then nothing ever runs.
        return eventually("a request is on its way", async () => {
          const id = server.newId();
          process.kill(worker, "SIGSTOP");
          const raw = await RawConnection.to(server.target);
          // Of an app with many places: the news that the last job's is free may be stopped with the worker.
          raw.send(rawRequest(id, "work", [30_000], "execute", "Many"));
          // Both are handled by the HTTP worker before what comes behind them.
          for (let later = 0; later < 3; later++)
            await server.call({ app: "One", action: "", kind: "status" });
          leave(raw);
          for (let later = 0; later < 3; later++)
            await server.call({ app: "One", action: "", kind: "status" });
          expect(server.notes(id)).toEqual([]);
          process.kill(worker, "SIGCONT");
          const leftAt = Date.now();
          await server.call({ app: "Many", action: "pid" });
          return server.notes(id).length > 0 ? { id, leftAt } : undefined;
        });
      });
      await nextIsServed();
    });
  });

  test.for<[string, (client: RawConnection) => void]>([
    ["closes its connection", (client) => client.leave()],
    ["only half-closes its connection", (client) => client.end()],
  ])(
    "that takes nothing of its answer and %s stops the generator within 100 ms",
    async ([_how, leave], context) => {
      await expectStop(context, async () => {
        const id = server.newId();
        const raw = await RawConnection.to(server.target);
        raw.pause();
        raw.send(rawRequest(id, "flood", [1_000_000, 1000], "stream", "Many"));
        let last = -1;
        let since = 0;
        await eventually("the generator stands", async () => {
          const { result } = await server.call({ app: "Many", action: "yielded", args: [id] });
          if (result !== last) since = Date.now();
          last = Number(result);
          return last > 0 && Date.now() - since > 200;
        });
        leave(raw);
        return { id, leftAt: Date.now() };
      });
    },
  );

  test("while it is queued is never served, and holds up no other request", async () => {
    const first = server.newId();
    const busy = server.call({ app: "One", action: "job", args: [1000], id: first });
    await server.noted(first, "began");
    const left: string[] = [];
    for (let count = 0; count < 3; count++) {
      const id = server.newId();
      left.push(id);
      const raw = await RawConnection.to(server.target);
      raw.send(rawRequest(id, "job", [5000], "execute"));
      // A call behind it is answered, so the request is in the queue.
      await server.call({ app: "Many", action: "pid" });
      [() => raw.leave(), () => raw.end(), () => raw.reset()][count]?.();
    }
    const last = server.newId();
    const next = server.call({ app: "One", action: "job", args: [1], id: last });
    await busy;
    expect(await next).toMatchObject({ result: last });
    for (const id of left) expect(server.notes(id)).toEqual([]);
  });

  test("does not stop others who stream from the same worker", async () => {
    const kept = await server.stream({ app: "Many", action: "ticks", args: [100, 10] });
    for (let count = 0; count < 10; count++) {
      const stream = await server.stream({ app: "Many", action: "ticks", args: [10_000, 10] });
      await stream.has(1);
      stream.leave();
    }
    expect(await kept.over()).toMatchObject({ ended: true });
    expect(kept.chunks).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test("from a job that does not listen: its place is not given away before the job has ended", async () => {
    const deaf = server.newId();
    const raw = await RawConnection.to(server.target);
    raw.send(rawRequest(deaf, "job", [600], "execute"));
    await server.noted(deaf, "began");
    raw.leave();
    const next = server.newId();
    await server.call({ app: "One", action: "job", args: [1], id: next });
    const settled = await server.noted(deaf, "settled");
    const began = await server.noted(next, "began");
    expect(settled.aborted).toBe(true);
    expect(began.at).toBeGreaterThanOrEqual(settled.at);
  });
});

describe("a web app", () => {
  test("that leaves the loop ends the run, and does not wait for it", async () => {
    const id = server.newId();
    const outcome = await server.call({ app: "One", action: "ticks", args: [10_000, 5], kind: "leave", id });
    expect(outcome).toMatchObject({ seen: [0, 1] });
    expect(await server.noted(id, "settled")).toMatchObject({ aborted: true });
    await nextIsServed();
  });

  test("whose signal was aborted before the call never has it run, and gets the signal's reason", async () => {
    const id = server.newId();
    const outcome = await server.call({ app: "One", action: "job", args: [1], kind: "aborted", id });
    expect(outcome).toMatchObject({ same: true });
    await nextIsServed();
    expect(server.notes(id)).toEqual([]);
  });

  test("whose signal is aborted while the call runs gets its reason, and the run ends", async () => {
    const id = server.newId();
    const outcome = await server.call({
      app: "One",
      action: "work",
      args: [100, 30_000],
      kind: "abort-after",
      id,
    });
    expect(outcome).toMatchObject({ same: true, name: "TimeoutError" });
    expect((await server.noted(id, "settled")).aborted).toBe(true);
    await nextIsServed();
  });
});

test("a hundred clients that come and leave at once leave nothing running", async () => {
  const ids = Array.from({ length: 100 }, () => server.newId());
  await Promise.all(
    ids.map(async (id, index) => {
      const raw = await RawConnection.to(server.target);
      raw.send(rawRequest(id, "ticks", [10_000, 20], "stream", index % 2 === 0 ? "Many" : "One"));
      await new Promise((resolve) => setTimeout(resolve, index % 20));
      raw.leave();
    }),
  );
  await nextIsServed();
  await eventually("every job that began has settled", () =>
    ids.every((id) => {
      const whats = server.notes(id).map(({ what }) => what);
      return (
        whats.filter((what) => what === "began").length === whats.filter((what) => what === "settled").length
      );
    }),
  );
});

test("an HTTP worker that is killed has its runs cancelled within 100 ms", async (context) => {
  await expectStop(context, async () => {
    const id = server.newId();
    const stream = await server.stream({ app: "Many", action: "ticks", args: [10_000, 20], id });
    await stream.has(3);
    for (const worker of server.running.pids("http worker")) process.kill(worker, "SIGKILL");
    return { id, leftAt: Date.now() };
  });
});

/** A call as bytes, for clients that leave before there is an answer. */
function rawRequest(id: string, action: string, args: unknown[], kind = "stream", app = "One"): string {
  const { headers, body } = server.request({ app, action, args, kind, id });
  const lines = Object.entries({ ...headers, "content-length": Buffer.byteLength(body ?? "") });
  return `POST / HTTP/1.1\r\nhost: localhost\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}
