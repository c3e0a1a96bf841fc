import type { Embeddings } from "../models/model-app.ts";

/** How a vector is written: its numbers, or their bytes, which is what OpenAI's own clients ask for. */
export type EmbeddingEncoding = "float" | "base64";

/** Embeddings in OpenAI's form. */
export function embeddingList(
  { vectors, promptTokens }: Embeddings,
  model: string,
  encoding: EmbeddingEncoding,
) {
  return {
    object: "list" as const,
    data: vectors.map((vector, index) => ({
      object: "embedding" as const,
      index,
      embedding: encoding === "float" ? vector : toBase64(vector),
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

/** Numbers of 32 bits, the lowest byte first. */
function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  vector.forEach((value, index) => {
    bytes.writeFloatLE(value, index * 4);
  });
  return bytes.toString("base64");
}
