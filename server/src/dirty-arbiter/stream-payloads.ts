import type { RunPayload } from "../protocol/messages.ts";
import type { Payload } from "./stream-entry.ts";

/** Counts what waiting streams' runs are called with, which is kept for the case that their clients die. */
export class StreamPayloads {
  private readonly most: number;
  private bytes = 0;

  /** @param most bytes that are kept in all. */
  constructor(most: number) {
    this.most = most;
  }

  /**
   * Keeps a request's. The stream goes with its client where this gives undefined, because there is no room.
   * @param bytes what it took on the wire.
   */
  keep(run: RunPayload | undefined, bytes: number): Payload | undefined {
    if (run === undefined || this.bytes + bytes > this.most) return undefined;
    this.bytes += bytes;
    return { run, bytes };
  }

  /** It is not needed any more. */
  drop(payload: Payload): void {
    this.bytes -= payload.bytes;
  }
}
