import { DirtyError, getLogger } from "tsunicorn";

/** What a client is told about a call that failed. */
export interface Failure {
  status: 429 | 500 | 503 | 504;
  detail: string;
  /** Whole seconds until a new try makes sense, for the header `Retry-After`. */
  retryAfter?: number;
}

const TRY_AGAIN = "Try again later.";

const BY_CODE: Readonly<Record<string, Failure>> = {
  DIRTY_QUEUE_FULL: { status: 429, detail: `Too many requests are waiting. ${TRY_AGAIN}`, retryAfter: 1 },
  DIRTY_QUEUE_TIMEOUT: {
    status: 503,
    detail: `The request waited for too long. ${TRY_AGAIN}`,
    retryAfter: 1,
  },
  DIRTY_DRAINING: { status: 503, detail: `The server is stopping. ${TRY_AGAIN}`, retryAfter: 1 },
  DIRTY_NO_WORKERS: { status: 503, detail: `No worker can take the request. ${TRY_AGAIN}`, retryAfter: 1 },
  DIRTY_CONNECTION: { status: 503, detail: `No worker can be reached. ${TRY_AGAIN}`, retryAfter: 1 },
  DIRTY_TIMEOUT: { status: 504, detail: "The answer took too long." },
};

/**
 * Says what to tell a client about whatever a call of a dirty app threw. An error's own text stays in the log: it may
 * hold what is none of the client's business.
 */
export function failureOf(error: unknown): Failure {
  const known = error instanceof DirtyError ? BY_CODE[error.code] : undefined;
  if (known === undefined) {
    getLogger().error({ err: error }, "a request failed");
    return { status: 500, detail: "Something went wrong here." };
  }
  if (known.retryAfter === undefined || !(error instanceof DirtyError)) return known;
  return { ...known, retryAfter: Math.max(known.retryAfter, Math.ceil(error.retryAfter ?? 0)) };
}
