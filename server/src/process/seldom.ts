import { getLogger } from "./logger.ts";

/** ms in which what comes again is counted instead of told. */
const PAUSE_MS = 10_000;

/** A warning that a peer can cause as often as it likes: the first is told, of the rest only the number. */
export class SeldomWarning {
  #held = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Warns, or counts. */
  warn(fields: object, message: string): void {
    if (this.#timer !== undefined) {
      this.#held++;
      return;
    }
    getLogger().warn(fields, message);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const held = this.#held;
      this.#held = 0;
      if (held > 0) getLogger().warn(`${message}: ${held} more within ${PAUSE_MS / 1000} s`);
    }, PAUSE_MS);
    this.#timer.unref();
  }
}
