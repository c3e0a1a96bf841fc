import { DirtyProtocolError } from "./errors.ts";

// A path is for people: beyond this it says nothing more.
const MOST_STEPS = 12;
const MOST_KEY = 40;
const IDENTIFIER = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;

/**
 * A value that cannot cross. While it is thrown through the lists and dicts that it stands in, each of them adds its
 * step, so a value that crosses pays nothing for its path.
 */
export class UnsendableError extends DirtyProtocolError {
  // `name` is the class's: to everybody else this is a DirtyProtocolError.
  private readonly what: string;
  private readonly advice: string;
  /** What is at fault, where it can be among those that it stands in. */
  private readonly found: object | undefined;
  /** From the inside out. */
  private steps: (string | number)[] = [];
  /** How many of them lead from `found` back to itself; 0: it does not hold itself. */
  private lap = 0;

  /**
   * @param what says what cannot cross, as a sentence without its end.
   * @param advice what to send instead.
   * @param found the object at fault, where that may be one that it stands in.
   */
  constructor(what: string, advice = "", found?: object) {
    super("");
    this.what = what;
    this.advice = advice;
    this.found = found;
  }

  /** Adds the step from `container` to what is at fault. @returns itself. */
  within(container: object, step: string | number): this {
    this.steps.push(step);
    if (container === this.found) {
      // Once around says it all.
      this.lap ||= this.steps.length;
      this.steps = this.steps.slice(-this.lap);
    }
    return this;
  }

  /**
   * The error as it is thrown on.
   * @param skipped how many steps from the outside are the message's, and not the sender's.
   */
  told(skipped: number): DirtyProtocolError {
    const path = this.path(skipped);
    const where = path === "" ? "" : ` (${path})`;
    const cycle = this.lap > 0 ? ": it holds itself" : "";
    const advice = this.advice === "" ? "." : `; ${this.advice}.`;
    return new DirtyProtocolError(`${this.what}${cycle}${where}${advice}`, {
      details: path === "" ? {} : { path },
    });
  }

  private path(skipped: number): string {
    const steps = this.steps.toReversed().slice(skipped);
    const shown = steps.slice(0, MOST_STEPS).map((step, at) => {
      if (typeof step === "number") return `[${step}]`;
      const key = step.length > MOST_KEY ? `${step.slice(0, MOST_KEY)}…` : step;
      if (!IDENTIFIER.test(key)) return `[${JSON.stringify(key)}]`;
      return at === 0 ? key : `.${key}`;
    });
    return shown.join("") + (steps.length > MOST_STEPS ? "…" : "");
  }
}

/** What a value is, for people: its class, or what kind of thing it is where its class says nothing. */
export function kindOf(value: object): string {
  const named: unknown = nameOf(() => (value as { constructor?: { name?: unknown } }).constructor?.name);
  if (typeof named === "string" && named !== "" && named !== "Object" && named !== "Iterator") return named;
  const tag: unknown = nameOf(() => (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]);
  return typeof tag === "string" && tag !== "" ? tag : "object with a prototype of its own";
}

// A getter of the value's own may throw.
function nameOf(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** "A" or "An", as its word begins. */
export function article(word: string): string {
  return /^[aeiou]/i.test(word) ? "An" : "A";
}
