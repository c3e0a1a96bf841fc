import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { type Client, StreamDesk } from "./stream-desk.ts";

const ANN: Client = { name: "ann" };
const BEN: Client = { name: "ben" };
const NOT_FOUND = { error: "DIRTY_STREAM_NOT_FOUND" };
const GONE = { error: "DIRTY_STREAM_GONE" };
const CANCELLED = { error: "DIRTY_CANCELLED" };

describe("a stream", () => {
  test("is placed once, and found by all who ask then", () => {
    const desk = new StreamDesk();
    const first = desk.place(ANN, "s");
    const [second, third] = [desk.place(BEN, "s"), desk.find(BEN, "s")];
    expect(desk.requests).toHaveLength(1);
    const slot = desk.grant(1);
    expect(desk.answers(first)).toEqual([{ placed: slot }]);
    expect(desk.answers(second)).toEqual([{ queued: true }, { found: slot }]);
    expect(desk.answers(third)).toEqual([{ queued: true }, { found: slot }]);
    expect(desk.answers(desk.find(ANN, "s"))).toEqual([{ found: slot }]);
    expect(desk.answers(desk.place(ANN, "s"))).toEqual([{ found: slot }]);
    expect(desk.requests).toHaveLength(0);
  });

  test("that was let in before is placed as such", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "new");
    desk.place(ANN, "known", { again: true });
    expect(desk.requests.map(({ again }) => again)).toEqual([undefined, true]);
  });

  test("that its worker forgot is not found", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    desk.directory.started([slot]);
    desk.directory.forgotten(2, { stream: "s", slot });
    desk.directory.forgotten(1, { stream: "s", slot: slot + 1 });
    expect(desk.answers(desk.find(ANN, "s"))).toEqual([{ found: slot }]);
    desk.directory.forgotten(1, { stream: "s", slot });
    expect(desk.answers(desk.find(ANN, "s"))).toEqual([NOT_FOUND]);
    expect(desk.directory.size).toBe(0);
  });

  test("that placement rejects is over for all who wait", () => {
    const desk = new StreamDesk();
    const asked = [desk.place(ANN, "s"), desk.find(BEN, "s")];
    const [request] = desk.requests;
    if (request === undefined) throw new Error("no request");
    desk.end(BEN, "t");
    desk.directory.rejected(request, Object.assign(new Error(), { code: "FULL", details: {} }) as never);
    expect(asked.map((id) => desk.answers(id).at(-1))).toEqual([{ error: "FULL" }, { error: "FULL" }]);
    expect(desk.directory.size).toBe(0);
  });
});

describe("the place of a stream that waits", () => {
  test("is told to all who wait for it, and when it changes to those who want to know", () => {
    const desk = new StreamDesk();
    const first = desk.place(ANN, "s");
    expect(desk.requests.map(({ notices }) => notices)).toEqual([true]);
    desk.queued(7);
    const [second, third] = [desk.find(BEN, "s"), desk.place(BEN, "s", { notices: true })];
    desk.queued(4);
    const fourth = desk.find(ANN, "s", undefined, true);
    desk.queued(3);
    expect(desk.places).toEqual([
      { id: first, position: 7 },
      { id: second, position: 7 },
      { id: third, position: 7 },
      { id: third, position: 4 },
      { id: fourth, position: 4 },
      { id: third, position: 3 },
      { id: fourth, position: 3 },
    ]);
  });

  test("is told to its first reader where that wants to know", () => {
    const desk = new StreamDesk();
    const first = desk.place(ANN, "s", { notices: true });
    desk.queued(2);
    desk.queued(1);
    expect(desk.places).toEqual([
      { id: first, position: 2 },
      { id: first, position: 1 },
    ]);
  });

  test("is told anew when it waits again because its worker died", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    desk.queued(0);
    const old = desk.grant(1);
    desk.directory.started([old]);
    desk.directory.workerGone(1);
    const reader = desk.find(BEN, "s");
    const again = desk.place(ANN, "s", { lost: old });
    desk.queued(5);
    expect(desk.places.slice(1)).toEqual([
      { id: again, position: 5 },
      { id: reader, position: 5 },
    ]);
  });
});

