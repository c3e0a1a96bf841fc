/** The dirty arbiter's sockets: who may say what, and what it makes of it. */
import { afterEach, describe, expect, test } from "vitest";
import { monotonicMs } from "../../src/process/clock.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { epochOf } from "../../src/protocol/slot.ts";
import { until, type WirePeer } from "../dirty/wire-peer.ts";
import { EPOCH, place, RunningArbiter, sendReady, slotOf, TOKEN } from "./running-arbiter.ts";

let running: RunningArbiter;

async function open(options?: Parameters<typeof RunningArbiter.open>[0]): Promise<void> {
  running = await RunningArbiter.open(options);
}

afterEach(() => {
  running.close();
});

/** The type of a peer's last ERROR. */
function errorType(peer: WirePeer): unknown {
  const error = peer.all(MSG.ERROR).at(-1)?.dict["error"] as { error_type: string } | undefined;
  return error?.error_type;
}

/** All that a peer sent before has been handled. */
async function handled(peer: WirePeer): Promise<void> {
  const id = 1_000_000 + peer.frames.length;
  place(peer, id, { app: "app:Missing" });
  await until(
    () => "the request for an unknown app is refused",
    () => peer.all(MSG.ERROR).some((frame) => frame.id === id),
  );
}

describe("HELLO", () => {
  test("with the token is welcomed with the epoch, and told the apps", async () => {
    await open();
    const client = await running.peer("http-worker");
    expect(client.all(MSG.WELCOME)[0]?.dict).toEqual({ epoch: EPOCH });
    expect((await client.next(MSG.APPS)).dict).toEqual({
      apps: [
        { app: "app:App", workers: 0 },
        { app: "app:Other", workers: 0 },
      ],
    });
  });

  test.for(["", "the wrong token", `${TOKEN}x`, TOKEN.slice(1)])(
    "with the token %j is refused",
    async (token) => {
      await open();
      const peer = await running.stranger();
      peer.send([MSG.HELLO, 0, { token, role: "http-worker", id: 1, pid: 1 }]);
      await peer.end();
      expect(errorType(peer)).toBe("DirtyProtocolError");
      expect(peer.all(MSG.WELCOME)).toEqual([]);
    },
  );

  test("is needed before any message of our own", async () => {
    await open();
    for (const type of [MSG.PLACE, MSG.READY, MSG.FREE, MSG.CANCEL, MSG.HEARTBEAT, 0x7f, 0xff]) {
      const peer = await running.stranger();
      peer.send([type, 1, { slot: 1 }]);
      await peer.end();
      expect(errorType(peer)).toBe("DirtyProtocolError");
    }
  });

  test("can be said once", async () => {
    await open();
    const peer = await running.peer("http-worker");
    peer.send([MSG.HELLO, 0, { token: TOKEN, role: "dirty-worker", id: 1, pid: 1 }]);
    await peer.end();
    expect(errorType(peer)).toBe("DirtyProtocolError");
  });

  test.for<[name: string, type: number, value: unknown]>([
    ["a client that sends FREE", MSG.FREE, { slot: 1 }],
    ["a client that sends REQUEST", MSG.REQUEST, { app_path: "app:App", action: "a", args: [], kwargs: {} }],
    ["a client that sends PLACE without its fields", MSG.PLACE, { app: "app:App" }],
    ["a client that sends PLACE with a list", MSG.PLACE, []],
  ])("%s is cut off, and no other peer", async ([, type, value]) => {
    await open();
    const other = await running.peer("http-worker");
    const peer = await running.peer("http-worker");
    peer.send([type, 1, value]);
    await peer.end();
    expect(errorType(peer)).toBe("DirtyProtocolError");
    await handled(other);
  });

  test("a worker that sends PLACE is cut off", async () => {
    await open();
    const worker = await running.worker(1);
    place(worker, 1);
    await worker.end();
    expect(errorType(worker)).toBe("DirtyProtocolError");
  });
});

