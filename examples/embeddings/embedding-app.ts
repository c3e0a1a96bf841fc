import { DirtyApp } from "tsunicorn";
import { Batcher } from "./batcher.ts";
import { DIMENSIONS, embedText } from "./embed-text.ts";

/** The vectors of one request. */
export interface Embedded {
  /** All vectors behind each other, as 32-bit floats: bytes cross at a fraction of what numbers cost. */
  vectors: Uint8Array;
  dimensions: number;
  /** How many requests were computed together with this one, itself included. */
  together: number;
}

/** Texts become vectors. */
export class EmbeddingApp extends DirtyApp {
  static concurrency = 64; // requests that are here at once, for the batcher to choose from

  readonly #batcher = new Batcher(embedAll, { most: 32, waitMs: 5 });

  // A real model is loaded here, once per worker: async init() { this.#model = await pipeline("feature-extraction", …) }

  embed(texts: string[]): Promise<Embedded> {
    return this.#batcher.add(texts, this.request.signal);
  }
}

/** Computes the texts of many requests in one go. A real model gets all of them in one call. */
async function embedAll(requests: string[][]): Promise<Embedded[]> {
  return requests.map((texts) => {
    const vectors = new Float32Array(texts.length * DIMENSIONS);
    for (const [index, text] of texts.entries()) {
      embedText(text, vectors.subarray(index * DIMENSIONS, (index + 1) * DIMENSIONS));
    }
    return { vectors: new Uint8Array(vectors.buffer), dimensions: DIMENSIONS, together: requests.length };
  });
}
