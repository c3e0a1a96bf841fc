/**
 * What a call fails with is made when the answer comes, and its stack would name the server's code alone. Where the caller
 * awaits the call, V8 knows what waits for it: the stack is taken anew at the moment at which that is known, so a call
 * that succeeds pays nothing. A caller that only passes functions on is noted when it does.
 */
import { DirtyError } from "../protocol/errors.ts";

const NATIVE = "function () { [native code] }";
/** The frames of a caller, as V8 notes them; their text, which costs much more, is written with its first reading. */
export interface Frames {
  stack?: string;
}

/** Rejects with an error whose stack names the code that awaits this. */
export async function rejected(error: unknown): Promise<never> {
  // Who adopts this promise has done so two steps later.
  await undefined;
  await undefined;
  if (error instanceof DirtyError) giveStack(error, framesBelow(rejected));
  throw error;
}

/** Waits for an answer. The stack of its error names the code that awaits this. */
export async function traced<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DirtyError) giveStack(error, framesBelow(traced));
    throw error;
  }
}

/** Whether a function is V8's own, as those are that `await` passes to `then`. */
export function isNative(handler: unknown): boolean {
  return typeof handler === "function" && Function.prototype.toString.call(handler) === NATIVE;
}

/** The same promise, the stack of its error with these frames. */
export function blaming<T>(answer: Promise<T>, frames: Frames): Promise<T> {
  return answer.catch((error: unknown) => {
    if (error instanceof DirtyError) giveStack(error, frames);
    throw error;
  });
}

/** The frames that stand behind the function that the caller called. */
export function framesBelow(below: (...args: never[]) => unknown): Frames {
  const frames: Frames = {};
  if (Error.stackTraceLimit > 0) Error.captureStackTrace(frames, below);
  return frames;
}

function giveStack(error: DirtyError, { stack = "" }: Frames): void {
  const at = stack.indexOf("\n    at ");
  if (at === -1) return;
  Object.defineProperty(error, "stack", {
    value: `${error.name}: ${error.message}${stack.slice(at)}`,
    writable: true,
    configurable: true,
  });
}