describe("a request", () => {
  test("gets a slot of this epoch in a worker that is ready", async () => {
    await open();
    await running.worker(3);
    const client = await running.peer("http-worker");
    place(client, 1);
    const { id, dict } = await client.next(MSG.PLACED);
    expect(id).toBe(1);
    expect(dict).toMatchObject({ worker: 3, socket: "/socket/3", continues: false });
    expect(epochOf(Number(dict["slot"]))).toBe(EPOCH);
  });

  test("waits for FREE, and is told so", async () => {
    await open();
    const worker = await running.worker(3);
    const client = await running.peer("http-worker");
    place(client, 1);
    const slot = await slotOf(client, 1);
    place(client, 2);
    expect((await client.next(MSG.QUEUED)).dict).toEqual({ position: 0 });
    worker.send([MSG.FREE, 0, { slot }]);
    await slotOf(client, 2);
  });

  test("that was cancelled while it waited is never given a slot", async () => {
    await open();
    const worker = await running.worker(3);
    const client = await running.peer("http-worker");
    place(client, 1);
    const slot = await slotOf(client, 1);
    place(client, 2);
    place(client, 3);
    client.send([MSG.CANCEL, 2]);
    await handled(client);
    worker.send([MSG.FREE, 0, { slot }]);
    await slotOf(client, 3);
    expect(client.all(MSG.PLACED).map(({ id }) => id)).toEqual([1, 3]);
  });

  test("that its client gave up has its unused slot revoked at once", async () => {
    await open();
    const worker = await running.worker(3);
    const client = await running.peer("http-worker");
    place(client, 1);
    const slot = await slotOf(client, 1);
    client.send([MSG.CANCEL, 1]);
    expect((await worker.next(MSG.REVOKE)).dict).toEqual({ slot, cancel: false });
  });

  test("whose slot is not used for 2 s loses it to the next", async () => {
    await open();
    const worker = await running.worker(3);
    const beating = setInterval(() => worker.send([MSG.HEARTBEAT, 0, { started: [] }]), 250);
    try {
      const client = await running.peer("http-worker");
      place(client, 1);
      const slot = await slotOf(client, 1);
      const { at } = client.all(MSG.PLACED)[0] ?? { at: 0 };
      place(client, 2);
      const revoke = await worker.next(MSG.REVOKE);
      expect(revoke.dict).toEqual({ slot, cancel: false });
      expect(revoke.at - at).toBeGreaterThanOrEqual(1990);
      expect(client.all(MSG.PLACED)).toHaveLength(1);
      worker.send([MSG.FREE, 0, { slot }]);
      await slotOf(client, 2);
    } finally {
      clearInterval(beating);
    }
  });

  test("of a client that is gone is dropped, and its slots are revoked with a cancel", async () => {
    await open();
    const worker = await running.worker(3);
    const client = await running.peer("http-worker");
    const other = await running.peer("http-worker");
    place(client, 1);
    const slot = await slotOf(client, 1);
    worker.send([MSG.HEARTBEAT, 0, { started: [slot] }]);
    place(client, 2);
    await handled(client);
    place(other, 1);
    client.destroy();
    expect((await worker.next(MSG.REVOKE)).dict).toEqual({ slot, cancel: true });
    expect(other.all(MSG.PLACED)).toEqual([]);
    worker.send([MSG.FREE, 0, { slot }]);
    await slotOf(other, 1);
  });

  test("waits for a worker's replacement when the worker dies", async () => {
    await open();
    const worker = await running.worker(3);
    const client = await running.peer("http-worker");
    place(client, 1);
    await slotOf(client, 1);
    place(client, 2);
    await handled(client);
    worker.destroy();
    running.arbiter.workerGone(3);
    await running.worker(4);
    await slotOf(client, 2);
    expect(client.all(MSG.PLACED)[1]?.dict["worker"]).toBe(4);
  });

  test("past its time has its worker killed", async () => {
    await open({ abortGrace: 0.1 });
    const worker = await running.worker(3);
    const client = await running.peer("http-worker");
    place(client, 1, { timeout: 100 });
    worker.send([MSG.HEARTBEAT, 0, { started: [await slotOf(client, 1)] }]);
    await until(
      () => "the worker is killed",
      () => running.killed.length > 0,
    );
    expect(running.killed).toEqual([3]);
  });

  test("is answered when the server stops", async () => {
    await open();
    const client = await running.peer("http-worker");
    place(client, 1);
    await handled(client);
    running.arbiter.close();
    await client.end();
    expect(errorType(client)).toBe("DirtyDrainingError");
  });
});

