import type { DirtyError } from "../protocol/errors.ts";
import type { Placed, Run } from "../protocol/messages.ts";
import type { Found } from "../protocol/stream-messages.ts";
import type { PlaceRequest } from "./place-request.ts";
import type { Asker } from "./stream-entry.ts";

/** What the directory decides, told to the owner of the sockets. */
export interface StreamDirectoryEvents {
  /** Asks placement for a slot; `granted`, `rejected` or `queued` follow. */
  place(request: PlaceRequest): void;
  /** Takes a request back that waits. */
  withdraw(request: number): void;
  /** Takes a slot back, with `cancel` also from a run that has begun. */
  revoke(worker: number, slot: number, cancel: boolean): void;
  placed(asker: Asker, placed: Placed): void;
  found(asker: Asker, found: Found): void;
  queued(asker: Asker, position: number): void;
  rejected(asker: Asker, error: DirtyError): void;
  /** The stream was ended for the asker. */
  ended(asker: Asker): void;
  /** Sends a run to a worker: its client is gone. */
  adopt(worker: number, run: Run): void;
}