describe("when its worker dies", () => {
  test("the first reader that says so has it placed again, and the others find that run", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const old = desk.grant(1);
    desk.directory.started([old]);
    const first = desk.place(BEN, "s", { lost: old });
    const second = desk.place(ANN, "s", { lost: old });
    expect(desk.revoked).toEqual([{ worker: 1, slot: old, cancel: true }]);
    expect(desk.requests).toHaveLength(1);
    const slot = desk.grant(2);
    expect(desk.answers(first)).toEqual([{ placed: slot }]);
    expect(desk.answers(second)).toEqual([{ queued: true }, { found: slot }]);
    // News of the death comes late, and must not reach the new run.
    desk.directory.workerGone(1);
    expect(desk.answers(desk.place(ANN, "s", { lost: old }))).toEqual([{ found: slot }]);
  });

  test("a reader has a second to say so before it is gone", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const old = desk.grant(1);
    desk.directory.started([old]);
    desk.directory.workerGone(1);
    const waiting = desk.find(BEN, "s");
    expect(desk.answers(waiting)).toEqual([]);
    desk.wait(500);
    desk.place(ANN, "s", { lost: old });
    desk.queued(0);
    const slot = desk.grant(2);
    expect(desk.answers(waiting)).toEqual([{ queued: true }, { found: slot }]);
  });

  test("or gives the stream up, it is the same", () => {
    const desk = new StreamDesk();
    for (const stream of ["s", "t"]) desk.place(ANN, stream);
    const [slot, other] = [desk.grant(1), desk.grant(1)];
    desk.directory.started([slot, other]);
    desk.directory.forgotten(1, { stream: "s", slot, gone: true });
    desk.directory.forgotten(1, { stream: "t", slot: other, gone: true });
    const reader = desk.place(ANN, "t", { lost: other });
    desk.directory.workerGone(1);
    const next = desk.grant(2);
    expect(desk.answers(reader)).toEqual([{ placed: next }]);
    const asked = desk.find(BEN, "s");
    desk.wait(1000);
    expect(desk.answers(asked)).toEqual([GONE]);
    expect(desk.answers(desk.find(BEN, "s"))).toEqual([GONE]);
  });

  test("and no reader says so, it is gone, and that is remembered for a while", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    desk.directory.started([desk.grant(1)]);
    desk.directory.workerGone(1);
    const waiting = desk.find(BEN, "s");
    desk.wait(1100);
    expect(desk.answers(waiting)).toEqual([GONE]);
    expect([desk.find(BEN, "s"), desk.end(BEN, "s")].map((id) => desk.answers(id))).toEqual([[GONE], [GONE]]);
    desk.wait(301_000);
    expect(desk.answers(desk.find(BEN, "s"))).toEqual([NOT_FOUND]);
    expect(desk.directory.size).toBe(0);
    expect(desk.directory.idle).toBe(true);
  });
});

