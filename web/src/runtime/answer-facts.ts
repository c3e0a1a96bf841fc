/** Why an answer failed, in words for the person who asked. */
export interface Failure {
  /**
   * `refused`: the message itself is at fault, so the same would fail again. `model`: the server does not have the
   * model. `busy`: try again after `retryAfter`. `broken`: the answer broke off. `gone`: the server cannot be reached.
   * `failed`: the server failed to answer.
   */
  readonly kind: "refused" | "model" | "busy" | "broken" | "gone" | "failed";
  readonly message: string;
  /** The moment from which another try makes sense, in ms since 1970. */
  readonly retryAt?: number;
  /** The request's id, by which the server's log can be searched. */
  readonly requestId?: string;
}

/** What the page knows of an answer besides its text: `metadata.custom` of an assistant message. */
export interface AnswerFacts {
  /** The model that answers, where the server names one. */
  readonly model?: string;
  /** Tokens so far, those of the thinking phase too. */
  readonly tokens?: number;
  /** ms from the request to the first token. */
  readonly firstTokenMs?: number;
  /** ms from the first token to the last. */
  readonly streamingMs?: number;
  /** ms from the first token to the end of the thinking phase; undefined while it runs, or without one. */
  readonly thinkingMs?: number;
  /** The place in the server's queue, 1 for the next; undefined once it has left the queue. */
  readonly queuePlace?: number;
  /** The connection was lost, and the page is getting it back. */
  readonly reconnecting?: boolean;
  readonly failure?: Failure;
}

const KINDS = ["refused", "model", "busy", "broken", "gone", "failed"] as const;

/** Reads the facts from what is stored with a message. What has another shape is left out. */
export function readFacts(custom: Readonly<Record<string, unknown>> | undefined): AnswerFacts {
  const { model, tokens, firstTokenMs, streamingMs, thinkingMs, queuePlace, reconnecting } = custom ?? {};
  const failure = readFailure(custom?.["failure"]);
  return {
    ...(typeof model === "string" && { model }),
    ...(typeof tokens === "number" && { tokens }),
    ...(typeof firstTokenMs === "number" && { firstTokenMs }),
    ...(typeof streamingMs === "number" && { streamingMs }),
    ...(typeof thinkingMs === "number" && { thinkingMs }),
    ...(typeof queuePlace === "number" && { queuePlace }),
    ...(reconnecting === true && { reconnecting }),
    ...(failure && { failure }),
  };
}

function readFailure(value: unknown): Failure | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, message, retryAt, requestId } = value as Partial<Record<keyof Failure, unknown>>;
  const known = KINDS.find((one) => one === kind);
  if (known === undefined || typeof message !== "string") return undefined;
  return {
    kind: known,
    message,
    ...(typeof retryAt === "number" && { retryAt }),
    ...(typeof requestId === "string" && { requestId }),
  };
}
