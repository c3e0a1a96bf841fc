import { DirtyApp } from "tsunicorn";

/** A dirty app that never yields to its event loop while it works, as a model that computes would. */
export class SpinApp extends DirtyApp {
  /**
   * Keeps the worker's thread busy.
   * @param seconds how long
   * @returns how often the loop went round. With this result the compiler must keep the loop
   */
  spin(seconds: number): number {
    const end = performance.now() + seconds * 1000;
    let turns = 0;
    while (performance.now() < end) turns++;
    return turns;
  }
}
