/** Requests to the stash, as tests make them. */
import { readStash, STASH, type StashRequest } from "../../src/protocol/stash-messages.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";

/** A request as it comes off the wire. */
export function ask(op: keyof typeof STASH, fields: Record<string, unknown> = {}): StashRequest {
  const payload = encodeTlv({ op: STASH[op], ...fields });
  return readStash(payload, 0, payload.length);
}
