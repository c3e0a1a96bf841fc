import { closeSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AcceptGate } from "../../src/http-worker/accept-gate.ts";
import { ConnectionTable } from "../../src/process/connection-table.ts";

let folder: string;
let table: ConnectionTable;
let workers: Worker[];

/** A worker whose listening handle only notes whether it is watched. */
class Worker {
  accepts = true;
  readonly gate: AcceptGate;

  constructor(slot: number) {
    this.gate = new AcceptGate(table, slot);
    const handle = {
      readStart: () => {
        this.accepts = true;
        return 0;
      },
      readStop: () => {
        this.accepts = false;
        return 0;
      },
    };
    this.gate.add({ _handle: handle } as unknown as Server);
    this.gate.start();
    workers.push(this);
  }

  open(count = 1): this {
    for (let i = 0; i < count; i++) this.gate.opened();
    return this;
  }

  close(count = 1): this {
    for (let i = 0; i < count; i++) this.gate.closed();
    return this;
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  const created = ConnectionTable.create(folder);
  if (created === undefined) throw new Error("there is no place for a table");
  table = created;
  workers = [];
});

afterEach(() => {
  for (const { gate } of workers) gate.stop();
  closeSync(table.fd);
  rmSync(folder, { recursive: true, force: true });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("it did not happen in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("the table", () => {
  test("has what each worker said, and not what the reader said itself", () => {
    table.write(0, { held: 3, taken: 7 });
    table.write(2, { held: 0, taken: 2 ** 32 + 5 });
    expect(table.others(0)).toEqual([{ held: 0, taken: 5 }]);
    expect(table.others(1)).toEqual([
      { held: 3, taken: 7 },
      { held: 0, taken: 5 },
    ]);
    table.write(0, undefined);
    expect(table.others(1)).toEqual([{ held: 0, taken: 5 }]);
  });

  test("leaves no file behind", () => {
    const name = `tsunicorn-connections-${process.pid}`;
    for (const place of [folder, tmpdir(), "/dev/shm"])
      expect(readdirSync(place).filter((file) => file.startsWith(name))).toEqual([]);
  });
});

describe("a worker", () => {
  test("that is alone takes every connection", () => {
    expect(new Worker(0).open(1000).accepts).toBe(true);
  });

  test("that holds more than its share leaves the next to the others, until they have caught up", async () => {
    const [one, two] = [new Worker(0), new Worker(1)];
    expect(one.open(2).accepts).toBe(false);
    expect(two.accepts).toBe(true);
    two.open(2);
    await until(() => one.accepts);
    // It stays so: it has not only looked.
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      expect(one.accepts).toBe(true);
    }
  });

  test("may hold a sixth more than the one with the fewest", () => {
    const [one, two] = [new Worker(0), new Worker(1)];
    for (let i = 0; i < 60; i++) {
      two.open();
      one.open();
    }
    for (let i = 0; i < 10; i++) {
      two.open().close();
      expect(one.open().accepts).toBe(true);
    }
    two.open().close();
    expect(one.open(1).accepts).toBe(false);
  });

  test("takes on as soon as one of its own connections closes that made it too many", () => {
    const [one, two] = [new Worker(0), new Worker(1)];
    two.open(1);
    expect(one.open(3).accepts).toBe(false);
    expect(one.close().accepts).toBe(true);
  });

  test("takes turns where all hold as many", () => {
    const [one, two] = [new Worker(0), new Worker(1)];
    for (let i = 0; i < 4; i++) one.open().close();
    expect(one.accepts).toBe(true);
    expect(one.open().close().accepts).toBe(false);
    expect(two.open().close().accepts).toBe(true);
  });

  test("looks now and then, so that a connection which no other takes does not wait for one that hangs", async () => {
    const [one] = [new Worker(0), new Worker(1)];
    one.open(9);
    for (let looks = 0; looks < 3; looks++) {
      expect(one.accepts).toBe(false);
      await until(() => one.accepts);
      await until(() => !one.accepts);
    }
  });

  test("does not wait for workers that take no connections any more, or were killed", async () => {
    const [one, two, three] = [new Worker(0), new Worker(1), new Worker(2)];
    three.open(2);
    two.gate.stop();
    expect(one.open(3).accepts).toBe(true);
    table.write(2, undefined);
    expect(one.open(9).accepts).toBe(true);
  });

  test("that is new does not have to catch up on all that the others took before", () => {
    const one = new Worker(0);
    for (let i = 0; i < 1000; i++) one.open().close();
    const two = new Worker(1);
    for (let i = 0; i < 4; i++) expect(two.open().close().accepts).toBe(true);
    expect(two.open().close().accepts).toBe(false);
  });

  test("that lagged behind for long does not have to catch up on all of it", () => {
    const [one, two] = [new Worker(0), new Worker(1)];
    for (let i = 0; i < 1000; i++) one.open().close();
    for (let i = 0; i < 30; i++) two.open().close();
    expect(two.accepts).toBe(false);
  });
});
