/** The kinds of dirty workers that there are. What the contract asks of one, it asks of each. */
import { beforeEach, describe } from "vitest";
import { NO_PYTHON } from "../python/python.ts";

/** A kind of dirty worker, and what a test must know of it. */
export interface WorkerKind {
  readonly name: string;
  /** Why it cannot run here; undefined where it can. */
  readonly missing: string | undefined;
  /** The file of this folder that has the contract's app. */
  readonly file: string;
  /** That app's spec, as the `tsunicorn` command takes it. The arbiter chooses by it what to start. */
  readonly spec: string;
  /** Whether its apps can call other dirty apps. */
  readonly calls: boolean;
}

const KINDS: readonly WorkerKind[] = [
  {
    name: "TypeScript",
    missing: undefined,
    file: "contract-app.mjs",
    spec: "./contract-app.mjs:App",
    calls: true,
  },
  {
    name: "Python",
    missing: NO_PYTHON,
    file: "contract_app.py",
    spec: "python:contract_app:App",
    calls: false,
  },
];

/** What each kind of dirty worker must do. */
export function describeWorkers(what: (kind: WorkerKind) => void): void {
  describe.for(KINDS)("the dirty worker in $name", (kind) => {
    beforeEach(({ skip }) => {
      if (kind.missing !== undefined) skip(kind.missing);
    });
    what(kind);
  });
}
