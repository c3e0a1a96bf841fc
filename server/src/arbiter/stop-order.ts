import type { Crew } from "./crew.ts";

/** Empties crews one group after the other, so that each process that drains is served until it has ended. */
export class StopOrder {
  private readonly groups: (() => readonly Crew[])[];

  /** @param groups in the order in which they stop; looked up anew each time, since reloads make new crews. */
  constructor(groups: (() => readonly Crew[])[]) {
    this.groups = groups;
  }

  /** Lets the first group that is not empty go. @returns whether all are empty. */
  advance(): boolean {
    for (const group of this.groups) {
      const crews = group();
      for (const crew of crews) {
        crew.target = 0;
        crew.endLingering();
      }
      if (crews.some((crew) => crew.children.size > 0)) return false;
    }
    return true;
  }
}
