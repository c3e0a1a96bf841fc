/** What an editor promises of a value is what arrives: the types of a client beside real calls, from one table. */
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { dirty } from "../../src/dirty/typed-client.ts";
import type {
  CannotCross,
  DirtyActions,
  DirtyAppClient,
  DirtyResult,
  DirtyStream,
} from "../../src/dirty/types.ts";
import { InProcess } from "./in-process.ts";
import { CROSSING, REFUSED, STREAMED } from "./values-table.ts";

type Actions<T> = DirtyActions<DirtyApp & T>;
type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;

/** The rows whose action's type is another than it must be. */
type WrongResults<T> = {
  [K in keyof T & keyof Actions<T>]: T[K] extends () => infer R
    ? Actions<T>[K] extends () => DirtyResult<infer G>
      ? Equal<G, R> extends true
        ? never
        : K
      : K
    : K;
}[keyof T & keyof Actions<T>];
type Callable<T> = {
  [K in keyof T & keyof Actions<T>]: Actions<T>[K] extends CannotCross<"the result"> ? never : K;
}[keyof T & keyof Actions<T>];
type WrongStreams<T> = {
  [K in keyof T & keyof Actions<T>]: Actions<T>[K] extends () => DirtyStream<number> ? never : K;
}[keyof T & keyof Actions<T>];

/** The same values as an argument, as a property of one, and as an optional one. */
type Takes<T extends Record<string, () => unknown>> = {
  [K in keyof T]: (value: ReturnType<T[K]>, more?: { deep: ReturnType<T[K]>[] }) => number;
};
type WrongArguments<T extends Record<string, () => unknown>> = {
  [K in keyof T & keyof Actions<Takes<T>>]: Actions<Takes<T>>[K] extends (
    ...args: infer P
  ) => DirtyResult<number>
    ? Equal<P, Parameters<Takes<T>[K]>> extends true
      ? never
      : K
    : K;
}[keyof T & keyof Actions<Takes<T>>];
type Accepted<T extends Record<string, () => unknown>> = {
  [K in keyof T & keyof Actions<Takes<T>>]: ReturnType<T[K]> extends Parameters<
    Extract<Actions<Takes<T>>[K], (...args: never) => unknown>
  >[0]
    ? K
    : never;
}[keyof T & keyof Actions<Takes<T>>];

describe("the types of a client", () => {
  test("promise each value that crosses as what it is, as a result and as an argument", () => {
    expectTypeOf<WrongResults<typeof CROSSING>>().toEqualTypeOf<never>();
    expectTypeOf<WrongArguments<typeof CROSSING>>().toEqualTypeOf<never>();
    expectTypeOf<keyof Actions<typeof CROSSING>>().toEqualTypeOf<keyof typeof CROSSING>();
  });

  test("forbid what cannot cross, as a result and as an argument", () => {
    expectTypeOf<Callable<typeof REFUSED>>().toEqualTypeOf<never>();
    expectTypeOf<Accepted<typeof REFUSED>>().toEqualTypeOf<never>();
  });

  test("promise a stream of whatever is iterated for its values", () => {
    expectTypeOf<WrongStreams<typeof STREAMED>>().toEqualTypeOf<never>();
  });

  test("refuse a stream of what cannot cross", () => {
    type Dates = Actions<{ dates: () => AsyncGenerator<Date>; maps: () => Iterable<Map<string, number>> }>;
    expectTypeOf<Dates["dates"]>().toEqualTypeOf<CannotCross<"a chunk">>();
    expectTypeOf<Dates["maps"]>().toEqualTypeOf<CannotCross<"a chunk">>();
  });
});

/** Never called: only the compiler reads it. */
export async function refused(app: DirtyAppClient<ValueApp>): Promise<void> {
  // @ts-expect-error an action whose result cannot cross is not a function to its callers
  await app.when();
  // @ts-expect-error neither is an argument taken that cannot cross
  await app.store(new Date());
  // @ts-expect-error nor inside of one
  await app.remember({ at: new Date() });
  const embedding: Float32Array = await app.embed("a");
  void embedding;
}

class ValueApp extends DirtyApp {
  static override concurrency = 100;

  value(name: keyof typeof CROSSING): unknown {
    return CROSSING[name]();
  }

  refused(name: keyof typeof REFUSED): unknown {
    return REFUSED[name]();
  }

  *refusedChunk(name: keyof typeof REFUSED): Generator<unknown> {
    yield REFUSED[name]();
  }

  stream(name: keyof typeof STREAMED): unknown {
    return STREAMED[name]();
  }

