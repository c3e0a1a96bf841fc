import type { RunPayload } from "../protocol/messages.ts";
import type { StreamEntry } from "./stream-entry.ts";

/** Keeps the arguments of waiting streams' runs, for the case that their clients die. Their bytes are bounded in all. */
export class StreamPayloads {
  private readonly most: number;
  private bytes = 0;

  constructor(most: number) {
    this.most = most;
  }

  /**
   * Keeps a request's, unless there is no room; then its stream goes with its client.
   * @param bytes what it took on the wire.
   */
  keep(entry: StreamEntry, payload: RunPayload | undefined, bytes: number): void {
    this.drop(entry);
    if (payload === undefined || this.bytes + bytes > this.most) return;
    entry.payload = payload;
    entry.payloadBytes = bytes;
    this.bytes += bytes;
  }

  /** It is not needed any more. */
  drop(entry: StreamEntry): void {
    this.bytes -= entry.payloadBytes;
    entry.payloadBytes = 0;
    entry.payload = undefined;
  }
}
