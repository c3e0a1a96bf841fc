import { member } from "./json.ts";

/** Why an answer failed; what each kind means stands in `Failure` of `runtime/answer-facts.ts`. */
export type FailureKind = "refused" | "model" | "busy" | "broken" | "gone" | "failed";

/** Why an answer did not come, in words for the person who asked. */
export class ChatFailure extends Error {
  override readonly name = "ChatFailure";
  readonly kind: FailureKind;
  /** Seconds after which another try makes sense, where the server said so. */
  readonly retryAfter: number | undefined;
  /** The request's id, by which the server's log can be searched. */
  readonly requestId: string | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options: { retryAfter?: number | undefined; requestId?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.retryAfter = options.retryAfter;
    this.requestId = options.requestId;
  }
}

/** A proxy's ways to say that there is no server behind it. The server's own have the request's id. */
const NO_SERVER = new Set([502, 503, 504]);
const BEHIND = "The server behind this page does not answer.";

const BY_STATUS: Record<number, readonly [FailureKind, string]> = {
  413: ["refused", "This message is too long for the server."],
  422: ["refused", "The server did not accept this message."],
  429: ["busy", "Too many people are waiting for an answer right now."],
  500: ["failed", "Something went wrong while the answer was made."],
  502: ["gone", BEHIND],
  503: ["busy", "No worker is free to answer right now."],
  504: ["failed", "The answer took too long and was stopped."],
};

/** Errors in mid-stream after which a new try can do better. Others are failures of the answer itself. */
const KIND_OF_ERROR: Record<string, FailureKind> = {
  queue_full: "busy",
  queue_timeout: "busy",
  overloaded: "busy",
  no_workers: "busy",
  draining: "busy",
  unavailable: "busy",
  worker_died: "broken",
  stream_gone: "broken",
};

/** The failure that a response without an answer stands for. Reads its body. */
export async function refusalOf(response: Response): Promise<ChatFailure> {
  const body: unknown = await response.json().catch(() => undefined);
  const [kind, text] = meaningOf(response);
  const complaint = response.status === 422 ? complaintOf(body) : undefined;
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const options = { retryAfter: seconds >= 0 ? seconds : undefined, requestId: requestIdOf(response) };
  if (complaint?.about === "model") {
    return new ChatFailure("model", "The server does not have this model any more.", options);
  }
  const message = complaint?.message;
  return new ChatFailure(
    kind,
    message === undefined ? text : `The server did not accept this message: ${message}.`,
    options,
  );
}

/** Whether a proxy says that there is no server behind it. */
export function isWithoutServer(response: Response): boolean {
  return NO_SERVER.has(response.status) && requestIdOf(response) === undefined;
}

function meaningOf(response: Response): readonly [FailureKind, string] {
  if (isWithoutServer(response)) return ["gone", BEHIND];
  return BY_STATUS[response.status] ?? ["failed", `The server answered with status ${response.status}.`];
}

/** The failure that an error event stands for. */
export function failureOfEvent(
  { error, message }: { readonly error: string; readonly message: string },
  requestId: string | undefined,
): ChatFailure {
  return new ChatFailure(KIND_OF_ERROR[error] ?? "failed", message, { requestId });
}

/** The id of a response's request. */
export function requestIdOf(response: Response): string | undefined {
  return response.headers.get("x-request-id") ?? undefined;
}

/** The first complaint of a 422 body: `{ detail: [{ loc: ["body", "model"], msg }] }`. */
function complaintOf(body: unknown): { about: unknown; message: string | undefined } | undefined {
  const detail = member(body, "detail");
  if (!Array.isArray(detail)) return undefined;
  const [place, message] = [member(detail[0], "loc"), member(detail[0], "msg")];
  return {
    about: Array.isArray(place) ? place[1] : undefined,
    message: typeof message === "string" ? message : undefined,
  };
}
