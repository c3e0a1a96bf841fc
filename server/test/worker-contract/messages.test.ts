/** Messages that a dirty worker may not be sent: each ends the connection that it came on, and nothing else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MSG, type Role } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import type { WirePeer } from "../dirty/wire-peer.ts";
import type { WorkerClient } from "./client.ts";
import { describeWorkers } from "./kinds.ts";
import { TOKEN, WorkerUnderTest } from "./worker.ts";

type Message = [type: number, id: number, value?: unknown];

/** The header of a frame, by hand: what it announces does not follow. */
function header(type: number, length: number, magic = 0x4744, version = 1): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(magic, 0);
  bytes.writeUInt8(version, 2);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt32BE(length, 4);
  return bytes;
}

describeWorkers((kind) => {
  let worker: WorkerUnderTest;
  /** A client that does nothing wrong, and a run of it. */
  let client: WorkerClient;
  let run = 0;

  beforeAll(async () => {
    if (kind.missing !== undefined) return;
    worker = await WorkerUnderTest.open(kind);
    client = await worker.client();
    run = client.run("ticks", { args: ["a"], ms: 600_000 }).id;
    await goesOn();
  });

  afterAll(async () => {
    await worker?.close();
  });

  /** Expects that the run goes on. */
  async function goesOn(): Promise<void> {
    client.grant(run, WINDOW);
    await client.has(run, client.chunks(run).length + 2);
    expect(client.types(run)).not.toContain(MSG.ERROR);
  }

  /** Expects that a connection is told what is wrong, and closed; that others go on, and the run too. */
  async function expectRefused(peer: WirePeer): Promise<void> {
    const { id, dict } = await peer.next(MSG.ERROR);
    expect(id).toBe(0);
    expect(dict).toMatchObject({ error: { error_type: "DirtyProtocolError" } });
    await peer.end();
    await goesOn();
  }

  const hello = (more: object = {}): Message => [
    MSG.HELLO,
    0,
    { token: TOKEN, role: "http-worker", id: 1, pid: 1, ...more },
  ];

  describe("refuses as a first message", () => {
    test.for<[string, Message]>([
      ["a HELLO with a wrong token", hello({ token: "a guess" })],
      ["a HELLO without a token", hello({ token: undefined })],
      ["a HELLO whose token is not a text", hello({ token: 1 })],
      ["a HELLO in a role that there is not", hello({ role: "root" })],
      ["a HELLO without its process", [MSG.HELLO, 0, { token: TOKEN, role: "http-worker" }]],
      ["a HELLO that is not a dict", [MSG.HELLO, 0, ["token", TOKEN]]],
      ["a HELLO of nothing", [MSG.HELLO, 0]],
      [
        "one of ours",
        [MSG.RUN, 1, { slot: 1, app: "a", action: "b", args: [], ms_left: 1, request_id: "r" }],
      ],
      ["one of Gunicorn's", [MSG.REQUEST, 1, { app_path: "a", action: "b", args: [], kwargs: {} }]],
      ["one of no type that there is", [0x7f, 0]],
    ])("%s", async ([, message]) => {
      const peer = await worker.stranger();
      peer.send(message);
      await expectRefused(peer);
    });

    test.for<[string, Buffer]>([
      ["what announces more than a HELLO has", header(MSG.HELLO, 1024 * 1024)],
      ["what announces another message, before that comes", header(MSG.RUN, 1000)],
      ["other bytes", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
      ["another version", header(MSG.HELLO, 10, 0x4744, 2)],
    ])("%s", async ([, bytes]) => {
      const peer = await worker.stranger();
      peer.sendBytes(bytes);
      await expectRefused(peer);
    });

    test("nothing for 5 s, or a part of one", { timeout: 60_000 }, async () => {
      const [silent, slow] = [await worker.stranger(), await worker.stranger()];
      slow.sendBytes(header(MSG.HELLO, 100));
      await silent.end();
      await slow.end();
      expect([...silent.frames, ...slow.frames]).toEqual([]);
      await goesOn();
    });
  });

  describe("refuses from a client", () => {
    let peer: WorkerClient;

    beforeEach(async () => {
      peer = await worker.client();
    });

    const stream = createStreamId();
    const usual = { slot: 1, app: "a:B", action: "c", args: [], ms_left: 1000, request_id: "r" };

    test.for<[string, Message]>([
      ["a second HELLO", hello()],
      ["a message of no type that there is", [0x7f, 1, {}]],
      [
        "a message for the dirty arbiter",
        [MSG.PLACE, 1, { app: "a:B", action: "c", timeout: 1, arrival: 1 }],
      ],
      ["a message of a dirty worker's own", [MSG.FREE, 1, { slot: 1 }]],
      ["a RUN of nothing", [MSG.RUN, 1]],
      ["a RUN that is not a dict", [MSG.RUN, 1, "run"]],
      ...(["slot", "app", "action", "args", "ms_left", "request_id"] as const).map(
        (name): [string, Message] => [`a RUN without its ${name}`, [MSG.RUN, 1, { ...usual, [name]: null }]],
      ),
      ["a RUN whose slot is a text", [MSG.RUN, 1, { ...usual, slot: "1" }]],
      ["a RUN whose time is not a number", [MSG.RUN, 1, { ...usual, ms_left: Number.NaN }]],
      ["a RUN whose time has no end", [MSG.RUN, 1, { ...usual, ms_left: Number.POSITIVE_INFINITY }]],
      ["a RUN whose keyword arguments are a list", [MSG.RUN, 1, { ...usual, kwargs: [] }]],
      ["a RUN whose emitted chunks are a text", [MSG.RUN, 1, { ...usual, emitted: "abc" }]],
      ["a RUN whose stream is a number", [MSG.RUN, 1, { ...usual, stream: 1 }]],
      ["a CREDIT of nothing", [MSG.CREDIT, 1, {}]],
      ["a CREDIT below 0", [MSG.CREDIT, 1, { bytes: -1 }]],
      ["a CREDIT without an end", [MSG.CREDIT, 1, { bytes: Number.POSITIVE_INFINITY }]],
      ["an ATTACH from before the beginning", [STREAM_MSG.ATTACH, 1, { stream, slot: 1, after: -1 }]],
      ["an ATTACH from between two chunks", [STREAM_MSG.ATTACH, 1, { stream, slot: 1, after: 1.5 }]],
      ["an ATTACH to no stream", [STREAM_MSG.ATTACH, 1, { slot: 1, after: 0 }]],
      ["an ATTACH without a slot", [STREAM_MSG.ATTACH, 1, { stream, after: 0 }]],
      ["an END_STREAM of no stream", [STREAM_MSG.END_STREAM, 1, { slot: 1 }]],
    ])("%s", async ([, message]) => {
      peer.peer.send(message);
      await expectRefused(peer.peer);
    });

    test.for<[string, Buffer]>([
      ["a payload of an unknown kind", Buffer.concat([header(MSG.RUN, 3), Buffer.of(0x7e, 1, 2)])],
      ["a payload that ends early", Buffer.concat([header(MSG.RUN, 2), Buffer.of(0x21, 0)])],
      ["a length over 64 MiB", header(MSG.RUN, 64 * 1024 * 1024 + 1)],
      ["bytes between two frames", Buffer.concat([header(MSG.CANCEL, 0), Buffer.alloc(16)])],
    ])("%s", async ([, bytes]) => {
      peer.peer.sendBytes(bytes);
      await expectRefused(peer.peer);
    });

    test("and ends the runs that it had, and those alone", async () => {
      const { id, slot } = peer.run("ticks", { args: ["theirs"] });
      await peer.has(id, 1);
      peer.peer.send([0x7f, 1]);
      await expectRefused(peer.peer);
      await worker.frees(slot);
      expect(worker.notes).toContain("theirs settled");
    });
  });

  test.for<Role>(["http-worker", "gateway", "app"])("serves a client in the role %s", async (role) => {
    const peer = await worker.client(role);
    expect((await peer.outcome("echo", { args: [1] })).result).toEqual([1]);
  });

  describe("of the dirty arbiter", () => {
    test.for<[string, Message]>([
      ["a REVOKE without a slot", [MSG.REVOKE, 0, {}]],
      ["a WELCOME without an epoch", [MSG.WELCOME, 0, {}]],
      [
        "a RUN without a stream, which has no reader",
        [MSG.RUN, 0, { slot: 1, app: "a", action: "b", args: [], ms_left: 1, request_id: "r" }],
      ],
    ])("refuses %s, and registers anew", async ([, message]) => {
      const { arbiter } = worker;
      arbiter.send(message);
      await arbiter.end();
      await worker.register();
      expect(worker.ready["running"]).toHaveLength(1);
      await goesOn();
    });

    test("takes no notice of a message of a type that it does not know", async () => {
      worker.arbiter.send([0x7f, 0, [1]], [0x7e, 0]);
      await worker.heard();
      expect(worker.arbiter.closed).toBe(false);
    });
  });
});
