import { eventually } from "./harness.ts";

/** A stream that is read in the background. */
export class Reading {
  readonly values: unknown[] = [];
  /** What ended it, where that was an error. */
  error: { code?: string; message?: string } | undefined;
  over = false;
  /** When it was over, `Date.now()`. */
  overAt = 0;
  private readonly pauses: (() => void)[] = [];
  private readonly steps: AsyncIterator<unknown>;
  private halted = false;

  constructor(stream: AsyncIterable<unknown>) {
    this.steps = stream[Symbol.asyncIterator]();
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      for (;;) {
        const step = await this.steps.next();
        if (step.done === true) break;
        this.values.push(step.value);
        if (this.halted) await new Promise<void>((resolve) => this.pauses.push(resolve));
      }
    } catch (error) {
      this.error = error as { code: string };
    }
    this.over = true;
    this.overAt = Date.now();
  }

  /** Takes nothing more until `goOn()`. */
  halt(): void {
    this.halted = true;
  }

  goOn(): void {
    this.halted = false;
    for (const resume of this.pauses.splice(0)) resume();
  }

  /** Leaves the loop. */
  async leave(): Promise<void> {
    await this.steps.return?.();
  }

  async has(count: number, ms?: number): Promise<void> {
    await eventually(
      `${count} chunks; there are ${this.values.length}`,
      () => this.values.length >= count,
      ms,
    );
  }

  async ended(ms?: number): Promise<void> {
    await eventually("the stream has ended", () => this.over, ms);
  }
}
