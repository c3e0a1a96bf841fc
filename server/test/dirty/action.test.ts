import { describe, expect, test } from "vitest";
import { findAction } from "../../src/dirty/action.ts";
import { DirtyApp } from "../../src/dirty/app.ts";

let getterRan = 0;

class Grandparent extends DirtyApp {
  inherited(): string {
    return "inherited";
  }

  hidden(): string {
    return "hidden";
  }
}

class App extends Grandparent {
  field = (): string => "a field";
  declare installed: () => string;
  static onTheClass(): string {
    return "on the class";
  }

  plain(word: string): string {
    return `plain ${word} of ${this.constructor.name}`;
  }

  *generator(): Generator<number> {
    yield 1;
  }

  async *streams(): AsyncGenerator<number> {
    yield 1;
  }

  shadowed(): string {
    return "a method behind a field";
  }

  get getter(): () => string {
    getterRan++;
    return () => "a getter's function";
  }

  set setter(_value: unknown) {
    getterRan++;
  }

  _internal(): string {
    return "internal";
  }

  __very(): string {
    return "very internal";
  }

  // Written by an author who did not know better.
  with(): string {
    return "with";
  }

  // biome-ignore lint/suspicious/noThenProperty: an app that looks like a promise is what this is about.
  then(): string {
    return "then";
  }

  catch(): string {
    return "catch";
  }

  toJSON(): string {
    return "json";
  }

  override init(): void {}

  override close(): void {}
}

Object.defineProperty(App.prototype, "notAFunction", { value: 42 });
Object.defineProperty(App.prototype, "hidden", { value: undefined });

const app = new App();
app.installed = () => "installed later";
app.shadowed = () => "a field before a method";

describe("an action is", () => {
  test.for(["plain", "generator", "streams"])("a method that the author wrote: %s", (name) => {
    expect(findAction(app, name)).toBeTypeOf("function");
  });

  test("also a method of a class between the app and DirtyApp", () => {
    expect(findAction(app, "inherited")?.call(app)).toBe("inherited");
  });

  test("called with the app as `this`", () => {
    expect(findAction(app, "plain")?.call(app, "word")).toBe("plain word of App");
  });
});

describe("no action is", () => {
  const names: [what: string, name: string][] = [
    ["a field", "field"],
    ["a function that was put on the instance", "installed"],
    ["a method that a field of the instance stands before", "shadowed"],
    ["a static method", "onTheClass"],
    ["a name with an underscore", "_internal"],
    ["a name with two", "__very"],
    ["init", "init"],
    ["close", "close"],
    ["constructor", "constructor"],
    ["with", "with"],
    ["then", "then"],
    ["catch", "catch"],
    ["finally", "finally"],
    ["toJSON", "toJSON"],
    ["a method of Object", "toString"],
    ["hasOwnProperty", "hasOwnProperty"],
    ["valueOf", "valueOf"],
    ["isPrototypeOf", "isPrototypeOf"],
    ["__proto__", "__proto__"],
    ["__defineGetter__", "__defineGetter__"],
    ["a property of the prototype that is not a function", "notAFunction"],
    ["a method that a subclass took away", "hidden"],
    ["the getter of DirtyApp", "request"],
    ["what is not there", "nothing"],
    ["the empty name", ""],
    ["the name of a symbol", "Symbol(tsunicorn.DirtyApp)"],
  ];

  test.for(names)("%s", ([, name]) => {
    expect(findAction(app, name)).toBeUndefined();
  });

  test("a getter, and looking for it does not run it", () => {
    expect(findAction(app, "getter")).toBeUndefined();
    expect(findAction(app, "setter")).toBeUndefined();
    expect(getterRan).toBe(0);
  });

  test("what a package added to Object.prototype", () => {
    Object.defineProperty(Object.prototype, "polluted", { value: () => "gotcha", configurable: true });
    try {
      expect(findAction(app, "polluted")).toBeUndefined();
    } finally {
      Reflect.deleteProperty(Object.prototype, "polluted");
    }
  });
});
