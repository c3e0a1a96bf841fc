import type { ErrorDetails } from "../protocol/errors.ts";
import type { RequestId } from "../protocol/header.ts";

/** Where a run sends what it makes: its caller's connection, or a stream that keeps it for many readers. */
export interface RunOutput {
  /** @throws DirtyProtocolError when the value cannot cross. */
  send(type: number, id: RequestId, value?: unknown): void;
  /**
   * Sends a chunk.
   * @returns what it takes of the run's window.
   * @throws DirtyProtocolError when the value cannot cross.
   */
  sendChunk(id: RequestId, data: unknown): number;
  /** Sends what the run ended with. */
  sendError(id: RequestId, error: unknown, details?: ErrorDetails): void;
  /** Sends at once what was gathered in this turn. */
  flush(): void;
}

/** What a client's CANCEL and CREDIT act on: its run, or its reading of a stream that outlives it. */
export interface Incoming {
  /** The client does not want it any more. */
  abort(reason: Error): void;
  /** The client takes `bytes` more. */
  grant(bytes: number): void;
}
