import { deadline } from "../process/deadline.ts";
import { DirtyConnectionError, type DirtyError, DirtyStreamNotFoundError } from "../protocol/errors.ts";
import { isStreamId } from "../protocol/stream-id.ts";
import type { Found } from "../protocol/stream-messages.ts";
import type { PlaceListener } from "./arbiter-link.ts";
import type { CallContext } from "./call-context.ts";
import { noAnswer } from "./call-errors.ts";
import type { RunListener, WorkerLink } from "./worker-link.ts";

// A stream that its worker does not have was just forgotten, or is on its way to another one. So is that of a worker
// that died.
const TRIES = 20;
const AGAIN_MS = 50;
const BACKSTOP_MS = 1000;

/**
 * Ends a resumable stream by its name: in the dirty arbiter while it waits for a slot, else in its worker.
 * @throws DirtyStreamNotFoundError, DirtyStreamGoneError, or DirtyConnectionError when one of them does not answer.
 */
export async function endStream(context: CallContext, stream: string): Promise<void> {
  if (!isStreamId(stream)) throw new DirtyStreamNotFoundError("No stream has this id.");
  for (let count = 0; count < TRIES; count++) {
    const found = await within<Found | undefined>(context, (settle) => askArbiter(context, stream, settle));
    if (found === undefined) return;
    if (await within<boolean>(context, (settle) => askWorker(context, stream, found, settle))) return;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  throw new DirtyConnectionError("The stream is with a dirty worker that cannot be reached.");
}

interface Settle<T> {
  resolve(value: T): void;
  reject(error: DirtyError): void;
}

/** Waits for an answer; `ask` gives what takes the question back. */
async function within<T>(context: CallContext, ask: (settle: Settle<T>) => () => void): Promise<T> {
  let giveUp = (): void => {};
  const answer = new Promise<T>((resolve, reject) => {
    giveUp = ask({ resolve, reject });
  });
  return deadline(context.queueTimeoutMs + BACKSTOP_MS, answer, () => {
    giveUp();
    throw noAnswer(context.queueTimeoutMs / 1000);
  });
}

function askArbiter(
  { arbiter }: CallContext,
  stream: string,
  { resolve, reject }: Settle<Found | undefined>,
): () => void {
  const listener: PlaceListener = {
    found: resolve,
    ended: () => resolve(undefined),
    placeFailed: reject,
    queued: () => {},
    placed: () => {},
  };
  const id = arbiter.endStream({ stream }, listener);
  return () => arbiter.cancel(id);
}

function askWorker(
  { workers }: CallContext,
  stream: string,
  { socket, slot }: Found,
  { resolve, reject }: Settle<boolean>,
): () => void {
  const link: WorkerLink = workers.get(socket);
  const no = (): void => resolve(false);
  const listener: RunListener = {
    returned: () => resolve(true),
    refused: no,
    // Its readers may have it continued: the dirty arbiter knows.
    lost: no,
    failed: reject,
    started: () => {},
    attached: () => {},
    chunk: () => false,
    deliver: () => {},
    ended: no,
  };
  const id = link.endStream({ stream, slot }, listener);
  return () => link.cancel(id);
}
