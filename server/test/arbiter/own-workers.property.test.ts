import fc from "fast-check";
import pino from "pino";
import { describe, expect, test } from "vitest";
import { Assignments } from "../../src/arbiter/assignments.ts";
import type { Child } from "../../src/arbiter/child.ts";
import type { Crew } from "../../src/arbiter/crew.ts";
import { Generations } from "../../src/arbiter/generations.ts";
import { WorkerCount } from "../../src/arbiter/worker-count.ts";
import { resolveSettings } from "../../src/config/resolve.ts";
import type { AppStatics } from "../../src/process/channel.ts";

const { settings } = resolveSettings([], { cwd: "/", configFile: undefined });
const log = pino({ level: "silent" });
const ignored = { appsChanged: () => {}, committed: () => {}, abandoned: () => {} };

/** An app, and what there is to say of its workers: in its spec, and in its class. */
interface TestApp {
  readonly name: string;
  readonly python: boolean;
  readonly inSpec: number | undefined;
  readonly inClass: number | undefined;
}

const some = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
const apps: fc.Arbitrary<TestApp[]> = fc
  .array(fc.record({ python: fc.boolean(), inSpec: some, inClass: some }), { minLength: 1, maxLength: 5 })
  .map((list) =>
    list.map((app, at) => ({ ...app, name: app.python ? `python:app${at}:App` : `app${at}:App` })),
  );
/** What happens: a worker dies, or the operator wants more or fewer of an app's. */
const events = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("dies" as const), which: fc.nat(20) }),
    fc.record({
      kind: fc.constant("scale" as const),
      which: fc.nat(20),
      by: fc.integer({ min: -2, max: 2 }),
    }),
  ),
  { maxLength: 12 },
);

/** The dirty side of an arbiter without its processes. */
class Side {
  readonly generations: Generations;
  readonly count: WorkerCount;
  private readonly apps: readonly TestApp[];
  private readonly assignments = new Assignments({}, () => [], log);

  constructor(apps: readonly TestApp[], dirtyWorkers: number) {
    this.apps = apps;
    const dirtyApps = apps.map(({ name, inSpec }) => (inSpec === undefined ? name : `${name}:${inSpec}`));
    this.generations = new Generations(
      { ...settings, chdir: "/", dirtyApps, dirtyWorkers, dirtyOwnWorkers: true },
      ignored,
    );
    this.count = new WorkerCount(this.generations, log);
    this.converge();
  }

  get crews(): Crew[] {
    return this.generations.currentDirtyCrews;
  }

  /** How many workers there are of each app; throws where one has another number of apps than one. */
  get workers(): Record<string, number> {
    const counts = Object.fromEntries(this.apps.map(({ name }) => [name, 0]));
    for (const { apps } of this.crews.flatMap((crew) => [...crew.children])) {
      expect(apps).toHaveLength(1);
      for (const app of apps) counts[app] = (counts[app] ?? 0) + 1;
    }
    return counts;
  }

  /** Starts what is missing and stops what is too much, until nothing is. */
  converge(): void {
    for (let round = 0; round < 10; round++) {
      for (const crew of this.crews) {
        for (const child of crew.surplus()) crew.children.delete(child);
        const before = new Set(crew.children);
        crew.startMissing(Date.now(), child);
        for (const one of crew.children) {
          if (!before.has(one)) this.assignments.loaded(crew, one, this.staticsFor(crew));
        }
      }
    }
  }

  dies(which: number): void {
    const all = this.crews.flatMap((crew) => [...crew.children].map((one) => ({ crew, one })));
    const found = all[which % Math.max(1, all.length)];
    found?.crew.children.delete(found.one);
    this.converge();
  }

  // What the worker reads from the classes that it imports: its own app's, or those that share.
  private staticsFor({ own }: Crew): AppStatics[] {
    return this.apps
      .filter(({ name }) => own?.name === name)
      .map(({ name, python, inSpec, inClass }) => ({
        app: name,
        workers: inSpec ?? inClass ?? (python ? 1 : undefined),
        resources: {},
      }));
  }
}

function child(): Child {
  const fake = { apps: [], stopping: false, wornOut: false, ready: true, waiting: false, tell: () => {} };
  return fake as unknown as Child;
}

describe("with dirtyOwnWorkers, whatever dies and however they are scaled,", () => {
  test("each app has as many workers as it says or the operator wants, and no worker has two apps", () => {
    fc.assert(
      fc.property(apps, fc.integer({ min: 1, max: 3 }), events, (list, dirtyWorkers, happens) => {
        const side = new Side(list, dirtyWorkers);
        const expected = Object.fromEntries(
          list.map(({ name, python, inSpec, inClass }) => [
            name,
            inSpec ?? inClass ?? (python ? 1 : dirtyWorkers),
          ]),
        );
        expect(side.workers).toEqual(expected);
        for (const event of happens) {
          if (event.kind === "dies") side.dies(event.which);
          else {
            const { name = "" } = list[event.which % list.length] ?? {};
            const wanted = (expected[name] ?? 0) + event.by;
            if (wanted < 1) expect(() => side.count.changeExactly("dirty-worker", event.by, name)).toThrow();
            else expected[name] = side.count.changeExactly("dirty-worker", event.by, name);
            if (wanted >= 1) expect(expected[name]).toBe(wanted);
            side.converge();
          }
          expect(side.workers).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });
});
