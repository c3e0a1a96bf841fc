/** How the chat is run under chaos. Times are short, so that what must end by itself ends many times in a run. */
export const LIMITS = {
  workers: 4,
  dirtyWorkers: 4,
  /** Seconds of silence after which an HTTP worker is replaced. */
  timeout: 4,
  /** Longer than any request: a reload must cut nothing. */
  gracefulTimeout: 40,
  dirtyTimeout: 20,
  dirtyGracefulTimeout: 25,
  dirtyQueueTimeout: 10,
  dirtyAbortGrace: 2,
  streamGrace: 10,
  /** Workers die a hundred times more often than in life. */
  migrationLimit: 10,
} as const;

/** Milliseconds that the machine may add to a limit: two cores carry the server, the clients and the faults. */
export const SLACK_MS = 5_000;

/** Milliseconds within which a request must have its answer or an error, once it was taken up. */
export const REQUEST_MS =
  (LIMITS.dirtyQueueTimeout + LIMITS.dirtyTimeout + LIMITS.dirtyAbortGrace + LIMITS.timeout) * 1000 +
  SLACK_MS;

/** Milliseconds after which a client that is refused again and again gives up, as a person would. */
export const PATIENCE_MS = 60_000;

/** The server's flags for {@link LIMITS}. */
export function limitFlags(): string[] {
  return [
    ...["--workers", String(LIMITS.workers)],
    ...["--dirty-workers", String(LIMITS.dirtyWorkers)],
    ...["--timeout", String(LIMITS.timeout)],
    ...["--graceful-timeout", String(LIMITS.gracefulTimeout)],
    ...["--dirty-timeout", String(LIMITS.dirtyTimeout)],
    ...["--dirty-graceful-timeout", String(LIMITS.dirtyGracefulTimeout)],
    ...["--dirty-queue-timeout", String(LIMITS.dirtyQueueTimeout)],
    ...["--dirty-abort-grace", String(LIMITS.dirtyAbortGrace)],
    ...["--stream-grace", String(LIMITS.streamGrace)],
    ...["--migration-limit", String(LIMITS.migrationLimit)],
  ];
}
