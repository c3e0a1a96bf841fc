import { pathToFileURL } from "node:url";
import { findOptionalPackage, optionalFolder } from "../optional-package.ts";

/** The version of node-llama-cpp that the chat was tried with. */
export const LLAMA_VERSION = "3.21.1";

/** A token's number in the model's vocabulary. */
export type Token = number;

/** Text in which special tokens and what people wrote are told apart. */
export interface LlamaText {
  tokenize(tokenizer: unknown): Token[];
  toString(): string;
}

/** One turn of a conversation. */
export type ChatItem =
  | { type: "system"; text: string }
  | { type: "user"; text: string }
  | {
      type: "model";
      response: (string | { type: "segment"; segmentType: "thought"; text: string; ended: boolean })[];
    };

/** How a model wants its conversations written. */
export interface ChatWrapper {
  readonly settings: {
    readonly segments?: {
      readonly thought?: {
        readonly prefix?: unknown;
        readonly suffix?: unknown;
        readonly openOnResponseStart?: boolean;
      };
    };
  };
  generateContextState(options: { chatHistory: ChatItem[] }): {
    contextText: LlamaText;
    stopGenerationTriggers: readonly LlamaText[];
  };
}

/** How much less likely tokens become that were chosen already. */
export interface RepeatPenalty {
  /** Asked for each token: all that were chosen, as often as they were. */
  readonly punishTokens: () => Token[];
  /** The most that there will ever be. With fewer, the list would be read anew for each token. */
  readonly maxPunishTokens: number;
  /** What their logits are divided by. */
  readonly penalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
}

/** How the next token is chosen. */
export interface Sampling {
  temperature?: number;
  topP?: number;
  topK?: number;
  minP?: number;
  seed?: number;
  grammarEvaluationState?: object;
  tokenBias?: () => object;
  repeatPenalty?: RepeatPenalty | undefined;
}

/** Where in a batch the tokens of a sequence stand; see `orderBatch`. */
export interface Place {
  /** The sequence's number among those of its context, from 0. node-llama-cpp itself gives it no meaning here. */
  readonly evaluationPriority: number;
}

/** Tokens of one sequence that wait to be computed. */
export interface BatchItem extends Place {
  readonly tokens: readonly Token[];
}

/** How many of them the next batch takes. */
export interface BatchPart {
  readonly item: BatchItem;
  processAmount: number;
}

/** One conversation in the memory of a context. */
export interface Sequence {
  readonly nextTokenIndex: number;
  compareContextTokens(tokens: Token[]): { firstDifferentIndex: number };
  adaptStateToTokens(tokens: Token[], allowShift: boolean): Promise<void>;
  clearHistory(): Promise<void>;
  evaluate(tokens: Token[], options: Sampling & Place): AsyncGenerator<Token, void, undefined>;
  evaluateWithoutGeneratingNewTokens(tokens: Token[], options: Place): Promise<void>;
}

/** Memory for conversations, which are computed together. */
export interface Context {
  readonly contextSize: number;
  readonly batchSize: number;
  readonly totalSequences: number;
  getSequence(): Sequence;
}

/** Memory for embedding one text. */
export interface EmbeddingContext {
  /** How many tokens a text is, with those that the model wants around it. */
  calculateInputLength(input: string): number;
  getEmbeddingFor(input: string): Promise<{ readonly vector: readonly number[] }>;
}

/** A loaded GGUF file. */
export interface LoadedModel {
  readonly tokenizer: unknown;
  readonly trainContextSize: number;
  readonly tokens: { readonly bos: Token | null; readonly shouldPrependBosToken: boolean };
  tokenize(text: string, specialTokens?: boolean, options?: "trimLeadingSpace"): Token[];
  detokenize(tokens: readonly Token[], specialTokens?: boolean, lastTokens?: readonly Token[]): string;
  createContext(options: {
    sequences: number;
    contextSize: { max: number };
    threads?: number;
    batching?: {
      itemPrioritizationStrategy(batch: { items: readonly BatchItem[]; size: number }): BatchPart[];
    };
  }): Promise<Context>;
  createEmbeddingContext(options: { contextSize: number; threads?: number }): Promise<EmbeddingContext>;
}

/** llama.cpp with one kind of hardware. */
export interface Llama {
  readonly gpu: string | false;
  readonly cpuMathCores: number;
  loadModel(options: { modelPath: string; onLoadProgress(share: number): void }): Promise<LoadedModel>;
  getGrammarFor(type: "json"): Promise<object>;
  createGrammarForJsonSchema(schema: object): Promise<object>;
  dispose(): Promise<void>;
}

/** What the chat uses of node-llama-cpp. */
export interface LlamaPackage {
  getLlama(options: {
    gpu: string | false;
    build: "never";
    logLevel: string;
    logger(level: string, message: string): void;
  }): Promise<Llama>;
  resolveChatWrapper(model: LoadedModel, options?: object): ChatWrapper;
  LlamaText(text: unknown): LlamaText;
  LlamaGrammarEvaluationState: new (options: { model: LoadedModel; grammar: object }) => object;
  TokenBias: new (tokenizer: unknown) => { set(token: Token, bias: { logit: number }): object };
}

/** The command that installs node-llama-cpp. */
export const INSTALL_COMMAND = "npm run llama";

/**
 * Imports node-llama-cpp: as any package, else from the folder in which `npm run llama` puts it.
 *
 * @param folder where else to look.
 * @throws Error that says how to install it.
 */
export async function importLlamaPackage(folder: string = optionalFolder("llama")): Promise<LlamaPackage> {
  const file = findOptionalPackage("node-llama-cpp", folder);
  if (file === undefined) {
    throw new Error(
      `node-llama-cpp is not installed, and without it no GGUF file can be run. ${INSTALL_COMMAND} installs version ${LLAMA_VERSION}`,
    );
  }
  const module: unknown = await import(pathToFileURL(file).href);
  if (!isLlamaPackage(module)) throw unknownPackage();
  return module;
}

/** The error where the package is another version than the chat can use. */
export function unknownPackage(): Error {
  return new Error(
    `the node-llama-cpp that is installed is not what this chat knows. ${INSTALL_COMMAND} installs version ${LLAMA_VERSION}`,
  );
}

const PARTS = ["getLlama", "resolveChatWrapper", "LlamaText", "LlamaGrammarEvaluationState", "TokenBias"];

function isLlamaPackage(module: unknown): module is LlamaPackage {
  if (typeof module !== "object" || module === null) return false;
  return PARTS.every((name) => typeof Reflect.get(module, name) === "function");
}