  nested(): unknown {
    return { values: new Map([["a", 1]]).values(), empty: { *[Symbol.iterator]() {} } };
  }

  echo(value: unknown): unknown {
    return value;
  }

  *echoes(...values: unknown[]): Generator<unknown> {
    yield* values;
  }

  withDefaults(a: number, b: number | undefined = 2, c: number | null | undefined = 3): (number | null)[] {
    return [a, b, c];
  }

  when(): Date {
    return new Date(0);
  }

  store(_at: Date): void {}

  remember(_entry: { at: Date }): void {}

  async embed(text: string): Promise<Float32Array> {
    return Float32Array.of(text.length);
  }
}

describe("a call", () => {
  let both: InProcess;
  const app = dirty<ValueApp>("./app.ts:App");
  // What the types forbid is tried all the same: not everybody has a compiler.
  const loose = app as unknown as Record<
    string,
    (...args: unknown[]) => Promise<unknown> & AsyncIterable<unknown>
  >;

  beforeAll(async () => {
    both = await InProcess.open(ValueApp);
  });

  afterAll(async () => {
    await both.close();
  });

  const crossing = Object.keys(CROSSING) as (keyof typeof CROSSING)[];
  const refusedNames = Object.keys(REFUSED) as (keyof typeof REFUSED)[];
  const streamed = Object.keys(STREAMED) as (keyof typeof STREAMED)[];

  test.for(crossing)("gives and takes %s as it is, in a result, an argument and a chunk", async (name) => {
    const value: unknown = CROSSING[name]();
    expect(await loose["value"]?.(name)).toStrictEqual(value);
    expect(await loose["echo"]?.(value)).toStrictEqual(value);
    const deep = [{ value, list: [value] }];
    const back = await loose["echo"]?.(deep);
    // A property that is undefined is left out, as in JSON.
    if (value === undefined) expect(back).toEqual(deep);
    else expect(back).toStrictEqual(deep);
    const chunks: unknown[] = [];
    for await (const chunk of app.echoes(value, value)) chunks.push(chunk);
    expect(chunks).toStrictEqual([value, value]);
  });

  test.for(refusedNames)("refuses %s with its name and its place", async (name) => {
    const value: unknown = REFUSED[name]();
    const refusal = { code: "DIRTY_PROTOCOL", message: expect.stringMatching(/^An? .* cannot cross/) };
    await expect(loose["refused"]?.(name)).rejects.toMatchObject(refusal);
    await expect(loose["echo"]?.(value)).rejects.toMatchObject({
      ...refusal,
      details: { path: expect.stringMatching(/^args\[0\]/) },
    });
    await expect(loose["echo"]?.({ "a b": [0, value] })).rejects.toMatchObject({
      ...refusal,
      details: { path: expect.stringMatching(/^args\[0\]\["a b"\]\[1\]/) },
    });
    const chunks = loose["refusedChunk"]?.(name)[Symbol.asyncIterator]();
    await expect(chunks?.next()).rejects.toMatchObject(refusal);
  });

  test.for(streamed)("streams %s", async (name) => {
    const chunks: unknown[] = [];
    for await (const chunk of loose["stream"]?.(name) ?? []) chunks.push(chunk);
    expect(chunks).toEqual([1, 2]);
  });

  test("refuses what could be iterated inside a value: it is never an empty object", async () => {
    await expect(loose["nested"]?.()).rejects.toMatchObject({ details: { path: "values" } });
    await expect(loose["echo"]?.({ a: { *[Symbol.iterator]() {} } })).rejects.toMatchObject({
      details: { path: "args[0].a" },
    });
    await expect(loose["echo"]?.([1].values())).rejects.toMatchObject({ details: { path: "args[0]" } });
  });

  test("applies the default of a parameter whose argument is undefined, and not of one that is null", async () => {
    expect(await app.withDefaults(1)).toEqual([1, 2, 3]);
    expect(await app.withDefaults(1, undefined)).toEqual([1, 2, 3]);
    expect(await app.withDefaults(1, undefined, 5)).toEqual([1, 2, 5]);
    expect(await app.withDefaults(1, 4, undefined)).toEqual([1, 4, 3]);
    expect(await app.withDefaults(1, undefined, null)).toEqual([1, 2, null]);
  });

  test("of an instance without methods, which no type can tell from a plain object, is refused by its class", async () => {
    class Point {
      x = 1;
    }
    await expect(loose["echo"]?.({ at: new Point() })).rejects.toMatchObject({
      message: expect.stringContaining("A Point cannot cross"),
      details: { path: "args[0].at" },
    });
  });
});
