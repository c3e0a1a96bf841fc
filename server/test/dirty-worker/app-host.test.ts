import { afterEach, describe, expect, test, vi } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { AppClass } from "../../src/dirty-worker/app-host.ts";

afterEach(() => {
  vi.resetModules();
});

class Plain extends DirtyApp {}

class Limited extends DirtyApp {
  static override workers = 2;
  static override concurrency = 8;
}

class Child extends Limited {
  static override concurrency = 3;
}

describe("an app's class", () => {
  test("without statics runs everywhere, one request at a time", async () => {
    const app = new AppClass("a:Plain", Plain, undefined);
    expect(app.describe()).toEqual({ app: "a:Plain", workers: undefined, resources: {}, actions: [] });
    expect((await app.load()).describe()).toEqual({
      app: "a:Plain",
      concurrency: 1,
      continues: [],
      actions: [],
    });
  });

  test("says in how many workers and how many at once", async () => {
    const app = new AppClass("a:Limited", Limited, undefined);
    expect(app.describe().workers).toBe(2);
    expect((await app.load()).concurrency).toBe(8);
  });

  test("inherits what it does not say itself", async () => {
    const app = new AppClass("a:Child", Child, undefined);
    expect(app.describe().workers).toBe(2);
    expect((await app.load()).concurrency).toBe(3);
  });

  test("says which of its actions can go on elsewhere", async () => {
    class Continues extends DirtyApp {
      static override continues = ["generate", "inherited"];
      *generate() {}
      *inherited() {}
    }
    class Heir extends Continues {}
    const host = await new AppClass("a:Heir", Heir, undefined).load();
    expect(host.describe().continues).toEqual(["generate", "inherited"]);
  });

  test.for<[string, unknown, string]>([
    ["a name of nothing", ["generte"], 'the app has no action "generte"'],
    ["a method that cannot be called", ["init"], 'the app has no action "init"'],
    ["something that is no name", [3], "it has a number in it"],
    ["no list", "generate", "it is a string"],
  ])("that names as continues %s cannot start", ([, continues, what]) => {
    class Wrong extends DirtyApp {
      static override continues = continues as string[];
      *generate() {}
    }
    expect(() => new AppClass("a:Wrong", Wrong, undefined).describe()).toThrow(
      `static continues of the dirty app a:Wrong must be a list of names of its actions, but ${what}.`,
    );
  });

  test("is overridden by the N of its spec", () => {
    expect(new AppClass("a:Limited", Limited, 5).describe().workers).toBe(5);
  });

  test.for([0, -1, 1.5, "2", Number.NaN, null])("with a static of %s is refused by name", (value) => {
    class Wrong extends DirtyApp {}
    Object.assign(Wrong, { workers: value });
    expect(() => new AppClass("a:Wrong", Wrong, undefined).describe()).toThrow(/static workers .*a:Wrong/);
    class WrongToo extends DirtyApp {}
    Object.assign(WrongToo, { concurrency: value });
    return expect(new AppClass("a:WrongToo", WrongToo, undefined).load()).rejects.toThrow(
      /static concurrency .*a:WrongToo/,
    );
  });

  test.for<[name: string, exported: unknown]>([
    ["nothing", undefined],
    ["an object", {}],
    ["a function", () => {}],
    ["a class of its own", class {}],
    ["an instance of an app", new Plain()],
    ["text", "Plain"],
  ])("is not %s", ([, exported]) => {
    expect(() => new AppClass("a:What", exported, undefined)).toThrow(/a:What/);
  });

  test("may extend another copy of the package's DirtyApp", async () => {
    vi.resetModules();
    const copy: typeof import("../../src/dirty/app.ts") = await import("../../src/dirty/app.ts");
    class Foreign extends copy.DirtyApp {
      hello(): string {
        return "hello";
      }
    }
    const host = await new AppClass("a:Foreign", Foreign, undefined).load();
    expect(host.action("hello")).toBeTypeOf("function");
    expect(host.action("init")).toBeUndefined();
  });
});

describe("loading an app", () => {
  test("waits for init, and fails with it", async () => {
    const order: string[] = [];
    class Slow extends DirtyApp {
      override async init(): Promise<void> {
        await null;
        order.push("init");
      }
    }
    await new AppClass("a:Slow", Slow, undefined).load();
    expect(order).toEqual(["init"]);
    class Broken extends DirtyApp {
      override init(): void {
        throw new Error("no model");
      }
    }
    await expect(new AppClass("a:Broken", Broken, undefined).load()).rejects.toThrow("no model");
  });
});
