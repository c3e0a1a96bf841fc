/** What of the server a run uses. */
export interface Features {
  /** Resumable streams: `"resumable": true`, `/chat/streams/ID`. */
  readonly resume: boolean;
  /** Answers outlive the death of their dirty worker. Without it their clients may be told `worker_died`. */
  readonly migration: boolean;
  /** SIGHUP starts a new generation. */
  readonly reload: boolean;
}

/** What the server can do today: the defaults of the flags. */
export const FEATURES: Features = { resume: true, migration: true, reload: true };
