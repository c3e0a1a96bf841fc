import type { DirtyError } from "../protocol/errors.ts";
import type { CallOptions } from "./call-options.ts";
import { CallReader } from "./call-reader.ts";

/** A call that cannot be made: who waits for it hears why. */
export class FailedCall extends CallReader {
  private readonly error: DirtyError;

  constructor(options: CallOptions, error: DirtyError) {
    super(options);
    this.error = error;
  }

  protected override begin(): void {
    this.fail(this.error);
  }

  protected override leave(): void {}
  protected override retire(): void {}
  protected override credit(): void {}
  protected override released(): void {}
}
