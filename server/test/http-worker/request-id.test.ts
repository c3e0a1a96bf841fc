import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { assignRequestId } from "../../src/http-worker/request-id.ts";

function assign(given: string | undefined) {
  const request = new IncomingMessage(new Socket());
  if (given !== undefined) request.headers["x-request-id"] = given;
  const response = new ServerResponse(request);
  const id = assignRequestId(request, response);
  return { id, app: request.headers["x-request-id"], client: response.getHeader("x-request-id") };
}

test.each(["a", "A_b-c.9", "x".repeat(128)])("a good id is kept: %s", (id) => {
  expect(assign(id)).toEqual({ id, app: id, client: id });
});

test.each([undefined, "", "x".repeat(129), "a b", "a\nb", "a\n", "\u00e4", "a,b", "a/b", "{}"])(
  "a new one takes the place of %j",
  (given) => {
    const { id, app, client } = assign(given);
    expect(id).toMatch(/^[\w.-]{36}$/);
    expect({ app, client }).toEqual({ app: id, client: id });
  },
);
