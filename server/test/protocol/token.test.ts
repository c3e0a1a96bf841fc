import { expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import type { Hello } from "../../src/protocol/messages.ts";
import { checkToken } from "../../src/protocol/token.ts";

function hello(token: string): Hello {
  return { token, role: "http-worker", id: 1, pid: 2 };
}

test("the arbiter's token lets a peer in", () => {
  const peer = hello("5ecret");
  expect(checkToken(peer, "5ecret")).toBe(peer);
});

test.for(["", "5ecre", "5ecretx", "5ecreT", "é"])("the token %j does not", (token) => {
  expect(() => checkToken(hello(token), "5ecret")).toThrow(DirtyProtocolError);
});

test("the error does not tell the token", () => {
  expect(() => checkToken(hello("guess"), "5ecret")).toThrow(/^(?!.*(5ecret|guess))/);
});
