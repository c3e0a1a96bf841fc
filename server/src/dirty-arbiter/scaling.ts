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
   * So many more, or fewer where `by` is negative.
   * @throws DirtyError when the arbiter does not answer.
   */
  async scale(by: number): Promise<Scaled> {
    const id = ++this.lastId;
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<Scaled>((resolve, reject) => {
      this.open.set(id, resolve);
      timer = setTimeout(
        () => reject(new DirtyError("The arbiter did not answer; the number of dirty workers is unknown.")),
        PATIENCE_MS,
      );
    });
    this.ask(by, id);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      this.open.delete(id);
    }
  }

  /** The arbiter has answered. */
  answered(id: number, scaled: Scaled): void {
    this.open.get(id)?.(scaled);
  }
}
