/** What a client that knows only Gunicorn's part of the protocol sees of the dirty arbiter. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { AppClass } from "../../src/dirty-worker/app-host.ts";
import { DirtyWorker } from "../../src/dirty-worker/dirty-worker.ts";
import type { RequestId } from "../../src/protocol/header.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { until, type WirePeer } from "../dirty/wire-peer.ts";
import { RunningArbiter, TOKEN } from "./running-arbiter.ts";

let notes: string[] = [];
let running = 0;

class App extends DirtyApp {
  static override concurrency = 10;

  echo(...args: unknown[]): unknown {
    return args;
  }

  *count(to: number): Generator<number> {
    for (let n = 0; n < to; n++) yield n;
  }

  async slow(label: string): Promise<string> {
    running++;
    notes.push(`${label} began with ${running} running`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    running--;
    return label;
  }

  async *ticks(label: string): AsyncGenerator<string> {
    try {
      for (;;) {
        yield "x".repeat(1000);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      notes.push(`${label} ended`);
    }
  }

  async holds(): Promise<void> {
    notes.push("holds");
    await new Promise((resolve) => this.request.signal.addEventListener("abort", resolve));
    notes.push("let go");
  }

  *flood(): Generator<string> {
    try {
      for (let n = 0; n < 100_000; n++) {
        notes[0] = String(n);
        yield String(n).padStart(1000, "0");
      }
    } finally {
      notes.push("flood ended");
    }
  }
}

let arbiter: RunningArbiter;
let worker: DirtyWorker;
let client: WirePeer;

beforeEach(async () => {
  notes = [];
  running = 0;
  arbiter = await RunningArbiter.open();
  worker = new DirtyWorker({
    socket: arbiter.pathOf("w"),
    dirtySocket: arbiter.path,
    hello: { token: TOKEN, role: "dirty-worker", id: 1, pid: process.pid },
    hosts: [await new AppClass("app:App", App, undefined).load()],
  });
  await worker.open();
  client = await arbiter.stranger();
});

afterEach(async () => {
  await worker.close(100);
  arbiter.close();
});

function request(
  id: RequestId,
  action: string,
  args: unknown[] = [],
  more: Record<string, unknown> = {},
): [number, RequestId, unknown] {
  return [MSG.REQUEST, id, { app_path: "app.ts:App", action, args, kwargs: {}, ...more }];
}

function errorOf(peer: WirePeer, id: RequestId): { error_type: string; message: string } | undefined {
  const frame = peer.all(MSG.ERROR).find((one) => one.id === id);
  return frame?.dict["error"] as ReturnType<typeof errorOf>;
}

/** The ids of the frames that came, each once, in order. */
function order(peer: WirePeer): RequestId[] {
  return peer.frames.map(({ id }) => id).filter((id, index, ids) => ids[index - 1] !== id);
}

async function noted(note: string): Promise<void> {
  await until(
    () => `"${note}"; there was ${notes}`,
    () => notes.includes(note),
  );
}

describe("a request", () => {
  test("is answered with its result", async () => {
    client.send(request(1, "echo", ["a", 2]));
    expect((await client.next(MSG.RESPONSE)).dict).toEqual({ result: ["a", 2] });
  });

  test("may leave out args and kwargs, or send null for them", async () => {
    client.send([MSG.REQUEST, 1, { app_path: "app:App", action: "echo" }]);
    expect((await client.next(MSG.RESPONSE)).dict).toEqual({ result: [] });
    client.send([MSG.REQUEST, 2, { app_path: "app:App", action: "echo", args: null, kwargs: null }]);
    expect((await client.next(MSG.RESPONSE)).dict).toEqual({ result: [] });
  });

  test("has its keyword arguments given as one plain object, the last argument", async () => {
    client.send(request(1, "echo", ["a"], { kwargs: { temperature: 0.5, stop: null } }));
    expect((await client.next(MSG.RESPONSE)).dict).toEqual({
      result: ["a", { temperature: 0.5, stop: null }],
    });
  });

  test.for([0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, 0xdead_beef_cafe_baben])(
    "of the id %s has that id in every frame of its answer",
    async (id) => {
      client.send(request(id, "count", [2]), request(id, "echo"), request(id, "missing"));
      await client.next(MSG.ERROR);
      expect(client.frames.map((frame) => [frame.type, BigInt(frame.id)])).toEqual([
        [MSG.CHUNK, id],
        [MSG.CHUNK, id],
        [MSG.END, id],
        [MSG.RESPONSE, id],
        [MSG.ERROR, id],
      ]);
    },
  );

  test("for a stream is answered with chunks and END", async () => {
    client.send(request(9, "count", [100]));
    await client.next(MSG.END);
    expect(client.all(MSG.CHUNK).map(({ dict }) => dict["data"])).toEqual(
      Array.from({ length: 100 }, (_, index) => index),
    );
  });

  test.for([
    ["nonsense", "DirtyAppNotFoundError"],
    ["other.ts:App", "DirtyAppNotFoundError"],
    ["app.ts:Missing", "DirtyAppNotFoundError"],
    ["../../etc/passwd:App", "DirtyAppNotFoundError"],
    ["myapp.ml:MLApp", "DirtyAppNotFoundError"],
    ["", "DirtyAppNotFoundError"],
  ])("for the app %j is answered with %s, and the next one is served", async ([app, type]) => {
    client.send(request(1, "echo", [], { app_path: app }), request(2, "echo"));
    await client.next(MSG.RESPONSE);
    expect(errorOf(client, 1)?.error_type).toBe(type);
  });
});