describe("a worker", () => {
  test("that comes and goes is told to every client", async () => {
    await open();
    const client = await running.peer("http-worker");
    const workers = () =>
      (client.all(MSG.APPS).at(-1)?.dict["apps"] as { workers: number }[] | undefined)?.[0]?.workers;
    const first = await running.worker(1);
    await until(
      () => "one worker is ready",
      () => workers() === 1,
    );
    await running.worker(2);
    await until(
      () => "two are",
      () => workers() === 2,
    );
    first.destroy();
    await until(
      () => "one is gone",
      () => workers() === 1,
    );
  });

  test("that is dead gets nothing, whatever it had still sent", async () => {
    await open();
    const worker = await running.peer("dirty-worker", 3);
    const client = await running.peer("http-worker");
    // The arbiter's word comes over a channel of its own, and can be faster than the worker's last bytes.
    sendReady(worker, "/socket/3", { "app:App": 5 });
    running.arbiter.workerGone(3);
    place(client, 1);
    await handled(client);
    sendReady(worker, "/socket/3", { "app:App": 5 });
    await until(
      () => "the dead worker's connection is over",
      () => worker.closed,
    );
    place(client, 2);
    await handled(client);
    expect(client.all(MSG.PLACED)).toEqual([]);
    await running.worker(4);
    await slotOf(client, 1);
    expect(client.all(MSG.PLACED)[0]?.dict["worker"]).toBe(4);
  });

  test("that connects again keeps the places of its runs", async () => {
    await open();
    const first = await running.worker(3, { "app:App": 2 });
    const client = await running.peer("http-worker");
    place(client, 1);
    const slot = await slotOf(client, 1);
    first.send([MSG.HEARTBEAT, 0, { started: [slot] }]);
    await handled(client);
    first.destroy();
    const again = await running.worker(3, { "app:App": 2 }, [{ slot, app: "app:App", ms_left: 5000 }]);
    place(client, 2);
    await slotOf(client, 2);
    place(client, 3);
    await handled(client);
    expect(client.all(MSG.PLACED)).toHaveLength(2);
    again.send([MSG.FREE, 0, { slot }]);
    await slotOf(client, 3);
  });
});

describe("a new dirty arbiter", () => {
  test("grants nothing until every live HTTP worker has said HELLO, then by arrival", async () => {
    await open({ httpWorkers: [11, 12] });
    const worker = await running.worker(3, { "app:App": 1 });
    const now = monotonicMs();
    const first = await running.peer("http-worker", 11);
    place(first, 1, { arrival: now - 100 });
    await handled(first);
    expect(first.all(MSG.PLACED)).toEqual([]);
    const second = await running.stranger();
    second.send(
      [MSG.HELLO, 0, { token: TOKEN, role: "http-worker", id: 12, pid: process.pid }],
      [MSG.PLACE, 1, { app: "app:App", action: "run", timeout: 1000, arrival: now - 200 }],
    );
    const slot = await slotOf(second, 1);
    expect(first.all(MSG.PLACED)).toEqual([]);
    worker.send([MSG.FREE, 0, { slot }]);
    await slotOf(first, 1);
  });

  test("waits no longer than a second for them", async () => {
    await open({ httpWorkers: [11, 12] });
    const began = Date.now();
    const worker = await running.worker(3);
    const beating = setInterval(() => worker.send([MSG.HEARTBEAT, 0, { started: [] }]), 250);
    try {
      const client = await running.peer("http-worker", 11);
      place(client, 1);
      await slotOf(client, 1);
      expect(Date.now() - began).toBeGreaterThanOrEqual(900);
    } finally {
      clearInterval(beating);
    }
  });

  test("takes over the runs that workers tell it of", async () => {
    await open();
    const old = 7 * 2 ** 32 + 1;
    const worker = await running.worker(3, { "app:App": 1 }, [{ slot: old, app: "app:App", ms_left: 5000 }]);
    const client = await running.peer("http-worker");
    place(client, 1);
    await handled(client);
    expect(client.all(MSG.PLACED)).toEqual([]);
    worker.send([MSG.FREE, 0, { slot: old }]);
    await slotOf(client, 1);
  });
});

test("it knows the processes that are connected, but for itself", async () => {
  await open();
  const peer = await running.stranger();
  peer.send([MSG.HELLO, 0, { token: TOKEN, role: "http-worker", id: 1, pid: 4242 }]);
  await peer.next(MSG.WELCOME);
  await running.peer("http-worker");
  expect(running.arbiter.connectedPids()).toEqual([4242]);
  peer.destroy();
  await until(
    () => "it is gone",
    () => running.arbiter.connectedPids().length === 0,
  );
});