describe("when its client leaves while it waits", () => {
  test("another that can make the run does", () => {
    const desk = new StreamDesk();
    const first = desk.place(ANN, "s");
    const second = desk.place(BEN, "s");
    expect(desk.directory.cancel(ANN, first)).toBe(true);
    const slot = desk.grant(1);
    expect(desk.answers(second).at(-1)).toEqual({ placed: slot });
    expect(desk.answers(first)).toEqual([]);
  });

  test("the dirty arbiter makes the run where another client waits for it", () => {
    const desk = new StreamDesk();
    const first = desk.place(ANN, "s");
    const second = desk.find(BEN, "s");
    desk.directory.cancel(ANN, first);
    const slot = desk.grant(3);
    expect(desk.adopted).toEqual([{ worker: 3, slot, args: ["ann"] }]);
    expect(desk.answers(second).at(-1)).toEqual({ found: slot });
  });

  test("and no other client wants it, it is dropped", () => {
    const desk = new StreamDesk();
    desk.directory.cancel(ANN, desk.place(ANN, "s"));
    expect(desk.requests).toHaveLength(0);
    expect(desk.directory.size).toBe(0);
  });

  test("because it died, the dirty arbiter makes the run, if a client asks for it within the grace", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "kept");
    desk.place(ANN, "left");
    desk.directory.peerGone(ANN);
    desk.wait(4000);
    const asked = desk.find(BEN, "kept");
    desk.wait(2000);
    expect(desk.requests).toHaveLength(1);
    expect(desk.answers(desk.find(BEN, "left"))).toEqual([NOT_FOUND]);
    const slot = desk.grant(1);
    expect(desk.adopted).toHaveLength(1);
    expect(desk.answers(asked).at(-1)).toEqual({ found: slot });
  });

  test("and its request was too large to keep, it is gone", () => {
    const desk = new StreamDesk({ maxPayloads: 1000 });
    desk.place(ANN, "fits", {}, 900);
    desk.place(ANN, "large", {}, 101);
    const waiting = desk.find(BEN, "large");
    desk.directory.peerGone(ANN);
    expect(desk.answers(waiting).at(-1)).toEqual(GONE);
    expect(desk.requests).toHaveLength(1);
    // What is used counts no more.
    desk.directory.started([desk.grant(1)]);
    desk.place(BEN, "next", {}, 1000);
    desk.directory.peerGone(BEN);
    desk.grant(1);
    expect(desk.adopted).toHaveLength(2);
  });
});

describe("what a run is called with is kept", () => {
  function runOf(prompt: string) {
    return { args: [prompt], request_id: "r" };
  }

  function keeps(desk: StreamDesk, prompt: string): boolean {
    return inspect(desk.directory, { depth: 20 }).includes(prompt);
  }

  test("once, and only until a worker has it", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s", { run: runOf("first prompt") });
    desk.place(BEN, "s", { run: runOf("second prompt") });
    expect([keeps(desk, "first prompt"), keeps(desk, "second prompt")]).toEqual([true, false]);
    desk.directory.started([desk.grant(1)]);
    expect(keeps(desk, "first prompt")).toBe(false);
    expect(desk.directory.size).toBe(1);
  });

  test("not where there is no room, nor for a question that comes too early", () => {
    const desk = new StreamDesk({ maxPayloads: 99 }, true);
    desk.place(ANN, "large", { run: runOf("large prompt") }, 100);
    const early = desk.place(BEN, "early", { run: runOf("early prompt"), lost: 3 }, 1);
    expect([keeps(desk, "large prompt"), keeps(desk, "early prompt")]).toEqual([false, false]);
    desk.directory.settle();
    desk.grant(1);
    const slot = desk.grant(1);
    expect(desk.answers(early)).toEqual([{ placed: slot }]);
  });
});

describe("a slot that was granted to a client that died", () => {
  test("and was not used has the run made by the dirty arbiter", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    desk.directory.peerGone(ANN);
    expect(desk.revoked).toEqual([{ worker: 1, slot, cancel: false }]);
    desk.directory.freed(slot, true);
    // It had its slot: a queue that is full meanwhile does not turn it away.
    expect(desk.requests.map(({ again }) => again)).toEqual([true]);
    const again = desk.grant(2);
    expect(desk.adopted).toEqual([{ worker: 2, slot: again, args: ["ann"] }]);
  });

  test("and was used leaves the run as it is", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    desk.directory.peerGone(ANN);
    desk.directory.freed(slot, false);
    expect(desk.requests).toHaveLength(0);
    expect(desk.answers(desk.find(BEN, "s"))).toEqual([{ found: slot }]);
  });

  test("is not offered for ever when workers refuse the run", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    desk.directory.peerGone(ANN);
    let grants = 0;
    while (desk.requests.length > 0) desk.directory.freed(desk.grant(++grants), true);
    expect(grants).toBeGreaterThan(1);
    expect(grants).toBeLessThan(20);
    desk.wait(1100);
    expect(desk.answers(desk.find(BEN, "s"))).toEqual([GONE]);
  });
});

