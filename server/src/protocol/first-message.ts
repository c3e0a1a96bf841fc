import { DirtyProtocolError } from "./errors.ts";
import { FIRST_OWN_TYPE, MSG } from "./messages.ts";

/** ms within which a peer that connects must have sent its first message, whole. */
export const FIRST_MESSAGE_MS = 5000;

/** Bytes that the payload of a HELLO may have; ours have some 200. */
const MAX_HELLO = 4096;

/**
 * Refuses what may not be a connection's first message, before anything of it is kept.
 *
 * @param length of its payload, in bytes.
 * @throws DirtyProtocolError for a message that needs a HELLO before it, and for a HELLO of a wrong length.
 */
export function checkFirstMessage(type: number, length: number): void {
  if (type === MSG.HELLO) {
    if (length <= MAX_HELLO) return;
    throw new DirtyProtocolError(`A HELLO announces ${length} bytes; at most ${MAX_HELLO} are allowed.`);
  }
  if (type < FIRST_OWN_TYPE) return;
  throw new DirtyProtocolError(`A message of type 0x${type.toString(16)} needs a HELLO before it.`);
}
