// Loaded into every process of the server under chaos. SIGPWR makes its event loop spin, as a bug in its code would:
// SIGSTOP is not the same, for a stopped process takes no CPU. SIGWINCH has it collect its garbage, so that what is
// weighed is what it holds.
import { setPriority } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Longer than any limit of the server under chaos; bounded, so that nothing spins for ever if all goes wrong. */
const SPIN_MS = 120_000;
const NICEST = 19;

process.on("SIGPWR", () => {
  // It proves the same with the CPU that others leave over, and does not slow down what is measured beside it.
  setPriority(NICEST);
  const end = performance.now() + SPIN_MS;
  while (performance.now() < end);
});

process.on("SIGWINCH", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  gc();
  // The pages that the first one emptied go back to the system with the second.
  setImmediate(gc);
});
