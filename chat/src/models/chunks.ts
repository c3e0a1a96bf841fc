import { DirtyAppError } from "tsunicorn";
import { type Finish, isPiece, type Piece } from "./model.ts";

/** The most characters of a wrong chunk that the log is told. */
const MOST_SHOWN = 80;

/**
 * Looks at a chunk of an answer that is told as text.
 * @throws DirtyAppError that says what it is instead.
 */
export function checkText(chunk: unknown, model: string): string {
  if (typeof chunk === "string") return chunk;
  throw new DirtyAppError(`The app of the model ${model} yielded ${describe(chunk)}, where text is due.`);
}

/**
 * Looks at a chunk of `complete`.
 * @throws DirtyAppError that says what it is instead.
 */
export function checkPiece(chunk: unknown, model: string): Piece | { readonly finish: Partial<Finish> } {
  if (isPiece(chunk) || isFinish(chunk)) return chunk;
  throw new DirtyAppError(
    `The app of the model ${model} yielded ${describe(chunk)}, where a piece is due: text, { reasoning }, { toolCalls } or { finish }.`,
  );
}

/**
 * Looks at what `embed` returned: a list of numbers for each input. A typed array is such a list.
 * @throws DirtyAppError that says what it is instead.
 */
export function checkVectors(made: unknown, inputs: number, model: string): number[][] {
  const vectors = typeof made === "object" && made !== null && "vectors" in made ? made.vectors : undefined;
  if (!Array.isArray(vectors)) {
    throw wrongVectors(model, `${describe(made)}, where { vectors, promptTokens } is due`);
  }
  if (vectors.length !== inputs) {
    throw wrongVectors(model, `${vectors.length} vectors for ${inputs} inputs`);
  }
  return vectors.map((vector: unknown, at) => {
    const numbers: unknown[] = ArrayBuffer.isView(vector) && isNumeric(vector) ? [...vector] : asList(vector);
    const wrong = numbers.findIndex((one) => typeof one !== "number" || !Number.isFinite(one));
    if (numbers.length === 0)
      throw wrongVectors(model, `${describe(vector)} as vector ${at}, which is not a list of numbers`);
    if (wrong !== -1)
      throw wrongVectors(model, `${describe(numbers[wrong])} as number ${wrong} of vector ${at}`);
    return numbers as number[];
  });
}

/** What a chunk is, for the log: its kind and its beginning. */
export function describe(chunk: unknown): string {
  if (chunk === undefined || chunk === null) return String(chunk);
  if (ArrayBuffer.isView(chunk)) return `${chunk.byteLength} bytes`;
  if (chunk instanceof ArrayBuffer) return `${chunk.byteLength} bytes`;
  const kind = Array.isArray(chunk)
    ? "a list"
    : typeof chunk === "object"
      ? "an object"
      : `a ${typeof chunk}`;
  const text = typeof chunk === "object" ? shown(chunk) : String(chunk);
  return `${kind} (${text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text})`;
}

function shown(chunk: object): string {
  return JSON.stringify(chunk, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}

const REASONS: ReadonlySet<unknown> = new Set(["stop", "length", "tool_calls", "content_filter"]);

// What it leaves out is estimated.
function isFinish(chunk: unknown): chunk is { readonly finish: Partial<Finish> } {
  if (typeof chunk !== "object" || chunk === null || !("finish" in chunk)) return false;
  const { finish } = chunk;
  if (typeof finish !== "object" || finish === null) return false;
  const { reason, promptTokens, completionTokens }: { [K in keyof Finish]?: unknown } = finish;
  return (reason == null || REASONS.has(reason)) && isCount(promptTokens) && isCount(completionTokens);
}

function isCount(count: unknown): boolean {
  return count == null || (typeof count === "number" && Number.isSafeInteger(count) && count >= 0);
}

function isNumeric(view: ArrayBufferView): view is Float32Array {
  return Symbol.iterator in view;
}

function asList(vector: unknown): unknown[] {
  return Array.isArray(vector) ? vector : [];
}

function wrongVectors(model: string, what: string): DirtyAppError {
  return new DirtyAppError(`The app of the model ${model} embedded ${what}.`);
}
