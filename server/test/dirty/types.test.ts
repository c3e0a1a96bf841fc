/**
 * What the compiler lets a caller write. Each `@ts-expect-error` fails the type check where the line below it
 * is accepted; nothing here is run but the assertions themselves.
 */
import { describe, expectTypeOf, test } from "vitest";
import type { DirtyClient } from "../../src/dirty/client.ts";
import type { DirtyAppClient, DirtyResult, DirtyStream } from "../../src/dirty/types.ts";
import type { ChatApp } from "./typed-app.ts";

type Chat = DirtyAppClient<ChatApp>;

describe("the types of a client", () => {
  test("a plain action is awaited, whether it is async or not", () => {
    expectTypeOf<ReturnType<Chat["countTokens"]>>().toEqualTypeOf<DirtyResult<number>>();
    expectTypeOf<Awaited<ReturnType<Chat["countTokens"]>>>().toEqualTypeOf<number>();
    expectTypeOf<Awaited<ReturnType<Chat["load"]>>>().toEqualTypeOf<{ name: string; fast: boolean }>();
    expectTypeOf<Awaited<ReturnType<Chat["nothing"]>>>().toEqualTypeOf<void>();
  });

  test("a generator action is iterated, whether it is async or not", () => {
    expectTypeOf<ReturnType<Chat["generate"]>>().toEqualTypeOf<DirtyStream<string>>();
    expectTypeOf<ReturnType<Chat["count"]>>().toEqualTypeOf<DirtyStream<number>>();
    expectTypeOf<ReturnType<Chat["iterate"]>>().toEqualTypeOf<DirtyStream<Uint8Array>>();
  });

  test("a stream can be taken in batches", () => {
    expectTypeOf<ReturnType<ReturnType<Chat["generate"]>["batches"]>>().toEqualTypeOf<
      AsyncIterable<string[]>
    >();
  });

  test("arguments are those of the action", () => {
    expectTypeOf<Parameters<Chat["countTokens"]>>().toEqualTypeOf<[text: string]>();
    expectTypeOf<Parameters<Chat["load"]>>().toEqualTypeOf<[name: string, options?: { fast: boolean }]>();
  });

  test("only actions are there", () => {
    expectTypeOf<Chat>().not.toHaveProperty("_internal");
    expectTypeOf<Chat>().not.toHaveProperty("model");
    expectTypeOf<Chat>().not.toHaveProperty("size");
    expectTypeOf<Chat>().not.toHaveProperty("init");
    expectTypeOf<Chat>().not.toHaveProperty("close");
    expectTypeOf<Chat>().not.toHaveProperty("request");
    expectTypeOf<Chat>().not.toHaveProperty("bytes");
    expectTypeOf<Chat>().not.toHaveProperty("then");
  });

  test("`with` gives the same client", () => {
    expectTypeOf<ReturnType<Chat["with"]>>().toEqualTypeOf<Chat>();
  });

  test("the untyped client says what the caller says", () => {
    expectTypeOf<DirtyClient["execute"]>().returns.toEqualTypeOf<DirtyResult<unknown>>();
    expectTypeOf<DirtyClient["stream"]>().returns.toEqualTypeOf<DirtyStream<unknown>>();
  });
});

/** Never called: only the compiler reads it. */
export async function refused(chat: Chat): Promise<void> {
  // @ts-expect-error a stream has no one result to await
  await chat.generate("hello");
  // @ts-expect-error neither has one of a plain generator
  await chat.count(3);
  // @ts-expect-error a wrong argument
  await chat.countTokens(5);
  // @ts-expect-error an argument too many
  await chat.countTokens("a", "b");
  // @ts-expect-error an action that the app has not
  await chat.translate("a");
  // @ts-expect-error an option that there is not
  chat.with({ retries: 3 });
  // @ts-expect-error a timeout is a number of seconds
  chat.with({ timeout: "5s" });
  for await (const token of chat.generate("hello")) {
    // @ts-expect-error a token is text
    const wrong: number = token;
    void wrong;
  }
  const count: number = await chat.countTokens("a");
  void count;
}
