import { DirtyError } from "../protocol/errors.ts";

/** Whether a call was accepted: a promise that a caller may ask for, before or after it is settled, or never. */
export class Acceptance {
  private settled: { error: unknown } | "accepted" | "left" | undefined;
  private resolve: (() => void) | undefined;
  private reject: ((error: unknown) => void) | undefined;
  private asked: Promise<void> | undefined;

  /** It was, unless it is settled. */
  accept(): void {
    this.settled ??= "accepted";
    this.resolve?.();
  }

  /** The call failed before, unless it is settled. */
  refuse(error: unknown): void {
    this.settled ??= { error };
    this.reject?.(error);
  }

  /** Its caller left before, unless it is settled. */
  leave(): void {
    this.settled ??= "left";
    this.reject?.(leftEarly());
  }

  /** The promise. A rejection that is not looked at is not an error: who reads the stream gets it there. */
  get promise(): Promise<void> {
    if (this.asked === undefined) {
      const { settled } = this;
      this.asked = new Promise<void>((resolve, reject) => {
        this.resolve = resolve;
        this.reject = reject;
        if (settled === "accepted") resolve();
        else if (settled === "left") reject(leftEarly());
        else if (settled !== undefined) reject(settled.error);
      });
      this.asked.catch(() => {});
    }
    return this.asked;
  }
}

function leftEarly(): DirtyError {
  return new DirtyError("The call was left before it was accepted.");
}
