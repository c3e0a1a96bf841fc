import { UnsupportedRequestError } from "../unsupported.ts";
import { grammarSchema } from "./json-schema.ts";
import type { LoadedLlama } from "./loaded-llama.ts";
import type { Sampling, Token } from "./package.ts";

/** Grammars that are kept for the next request with the same schema. */
const MOST_KEPT = 16;

/** So likely that nothing else is. */
const CERTAIN = 1e6;

/** Makes grammars of JSON schemas, so that a model can write nothing but what the schema allows. */
export class GrammarDesk {
  readonly #loaded: LoadedLlama;
  readonly #grammars = new Map<string, Promise<object>>();

  constructor(loaded: LoadedLlama) {
    this.#loaded = loaded;
  }

  /**
   * How tokens are chosen for an answer that follows a schema.
   *
   * @param emitted the answer's first tokens, which are chosen again as they were.
   * @throws UnsupportedRequestError where no grammar can be made of the schema.
   */
  async sampling(schema: object, emitted: readonly Token[]): Promise<Sampling> {
    const grammar = await this.#grammarOf(schema);
    const { library, model } = this.#loaded;
    const grammarEvaluationState = new library.LlamaGrammarEvaluationState({ model, grammar });
    if (emitted.length === 0) return { grammarEvaluationState };
    const left = emitted.values();
    const tokenBias = () => {
      const bias = new library.TokenBias(model.tokenizer);
      const { done, value } = left.next();
      return done ? bias : bias.set(value, { logit: CERTAIN });
    };
    return { grammarEvaluationState, tokenBias };
  }

  #grammarOf(schema: object): Promise<object> {
    const key = JSON.stringify(schema);
    const known = this.#grammars.get(key);
    if (known !== undefined) return known;
    // A schema comes from a client, and what is made of it may throw anything.
    const made = this.#make(schema).catch((error: unknown) => {
      this.#grammars.delete(key);
      if (error instanceof UnsupportedRequestError) throw error;
      throw new UnsupportedRequestError(
        `This model cannot follow this JSON schema: ${error instanceof Error ? error.message : error}`,
        "response_format",
        "invalid_json_schema",
      );
    });
    const oldest = this.#grammars.keys().next();
    if (this.#grammars.size >= MOST_KEPT && !oldest.done) this.#grammars.delete(oldest.value);
    this.#grammars.set(key, made);
    return made;
  }

  async #make(schema: object): Promise<object> {
    const { llama } = this.#loaded;
    return Object.keys(schema).length === 0
      ? await llama.getGrammarFor("json")
      : await llama.createGrammarForJsonSchema(grammarSchema(schema));
  }
}
