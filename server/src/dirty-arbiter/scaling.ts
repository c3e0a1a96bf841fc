import { deadline } from "../process/deadline.ts";
import { DirtyError } from "../protocol/errors.ts";

/** ms within which the arbiter must have answered; it does nothing that takes long. */
const PATIENCE_MS = 2000;

/** What became of a wish for more or fewer dirty workers. */
export interface Scaled {
  /** How many there are from now on. */
  readonly target: number;
  /** Why nothing was changed; null when it was. */
  readonly refused: string | null;
}

/** Asks the arbiter, which alone starts and stops processes, for more or fewer dirty workers. */
export class Scaling {
  private readonly ask: (by: number, id: number) => void;
  private readonly open = new Map<number, (scaled: Scaled) => void>();
  private lastId = 0;

  /** @param ask sends the wish to the arbiter. */
  constructor(ask: (by: number, id: number) => void) {
    this.ask = ask;
  }

  /**
   * Asks for `by` more, or fewer where `by` is negative.
   * @throws DirtyError when the arbiter does not answer.
   */
  async scale(by: number): Promise<Scaled> {
    const id = ++this.lastId;
    const answer = new Promise<Scaled>((resolve) => {
      this.open.set(id, resolve);
    });
    this.ask(by, id);
    try {
      return await deadline(PATIENCE_MS, answer, () => {
        throw new DirtyError("The arbiter did not answer; the number of dirty workers is unknown.");
      });
    } finally {
      this.open.delete(id);
    }
  }

  /** The arbiter has answered. */
  answered(id: number, scaled: Scaled): void {
    this.open.get(id)?.(scaled);
  }
}
