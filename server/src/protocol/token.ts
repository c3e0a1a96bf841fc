import { timingSafeEqual } from "node:crypto";
import { DirtyProtocolError } from "./errors.ts";
import type { Hello } from "./messages.ts";

/**
 * Lets a peer in when its HELLO carries the arbiter's token. The comparison takes the same time wherever the
 * first wrong character stands.
 * @throws DirtyProtocolError otherwise.
 */
export function checkToken(hello: Hello, token: string): Hello {
  const given = Buffer.from(hello.token);
  const wanted = Buffer.from(token);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new DirtyProtocolError("HELLO carries the wrong token.");
  }
  return hello;
}
