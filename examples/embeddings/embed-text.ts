/** How many numbers a vector has. */
export const DIMENSIONS = 256;

/** Lengths of the pieces of words that are counted. */
const SHORTEST = 3;
const LONGEST = 5;

/**
 * Writes the vector of a text, of length 1, into `vector`: texts that share words, or pieces of words, are near to each
 * other. It stands for a real model, needs no download, and knows nothing of meaning: "car" and "automobile" have nothing
 * to do with each other.
 */
export function embedText(text: string, vector: Float32Array): void {
  const words =
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  for (const word of words) for (const piece of piecesOf(`<${word}>`)) count(piece, vector);
  const length = Math.hypot(...vector);
  if (length > 0) for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / length;
}

/** The word itself, and all its pieces: "<owl>" has "<ow", "owl", "wl>", "<owl", "owl>" and "<owl>". */
function* piecesOf(word: string): Generator<string> {
  yield word;
  for (let size = SHORTEST; size <= LONGEST; size++) {
    for (let start = 0; start + size <= word.length; start++) yield word.slice(start, start + size);
  }
}

/** Two pieces may fall on the same number; one of them then often counts against the other. */
function count(piece: string, vector: Float32Array): void {
  const hash = fnv1a(piece);
  const index = hash % vector.length;
  vector[index] = (vector[index] ?? 0) + (hash >>> 31 === 0 ? 1 : -1);
}

/** The hash FNV-1a, of 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