test("a slot that a worker refused to a living client has the run made for both of them", () => {
  const desk = new StreamDesk();
  desk.place(ANN, "s");
  const refused = desk.grant(1);
  const early = desk.place(BEN, "s", { lost: refused });
  desk.directory.freed(refused, true);
  expect(desk.requests).toHaveLength(1);
  const slot = desk.grant(2);
  expect(desk.answers(early)).toEqual([{ placed: slot }]);
  desk.directory.freed(slot, true);
  const late = desk.place(ANN, "s", { lost: slot });
  expect(desk.requests).toHaveLength(1);
  const adopted = desk.grant(3);
  expect(desk.adopted).toEqual([{ worker: 3, slot: adopted, args: ["ben"] }]);
  expect(desk.answers(late)).toEqual([{ queued: true }, { found: adopted }]);
});

describe("a stream that is ended by its name", () => {
  test("while it waits is over for all", () => {
    const desk = new StreamDesk();
    const asked = [desk.place(ANN, "s"), desk.find(BEN, "s")];
    expect(desk.answers(desk.end(BEN, "s"))).toEqual([{ ended: true }]);
    expect(asked.map((id) => desk.answers(id).at(-1))).toEqual([CANCELLED, CANCELLED]);
    expect(desk.requests).toHaveLength(0);
    expect(desk.answers(desk.end(BEN, "s"))).toEqual([NOT_FOUND]);
  });

  test("while a worker has it is ended there", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    expect(desk.answers(desk.end(BEN, "s"))).toEqual([{ found: slot }]);
  });
});

describe("a stream that is ended by its name after its worker died", () => {
  function lost(): { desk: StreamDesk; slot: number } {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    desk.directory.started([slot]);
    desk.directory.workerGone(1);
    return { desk, slot };
  }

  test("is not continued for readers that hear of the death later", () => {
    const { desk, slot } = lost();
    const waits = desk.find(BEN, "s", slot);
    expect(desk.answers(desk.end(BEN, "s"))).toEqual([{ ended: true }]);
    expect(desk.answers(waits)).toEqual([CANCELLED]);
    expect(desk.answers(desk.place(ANN, "s", { lost: slot }))).toEqual([CANCELLED]);
    expect(desk.answers(desk.find(BEN, "s", slot))).toEqual([CANCELLED]);
    expect(desk.requests).toEqual([]);
    // For everybody else it is as any that was cancelled.
    expect(desk.answers(desk.find(BEN, "s"))).toEqual([NOT_FOUND]);
    expect(desk.answers(desk.end(BEN, "s"))).toEqual([NOT_FOUND]);
    desk.wait(300_100);
    expect(desk.directory.size).toBe(0);
    expect(desk.directory.idle).toBe(true);
  });

  test("and while it waits for another one, is not continued for its second reader either", () => {
    const { desk, slot } = lost();
    const first = desk.place(ANN, "s", { lost: slot });
    expect(desk.answers(desk.end(BEN, "s"))).toEqual([{ ended: true }]);
    expect(desk.answers(first)).toEqual([CANCELLED]);
    expect(desk.answers(desk.place(BEN, "s", { lost: slot }))).toEqual([CANCELLED]);
    expect(desk.requests).toEqual([]);
  });
});

