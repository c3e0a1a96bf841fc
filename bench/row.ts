import { median, range } from "./statistics.ts";

/** How a row's two sides are compared: their quotient, their difference, or ours alone. */
export type Comparison = "ratio" | "difference" | "absolute";

/** What a measure is to reach; without a bound it only tells. */
export type Target = { comparison: Comparison } & (
  | {
      /** Whether the figure that is compared should be at least or at most the limit. */
      bound: "at least" | "at most";
      /** Quotient; else in the row's unit. */
      limit: number;
    }
  | { bound: "none" }
);

/** One pair of runs, in the row's unit. */
export interface Pair {
  ours: number;
  /** The other side's figure; null where the other side was not measured. */
  other: number | null;
}

/** What is known of one row before it is measured. */
export interface RowHead {
  /** Stable name, for the JSON. */
  name: string;
  title: string;
  /** `tokens/s`, `µs`, `ms`, `KB`, `MB`, `s` or empty for a count. */
  unit: string;
  target: Target;
}

/** One line of the table. */
export interface Row extends RowHead {
  /** Median of our figures. */
  ours: number;
  /** Median of the other side's; null where it was not measured. */
  other: number | null;
  /** Median over the pairs of what the target speaks of: quotient, difference, or our figure. */
  compared: number;
  /** Lowest and highest of the same over the pairs. */
  spread: { low: number; high: number };
  /** Null where nothing was to be reached. */
  reached: boolean | null;
  pairs: Pair[];
}

/** Makes the line of a table from its pairs: medians, so that one disturbed pair does not decide. */
export function makeRow(head: RowHead, pairs: Pair[]): Row {
  const { comparison } = head.target;
  const compared = pairs.map(({ ours, other }) => {
    if (comparison === "ratio") return ours / (other ?? Number.NaN);
    return comparison === "difference" ? ours - (other ?? Number.NaN) : ours;
  });
  const middle = median(compared);
  const others = pairs.flatMap(({ other }) => (other === null ? [] : [other]));
  return {
    ...head,
    ours: median(pairs.map((pair) => pair.ours)),
    other: others.length > 0 ? median(others) : null,
    compared: middle,
    spread: range(compared),
    reached: isReached(head.target, pairs.length > 0 ? middle : Number.NaN),
    pairs,
  };
}

function isReached(target: Target, figure: number): boolean | null {
  if (target.bound === "none") return null;
  return target.bound === "at least" ? figure >= target.limit : figure <= target.limit;
}
