/** The contract's app in TypeScript's runtime. Its twin is contract_app.py: the same actions, which do the same. */
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp, DirtyError, getDirtyClient, stash } from "tsunicorn";

/** Tells the test, which reads the file. */
function note(text) {
  appendFileSync("notes.log", `${text}\n`);
}

/** Waits until the test opens the gate of that name, whatever else is asked of the run. */
async function gate(name) {
  while (!existsSync(`${name}.open`)) await sleep(5);
}

async function aborted(signal) {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

export class App extends DirtyApp {
  static concurrency = Number(process.env.CONCURRENCY);
  static continues = ["counts", "letters"];

  echo(...args) {
    return args;
  }

  async echoLater(...args) {
    await sleep(1);
    return args;
  }

  defaults(a, b = 2, c = 3) {
    return [a, b, c];
  }

  /** Runs until it is aborted. */
  async hold(name) {
    note(`${name} began`);
    await aborted(this.request.signal);
    note(`${name} settled`);
    return "not heard";
  }

  async holdLater(name) {
    return this.hold(name);
  }

  /** Yields for ever, and waits between. */
  async *ticks(name) {
    note(`${name} began`);
    try {
      for (let n = 0; ; n++) {
        yield n;
        await sleep(2);
      }
    } finally {
      note(`${name} settled`);
    }
  }

  /** Yields texts for ever, and waits for nothing. */
  *floods(name, size) {
    note(`${name} began`);
    try {
      for (let n = 0; ; n++) yield String(n).padStart(size);
    } finally {
      note(`${name} settled`);
    }
  }

  /** Yields once, then waits for its gate, then floods. */
  async *gated(name, size) {
    yield "first";
    await gate(name);
    for (let n = 0; ; n++) yield String(n).padStart(size);
  }

  /** Thinks until it is aborted, before its first chunk. */
  async *thinks(name) {
    try {
      note(`${name} began`);
      await aborted(this.request.signal);
      yield "too late";
    } finally {
      note(`${name} settled`);
    }
  }

  /** Hears of no abort; ends when its gate is open. */
  async deaf(name) {
    note(`${name} began`);
    await gate(name);
    note(`${name} settled`);
    return "not heard";
  }

  *counts(n) {
    for (let i = this.request.emitted.length; i < n; i++) yield i;
  }

  async *countsLater(n) {
    for (let i = 0; i < n; i++) {
      await sleep(1);
      yield i;
    }
  }

  /** Yields once, and runs until it is aborted. */
  async *waits(name) {
    try {
      yield "here";
      await aborted(this.request.signal);
    } finally {
      note(`${name} settled`);
    }
  }

  /** Yields once; ends when its gate is open. */
  async *endsLater(name) {
    yield "here";
    await gate(name);
    yield "there";
  }

  *large(n, size) {
    for (let i = 0; i < n; i++) yield String(i).padStart(size);
  }

  *letters(n, size) {
    yield* this.large(n, size);
  }

  result(size) {
    return "x".repeat(size);
  }

  *emits() {
    yield* this.request.emitted;
    yield this.request.id;
  }

  unsendable() {
    return { rows: [new Date(0)] };
  }

  *yieldsUnsendable() {
    yield "good";
    yield new Date(0);
  }

  fails(message) {
    throw new TypeError(message);
  }

  failsTyped() {
    throw new DirtyError("mine", { details: { n: 1 } });
  }

  async *failsMidway(message) {
    yield "a";
    await sleep(1);
    yield "b";
    throw new TypeError(message);
  }

  dies() {
    process.kill(process.pid, "SIGKILL");
    for (;;);
  }

  async putAndGet(table, key, value) {
    await stash.put(table, key, value);
    return [await stash.get(table, key), await stash.get(table, "missing", "the default")];
  }

  async calls(app, action, ...args) {
    return getDirtyClient().execute(app, action, ...args);
  }

  _hidden() {
    return "hidden";
  }
}
