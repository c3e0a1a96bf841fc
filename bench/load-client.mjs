// The load client: a process that the bench forks. It runs one load at a time and answers with what it saw.
// Plain JavaScript without a loader, on raw sockets: it shares the machine with the server under test, so
// whatever it spends is missing there.
import { runSequential, runStreams } from "./load/run-load.mjs";

/** @typedef {import("./load/messages.ts").Load} Load */
/** @typedef {import("./load/messages.ts").ClientMessage} ClientMessage */

/** @param {ClientMessage} message */
const tell = (message) => process.send?.(message);

process.on("message", async (/** @type {Load} */ load) => {
  try {
    const result =
      load.kind === "streams"
        ? await runStreams(load, () => tell({ event: "open" }))
        : await runSequential(load);
    tell({ event: "done", result });
  } catch (error) {
    tell({
      event: "failed",
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
});

// The bench is gone, and with it the reader of the result.
process.on("disconnect", () => process.exit());