describe("a client that sends several requests at once", () => {
  test("has them run one at a time and answered in order", async () => {
    client.send(...["a", "b", "c", "d"].map((label, index) => request(index, "slow", [label])));
    await until(
      () => "four answers",
      () => client.all(MSG.RESPONSE).length === 4,
    );
    expect(client.all(MSG.RESPONSE).map(({ id }) => id)).toEqual([0, 1, 2, 3]);
    expect(notes).toEqual(["a", "b", "c", "d"].map((label) => `${label} began with 1 running`));
  });

  test("has them run one at a time also where one of them is refused", async () => {
    client.send(
      request(1, "slow", ["a"], { app_path: "nonsense" }),
      request(2, "slow", ["b"]),
      request(3, "slow", ["c"], { app_path: "nonsense" }),
      request(4, "slow", ["d"]),
      request(5, "slow", ["e"]),
    );
    await until(
      () => "the last answer",
      () => client.all(MSG.RESPONSE).length === 3,
    );
    expect(order(client)).toEqual([1, 2, 3, 4, 5]);
    expect(notes).toEqual(["b", "d", "e"].map((label) => `${label} began with 1 running`));
  });

  test("has STATUS, MANAGE and what makes no sense answered in order too", async () => {
    client.send(
      request(1, "slow", ["a"]),
      [MSG.STATUS, 2],
      [MSG.MANAGE, 3, { op: 1 }],
      [MSG.MANAGE, 4, { op: 3 }],
      [MSG.STASH, 5, {}],
      request(6, "echo"),
    );
    await until(
      () => "every answer",
      () => client.frames.length === 6,
    );
    expect(order(client)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("has the second wait for the whole stream of the first", async () => {
    client.send(request(1, "count", [500]), request(2, "echo"));
    await client.next(MSG.RESPONSE);
    expect(order(client)).toEqual([1, 2]);
    expect(client.all(MSG.CHUNK)).toHaveLength(500);
  });

  test("is not read on while much waits behind, and all of it is answered", async () => {
    const large = "x".repeat(100_000);
    const count = 50;
    for (let id = 0; id < count; id++) client.send(request(id, "echo", [large, id]));
    await until(
      () => "every answer",
      () => client.all(MSG.RESPONSE).length === count,
    );
    expect(client.all(MSG.RESPONSE).map(({ dict }) => dict["result"])).toEqual(
      Array.from({ length: count }, (_, id) => [large, id]),
    );
  });

  test("does not hold up another client", async () => {
    const other = await arbiter.stranger();
    client.send(request(1, "holds"));
    await noted("holds");
    other.send(request(1, "echo"));
    await other.next(MSG.RESPONSE);
  });
});

describe("a client that leaves", () => {
  test("has its stream cancelled", async () => {
    client.send(request(1, "ticks", ["stream"]));
    await client.next(MSG.CHUNK);
    client.destroy();
    await noted("stream ended");
  });

  test("has its plain call cancelled", async () => {
    client.send(request(1, "holds"));
    await noted("holds");
    client.destroy();
    await noted("let go");
  });

  test("has its call cancelled also when more of its requests wait behind", async () => {
    client.send(request(1, "holds"), request(2, "slow", ["never"]), request(3, "slow", ["never"]));
    await noted("holds");
    client.destroy();
    await noted("let go");
    expect(notes).toEqual(["holds", "let go"]);
  });

  test("has its call cancelled also when its requests came one after the other", async () => {
    client.send(request(1, "holds"));
    await noted("holds");
    const other = await arbiter.stranger();
    for (let id = 2; id < 6; id++) {
      client.send(request(id, "slow", ["never"]));
      other.send(request(id, "echo"));
      await other.next(MSG.RESPONSE);
    }
    client.destroy();
    await noted("let go");
    expect(notes).toEqual(["holds", "let go"]);
  });

  test("is gone also when it only ends its side", async () => {
    client.send(request(1, "holds"));
    await noted("holds");
    client.halfClose();
    await noted("let go");
  });
});

describe("a client that does not read", () => {
  test("stops its stream, and nothing is lost when it reads on", async () => {
    client.pause();
    client.send(request(1, "flood"));
    let last = -1;
    let since = 0;
    await until(
      () => "the generator stands",
      () => {
        const now = Number(notes[0] ?? -1);
        if (now !== last) {
          last = now;
          since = Date.now();
        }
        return last > 0 && Date.now() - since > 300;
      },
    );
    // The window, the gateway's bound and what the kernel holds, of 100 MB in all.
    expect(last).toBeLessThan(5000);
    client.resume();
    await until(
      () => "20,000 chunks",
      () => client.all(MSG.CHUNK).length >= 20_000,
      50_000,
    );
    const numbers = client.all(MSG.CHUNK).map(({ dict }) => Number(dict["data"]));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    client.destroy();
    await noted("flood ended");
  });
});

describe("a client that only asks for more workers, and does not read", () => {
  test("is not read on, and has every answer when it reads", async () => {
    client.pause();
    const count = 40_000;
    const asked = Array.from({ length: count }, (_, id): [number, RequestId, unknown] => [
      MSG.MANAGE,
      id,
      { op: 1 },
    ]);
    client.send(...asked);
    let last = -1;
    let since = 0;
    await until(
      () => "nothing more is answered",
      () => {
        if (arbiter.scaled.length !== last) {
          last = arbiter.scaled.length;
          since = Date.now();
        }
        return last > 0 && Date.now() - since > 300;
      },
    );
    expect(last).toBeLessThan(count / 2);
    client.resume();
    await until(
      () => "every answer",
      () => client.all(MSG.RESPONSE).length === count,
      50_000,
    );
    expect(client.all(MSG.RESPONSE).map(({ id }) => id)).toEqual(asked.map(([, id]) => id));
  });
});

describe("a foreign client may not", () => {
  test.for<[name: string, type: number]>([
    ["place", MSG.PLACE],
    ["run", MSG.RUN],
    ["cancel", MSG.CANCEL],
    ["answer", MSG.RESPONSE],
    ["stream", MSG.CHUNK],
    ["send an unknown type", 0x1f],
    ["say HELLO behind a request", MSG.HELLO],
  ])("%s: its connection ends, and others go on", async ([, type]) => {
    const other = await arbiter.stranger();
    other.send(request(1, "holds"));
    await noted("holds");
    client.send(request(1, "echo"));
    await client.next(MSG.RESPONSE);
    client.send([type, 2, { token: TOKEN, role: "http-worker", id: 1, pid: 1 }]);
    await client.end();
    expect(errorOf(client, 0)?.error_type).toBe("DirtyProtocolError");
    expect(other.closed).toBe(false);
    expect(notes).toEqual(["holds"]);
  });
});

/** Waits until `workers` workers have registered. */
async function registered(workers: number): Promise<void> {
  const observer = await arbiter.stranger();
  for (let count: unknown; count !== workers; ) {
    observer.send([MSG.STATUS, 1]);
    const { result } = (await observer.next(MSG.RESPONSE)).dict;
    count = (result as { worker_count: number }).worker_count;
  }
}

describe("STATUS", () => {
  test("says who the workers are, as Gunicorn's does", async () => {
    await arbiter.worker(3, { "app:App": 1, "app:Other": 2 });
    await registered(2);
    client.send([MSG.STATUS, 5]);
    const { result } = (await client.next(MSG.RESPONSE)).dict;
    expect(result).toEqual({
      arbiter_pid: process.pid,
      workers: [
        { pid: process.pid, age: 1, apps: ["app:App"], booted: true, last_heartbeat: expect.any(Number) },
        {
          pid: process.pid,
          age: 3,
          apps: ["app:App", "app:Other"],
          booted: true,
          last_heartbeat: expect.any(Number),
        },
      ],
      worker_count: 2,
      apps: ["app:App", "app:Other"],
    });
  });
});

describe("MANAGE", () => {
  beforeEach(() => registered(1));

  test.for<[op: number, count: number | undefined, by: number, result: Record<string, unknown>]>([
    [1, 3, 3, { operation: "add", requested: 3, spawned: 3, target_workers: 5 }],
    [1, undefined, 1, { operation: "add", requested: 1, spawned: 1, target_workers: 3 }],
    [1, 0, 1, { operation: "add", requested: 1, spawned: 1, target_workers: 3 }],
    [2, 1, -1, { operation: "remove", requested: 1, removed: 1, target_workers: 1 }],
  ])("with the operation %s and the count %s asks for %s workers more", async ([op, count, by, result]) => {
    client.send([MSG.MANAGE, 5, count === undefined ? { op } : { op, count }]);
    expect((await client.next(MSG.RESPONSE)).dict).toEqual({
      result: { success: true, total_workers: 1, ...result },
    });
    expect(arbiter.scaled).toEqual([by]);
  });

  test("says why nothing was changed", async () => {
    arbiter.refusal = "the apps need two";
    client.send([MSG.MANAGE, 5, { op: 2, count: 1 }]);
    expect((await client.next(MSG.RESPONSE)).dict["result"]).toMatchObject({
      success: true,
      removed: 0,
      reason: "the apps need two",
    });
  });

  test.for([[{ op: 3 }], [{}], [{ op: 1, count: "many" }], [{ op: 1, count: 1e9 }]])(
    "is refused when it makes no sense: %j",
    async ([wish]) => {
      client.send([MSG.MANAGE, 5, wish]);
      await client.next(MSG.ERROR);
      expect(errorOf(client, 5)?.error_type).toBe("DirtyError");
      expect(arbiter.scaled).toEqual([]);
    },
  );
});
