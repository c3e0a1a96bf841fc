/**
 * What the bench and its load client say to each other over the IPC channel between them.
 * The client is a process of its own, so that its work is never counted as a server's.
 */

/** Streams that all run at once, each a `POST` whose answer is read to its end. */
export interface StreamLoad {
  kind: "streams";
  /** TCP port on 127.0.0.1. */
  port: number;
  /** Path of the route, such as `/chat`. */
  path: string;
  /** The request's JSON body. */
  body: string;
  /** Connections, one stream at a time on each. */
  streams: number;
  /** Tokens that each answer must have; another number is a failure. */
  tokens: number;
  /** How often every connection asks. A round begins when the one before has ended on all of them. */
  rounds: number;
  /** The streams of a round start evenly over this time, in ms; 0 starts them together. */
  spreadMs: number;
  /** An answer that has not ended after this time, in ms, is a failure. */
  timeoutMs: number;
}

/** Requests one after another on one keep-alive connection. */
export interface SequentialLoad {
  kind: "sequential";
  port: number;
  method: "GET" | "POST";
  path: string;
  /** JSON body; empty for none. */
  body: string;
  /** Tokens that each answer must have; null for a plain answer, whose latency ends with its last byte. */
  tokens: number | null;
  /** Requests that are made first and not counted. */
  warmup: number;
  /** Requests that are counted. */
  count: number;
  /** Pause after each answer, in ms; 0 for none. */
  pauseMs: number;
  timeoutMs: number;
}

export type Load = StreamLoad | SequentialLoad;

/** Percentiles of one list of times, in ms. All are 0 when `count` is 0. */
export interface Percentiles {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

/** What a load found out. */
export interface LoadResult {
  /** Wall time of each round, in ms: first request sent to last byte read. */
  roundMs: number[];
  /** Tokens that arrived, of failed answers too. */
  tokens: number;
  /** Answers that were whole: status 200, framing right, every token, `[DONE]` where one is due. */
  answers: number;
  /** How many answers failed, by reason. */
  failures: Record<string, number>;
  /** Time between one token and the next of its answer, as read from the socket. Empty for a plain answer. */
  gaps: Percentiles;
  /** Request sent to first token read, or to the last byte of a plain answer. */
  latency: Percentiles;
  /** Share of the run in which the client's event loop was busy, 0 to 1. Near 1 the client is the limit. */
  busy: number;
}

/** From the client. `open` says once that every stream of the first round has had a token or failed. */
export type ClientMessage =
  | { event: "open" }
  | { event: "done"; result: LoadResult }
  | { event: "failed"; reason: string };
