import { checkPiece, checkText } from "./chunks.ts";
import { CLOSE, inBandReasoning, OPEN, textOf } from "./in-band.ts";

/**
 * How the chunks of an answer are told as text: those of `generate` are text, those of `complete` are pieces, with or
 * without their thinking.
 */
export type ChunkForm = "text" | "pieces" | "thinking";

/** The text of a chunk; undefined where it has none for the reader. The chunks come one after the other. */
export type TextOf = (chunk: unknown) => string | undefined;

/**
 * Makes what reads an answer's chunks as text. Each has one text at most, so a reader can count chunks by texts.
 * @param model its name, for the error about a wrong chunk.
 * @throws DirtyAppError, what is made, for a chunk that is not text or not a piece.
 */
export function textOfChunks(form: ChunkForm, model: string): TextOf {
  if (form === "text") return (chunk) => checkText(chunk, model);
  let open = false;
  const close = (): string => {
    const mark = open ? CLOSE : "";
    open = false;
    return mark;
  };
  return (chunk) => {
    const piece = checkPiece(chunk, model);
    if (typeof piece === "object" && "finish" in piece) return close() || undefined;
    const text = textOf(piece);
    if (text !== undefined) return close() + text;
    if (typeof piece !== "object" || !("reasoning" in piece) || form === "pieces") return undefined;
    const mark = open ? "" : OPEN;
    open = true;
    return mark + inBandReasoning(piece.reasoning);
  };
}