describe("a new dirty arbiter", () => {
  test("knows the streams of the workers that registered", () => {
    const desk = new StreamDesk({}, true);
    const early = [desk.find(ANN, "s"), desk.end(BEN, "s"), desk.find(ANN, "t")];
    desk.ready(1, [{ stream: "s", slot: 7 }]);
    expect(early.map((id) => desk.answers(id))).toEqual([[{ found: 7 }], [{ found: 7 }], []]);
    desk.directory.settle();
    expect(early.map((id) => desk.answers(id)).at(-1)).toEqual([NOT_FOUND]);
    expect(desk.answers(desk.find(ANN, "t"))).toEqual([NOT_FOUND]);
  });

  test("gives a request that came before its run's worker that run", () => {
    const desk = new StreamDesk({}, true);
    const id = desk.place(ANN, "s", { lost: 3 });
    desk.ready(1, [{ stream: "s", slot: 7 }]);
    expect(desk.answers(id)).toEqual([{ found: 7 }]);
    expect(desk.requests).toHaveLength(0);
  });

  test("answers those who asked before the client of a waiting stream came back", () => {
    const desk = new StreamDesk({}, true);
    const [early, other] = [desk.find(BEN, "s"), desk.find(BEN, "t")];
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    expect(desk.answers(early)).toEqual([{ queued: true }, { found: slot }]);
    const ends = desk.end(BEN, "u");
    const place = desk.place(ANN, "u");
    expect([desk.answers(ends), desk.answers(place)]).toEqual([[{ ended: true }], [CANCELLED]]);
    expect(desk.answers(other)).toEqual([]);
  });

  test("waits for the workers that live before it says that there is no such stream", () => {
    const desk = new StreamDesk({}, true, [1, 2, 3]);
    const [find, end, other] = [desk.find(ANN, "s"), desk.end(BEN, "t"), desk.find(BEN, "u")];
    desk.ready(1, []);
    desk.directory.settle();
    desk.wait(5000);
    expect([find, end, other].map((id) => desk.answers(id))).toEqual([[], [], []]);
    desk.ready(2, [{ stream: "s", slot: 7 }]);
    expect(desk.answers(find)).toEqual([{ found: 7 }]);
    desk.directory.workerGone(3);
    expect([end, other].map((id) => desk.answers(id))).toEqual([[NOT_FOUND], [NOT_FOUND]]);
    expect(desk.answers(desk.find(ANN, "v"))).toEqual([NOT_FOUND]);
    expect(desk.directory.idle).toBe(true);
  });

  test("makes no second run of a stream that a worker may have which is not heard of yet", () => {
    const desk = new StreamDesk({}, true, [1]);
    desk.directory.settle();
    const [finder, first, second] = [
      desk.find(BEN, "s"),
      desk.place(ANN, "s", { lost: 3 }),
      desk.place(BEN, "s", { lost: 3 }),
    ];
    const alone = desk.place(ANN, "t", { lost: 4 });
    desk.place(ANN, "new");
    expect(desk.requests).toHaveLength(1);
    desk.ready(1, [{ stream: "s", slot: 7 }]);
    for (const id of [finder, first, second]) expect(desk.answers(id)).toEqual([{ found: 7 }]);
    // No worker has the other: now it is continued.
    expect(desk.requests).toHaveLength(2);
    desk.grant(1);
    const slot = desk.grant(1);
    expect(desk.answers(alone)).toEqual([{ placed: slot }]);
  });

  test("lets a client that asked for a stream find the run with which it is continued", () => {
    const desk = new StreamDesk({}, true, [1]);
    desk.directory.settle();
    const finder = desk.find(BEN, "s");
    const readers = [desk.place(ANN, "s", { lost: 3 }), desk.place(BEN, "s", { lost: 3 })];
    desk.directory.workerGone(1);
    expect(desk.requests).toHaveLength(1);
    const slot = desk.grant(2);
    expect(desk.answers(finder).at(-1)).toEqual({ found: slot });
    expect(readers.map((id) => desk.answers(id).at(-1))).toEqual([{ placed: slot }, { found: slot }]);
  });

  test("says when to ask again where a worker does not come in time", () => {
    const desk = new StreamDesk({}, true, [1]);
    desk.directory.settle();
    const asked = [desk.find(ANN, "s"), desk.end(ANN, "s")];
    desk.wait(29_000);
    expect(asked.map((id) => desk.answers(id))).toEqual([[], []]);
    desk.wait(1000);
    const late = [{ error: "DIRTY_QUEUE_TIMEOUT" }];
    expect(asked.map((id) => desk.answers(id))).toEqual([late, late]);
    expect(desk.directory.idle).toBe(true);
  });

  test("counts what a lost stream has waited for its predecessor too", () => {
    const desk = new StreamDesk({}, true, [1]);
    desk.place(ANN, "s", { lost: 3, since: desk.now - 4500 });
    desk.place(ANN, "t", { lost: 4, since: desk.now - 9000 });
    desk.wait(400);
    // The workers that are quick come first.
    expect(desk.requests).toHaveLength(0);
    desk.directory.settle();
    desk.wait(100);
    expect(desk.requests).toHaveLength(2);
  });

  test("does not end the answers of others because a worker stands still", () => {
    const desk = new StreamDesk({}, true, [1, 2]);
    desk.directory.settle();
    const finder = desk.find(BEN, "s");
    const readers = [desk.place(ANN, "s", { lost: 3 }), desk.place(BEN, "s", { lost: 3 })];
    desk.wait(4900);
    expect(desk.requests).toHaveLength(0);
    desk.wait(100);
    expect(desk.requests).toHaveLength(1);
    const slot = desk.grant(2);
    expect(readers.map((id) => desk.answers(id).at(-1))).toEqual([{ placed: slot }, { found: slot }]);
    expect(desk.answers(finder).at(-1)).toEqual({ found: slot });
  });

  test("forgets a question that was taken back, and its asker", () => {
    const desk = new StreamDesk({}, true);
    const id = desk.find(ANN, "s");
    const other = desk.find(BEN, "s");
    expect(desk.directory.cancel(ANN, id)).toBe(true);
    desk.directory.peerGone(BEN);
    desk.ready(1, [{ stream: "s", slot: 7 }]);
    expect([desk.answers(id), desk.answers(other)]).toEqual([[], []]);
    expect(desk.directory.idle).toBe(true);
  });

  test("a worker that registers again no longer has what it does not name", () => {
    const desk = new StreamDesk();
    desk.ready(1, [
      { stream: "s", slot: 7 },
      { stream: "t", slot: 8 },
    ]);
    desk.ready(1, [{ stream: "t", slot: 8 }]);
    expect([desk.find(ANN, "s"), desk.find(ANN, "t")].map((id) => desk.answers(id))).toEqual([
      [NOT_FOUND],
      [{ found: 8 }],
    ]);
  });

  test("but what it was just given may be on its way to it", () => {
    const desk = new StreamDesk();
    desk.place(ANN, "s");
    const slot = desk.grant(1);
    desk.ready(1, []);
    expect(desk.answers(desk.find(ANN, "s"))).toEqual([{ found: slot }]);
  });
});

