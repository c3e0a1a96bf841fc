import { type Action, actionsOf, findAction } from "../dirty/action.ts";
import { APP_BASE } from "../dirty/app.ts";
import type { AppStatics } from "../process/channel.ts";
import type { ReadyApp } from "../protocol/messages.ts";
import { readStashes, type StashDeclarations } from "./stash-declarations.ts";

/** What the worker calls of an app besides its actions. */
interface App {
  init(): unknown;
  close(): unknown;
}

/** A dirty app's class as it was imported, before it is told to run here. */
export class AppClass {
  /** Canonical name, as `chat-app:ChatApp`. */
  readonly name: string;
  private readonly type: new () => App;
  private readonly statics: Record<string, unknown>;
  /** The N of `PATH:Class:N`; it overrides the class's own `workers`. */
  private readonly workersInSpec: number | undefined;

  /** @throws Error when the export is not a class that extends DirtyApp. */
  constructor(name: string, exported: unknown, workersInSpec: number | undefined) {
    if (typeof exported !== "function" || !extendsBase(exported.prototype)) {
      throw new Error(`The dirty app ${name} is not a class that extends DirtyApp.`);
    }
    this.name = name;
    this.type = exported as new () => App;
    this.statics = exported as unknown as Record<string, unknown>;
    this.workersInSpec = workersInSpec;
  }

  /** What the arbiter needs to know to place the app. @throws Error when a static has a wrong type. */
  describe(): AppStatics {
    this.continues();
    return {
      app: this.name,
      workers: this.workersInSpec ?? this.count("workers"),
      resources: this.resources(),
      actions: actionsOf(Object.create(this.type.prototype)),
    };
  }

  /** The tables of the stash that it declares. @throws Error when the declaration has a wrong form. */
  stashes(): StashDeclarations {
    return readStashes(this.name, this.statics["stashes"]);
  }

  /** Makes the app and runs its `init`. */
  async load(): Promise<AppHost> {
    const app = new this.type();
    await app.init();
    return new AppHost(this.name, app, this.count("concurrency") ?? 1, this.continues());
  }

  /** The actions that can go on from what was emitted. */
  private continues(): string[] {
    const value = this.statics["continues"] ?? [];
    if (!Array.isArray(value)) throw this.wrongContinues(`it is a ${typeof value}`);
    const prototype: object = this.type.prototype;
    for (const name of value as unknown[]) {
      if (typeof name !== "string") throw this.wrongContinues(`it has a ${typeof name} in it`);
      if (findAction(Object.create(prototype), name) === undefined) {
        throw this.wrongContinues(`the app has no action "${name}"`);
      }
    }
    return value;
  }

  private resources(): Record<string, number> {
    const value = this.statics["resources"] ?? {};
    if (typeof value !== "object" || value === null) throw this.badResources(value);
    return Object.fromEntries(
      Object.entries(value).map(([name, count]: [string, unknown]) => {
        if (typeof count !== "number" || !Number.isInteger(count) || count < 0)
          throw this.badResources(count);
        return [name, count];
      }),
    );
  }

  private badResources(found: unknown): Error {
    return new Error(
      `static resources of the dirty app ${this.name} has ${String(found)}; it must name whole numbers of units, as { gpu: 1 }.`,
    );
  }

  private wrongContinues(why: string): Error {
    return new Error(
      `static continues of the dirty app ${this.name} must be a list of names of its actions, but ${why}.`,
    );
  }

  private count(key: string): number | undefined {
    const value = this.statics[key];
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
      throw new Error(
        `static ${key} of the dirty app ${this.name} is ${String(value)}; it must be a whole number of at least 1.`,
      );
    }
    return value;
  }
}

/** An app that is loaded in this worker, and how many requests it is running. */
export class AppHost {
  readonly name: string;
  /** How many requests it runs at once. */
  readonly concurrency: number;
  /** The actions that can go on from what was emitted. */
  readonly continues: readonly string[];
  running = 0;
  private readonly app: App;

  constructor(name: string, app: App, concurrency: number, continues: readonly string[]) {
    this.name = name;
    this.app = app;
    this.concurrency = concurrency;
    this.continues = continues;
  }

  /** The app's action of that name, bound to the app; undefined when it has none. */
  action(name: string): Action | undefined {
    return findAction(this.app, name)?.bind(this.app);
  }

  /** What the dirty arbiter is told. */
  describe(): ReadyApp {
    const { name, concurrency, continues, app } = this;
    return { app: name, concurrency, continues: [...continues], actions: actionsOf(app) };
  }

  /** Runs the app's `close`. */
  async close(): Promise<void> {
    await this.app.close();
  }
}

function extendsBase(prototype: unknown): boolean {
  for (let at: unknown = prototype; typeof at === "object" && at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, APP_BASE)) return true;
  }
  return false;
}
