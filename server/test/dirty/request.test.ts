import { afterEach, describe, expect, test, vi } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { RequestContext, requestStorage } from "../../src/dirty/request.ts";

class App extends DirtyApp {
  id(): string {
    return this.request.id;
  }
}

afterEach(() => {
  vi.resetModules();
});

describe("this.request", () => {
  test("is the request that the running action serves", () => {
    const app = new App();
    const context = new RequestContext("r-1", 5, ["a"]);
    requestStorage().run(context, () => {
      expect(app.id()).toBe("r-1");
      expect(app.request.deadline).toBe(5);
      expect(app.request.emitted).toEqual(["a"]);
    });
  });

  test("outside of an action says so", () => {
    expect(() => new App().id()).toThrow(/while an action runs/);
  });

  test("is the same in two copies of the package", async () => {
    const context = new RequestContext("shared", 0, []);
    vi.resetModules();
    const copy: typeof import("../../src/dirty/app.ts") = await import("../../src/dirty/app.ts");
    expect(copy.DirtyApp).not.toBe(DirtyApp);
    class Other extends copy.DirtyApp {
      id(): string {
        return this.request.id;
      }
    }
    requestStorage().run(context, () => expect(new Other().id()).toBe("shared"));
  });
});

describe("its signal", () => {
  test("is aborted with the reason, once", () => {
    const context = new RequestContext("r", 0, []);
    const aborts: unknown[] = [];
    context.signal.addEventListener("abort", () => aborts.push(context.signal.reason));
    RequestContext.abort(context, "first");
    RequestContext.abort(context, "second");
    expect(aborts).toEqual(["first"]);
  });

  test("is aborted already when it is first asked for after the abort", () => {
    const context = new RequestContext("r", 0, []);
    RequestContext.abort(context, "gone");
    expect(context.signal.aborted).toBe(true);
    expect(context.signal.reason).toBe("gone");
    expect(context.signal).toBe(context.signal);
  });
});
