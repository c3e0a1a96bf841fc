import type { ToChild } from "../process/channel.ts";

/** ms within which a child must have answered: one that is stopped or spins must not hold up the answer for all. */
const PATIENCE_MS = 2000;

/** Who can be asked. */
export interface Asked {
  tell(message: ToChild): void;
}

interface Question {
  readonly child: Asked;
  answer(report: unknown): void;
}

/** Asks children for their reports, and finds out whose answer is whose. */
export class ReportDesk {
  private readonly open = new Map<number, Question>();
  private readonly patienceMs: number;
  private lastId = 0;

  /** @param patienceMs ms that a child gets to answer; default 2000. */
  constructor(patienceMs: number = PATIENCE_MS) {
    this.patienceMs = patienceMs;
  }

  /** Asks a child. Resolves with its report, or with undefined when it is not there within the time. */
  ask(child: Asked): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(undefined), this.patienceMs);
      const answer = (report: unknown): void => {
        clearTimeout(timer);
        this.open.delete(id);
        resolve(report);
      };
      this.open.set(id, { child, answer });
      child.tell({ type: "report", id });
    });
  }

  /** A child has answered. */
  answered(child: Asked, id: number, report: unknown): void {
    const question = this.open.get(id);
    if (question?.child === child) question.answer(report);
  }

  /** A child is gone: its answers are not waited for any more. */
  gone(child: Asked): void {
    for (const question of this.open.values()) if (question.child === child) question.answer(undefined);
  }
}
