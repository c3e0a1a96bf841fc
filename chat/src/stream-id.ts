import { DirtyStreamNotFoundError } from "tsunicorn";
import type { ChunkForm } from "./models/text-chunks.ts";

// The server's id, and how the stream's chunks are to be read where they are not text. That is known when the answer is
// asked for, and by whichever process it is read on.
const PUBLIC_ID = /^(str_[\w-]{22})(?:\.(pieces|thinking))?$/;

/** The id by which a client knows a resumable answer. */
export function publicStreamId(streamId: string, form: ChunkForm): string {
  return form === "text" ? streamId : `${streamId}.${form}`;
}

/**
 * Takes a client's id apart.
 * @throws DirtyStreamNotFoundError for what is not an id at all: it is answered as an unknown one, and costs no
 *   question to anyone.
 */
export function parseStreamId(id: string): { readonly streamId: string; readonly form: ChunkForm } {
  const [, streamId, form] = PUBLIC_ID.exec(id) ?? [];
  if (streamId === undefined)
    throw new DirtyStreamNotFoundError("A stream was asked for by something that is not an id.");
  return { streamId, form: form === "pieces" || form === "thinking" ? form : "text" };
}