test("a run that was taken back stays so, though its worker still names it", () => {
  const desk = new StreamDesk();
  desk.place(ANN, "s");
  const old = desk.grant(1);
  desk.directory.started([old]);
  desk.place(BEN, "s", { lost: old });
  desk.ready(1, [{ stream: "s", slot: old }]);
  expect(desk.requests).toHaveLength(1);
  const slot = desk.grant(2);
  desk.ready(1, [{ stream: "s", slot: old }]);
  expect(desk.answers(desk.find(ANN, "s"))).toEqual([{ found: slot }]);
});

test("there are never more streams than allowed: what is gone is forgotten first", () => {
  const desk = new StreamDesk({ maxStreams: 10 });
  desk.ready(
    1,
    Array.from({ length: 8 }, (_, n) => ({ stream: `old-${n}`, slot: n + 1 })),
  );
  desk.ready(2, [{ stream: "other", slot: 20 }]);
  desk.directory.workerGone(2);
  desk.wait(1100);
  const more = Array.from({ length: 3 }, (_, n) => desk.place(ANN, `new-${n}`));
  expect(desk.directory.size).toBe(10);
  expect(desk.requests).toHaveLength(3);
  expect(desk.answers(desk.find(BEN, "other"))).toEqual([NOT_FOUND]);
  expect(desk.answers(desk.find(BEN, "old-0"))).toEqual([NOT_FOUND]);
  expect(desk.answers(desk.find(BEN, "old-1"))).toEqual([{ found: 2 }]);
  expect(more).toHaveLength(3);
});

test("a client that waits too long is told so, and the stream stays for the others", () => {
  const desk = new StreamDesk();
  desk.place(ANN, "s");
  const finder = desk.find(BEN, "s");
  desk.wait(31_000);
  expect(desk.answers(finder).at(-1)).toEqual({ error: "DIRTY_QUEUE_TIMEOUT" });
  expect(desk.requests).toHaveLength(1);
});
