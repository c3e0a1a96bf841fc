import { fromWireError, StashError, StashTableNotFoundError } from "../protocol/errors.ts";
import { MSG } from "../protocol/messages.ts";
import { KEY_NOT_FOUND, STASH, type WireStashInfo } from "../protocol/stash-messages.ts";
import type { StashAsker } from "./dirty-host.ts";
import { QuestionLink } from "./question-link.ts";
import { NO_ENTRY, STASH_TIMEOUT_MS } from "./stash-link.ts";

/** Gunicorn's stash is a plain dict for each table. What it would leave out without a word is refused here. */
const UNKNOWN_FIELDS = {
  ttl: "time to live",
  max_entries: "bound on a table's entries",
  max_bytes: "bound on a table's bytes",
} as const;

/** The stash of a Gunicorn. */
export class GunicornStash implements StashAsker {
  private readonly link: QuestionLink;

  /** @param path of its dirty arbiter's socket. */
  constructor(path: string) {
    this.link = new QuestionLink(path, STASH_TIMEOUT_MS);
  }

  async ask(fields: Record<string, unknown>): Promise<unknown> {
    refuseUnknown(fields);
    if (this.link.full) {
      throw new StashError("Too many stash operations are under way; await some before you begin more.");
    }
    const answer = await this.link.ask(MSG.STASH, fields);
    if ("result" in answer) return fields["op"] === STASH.INFO ? infoOf(answer.result) : answer.result;
    const { error } = answer;
    // Its arbiter names all of them DirtyError, so the text has to tell them apart.
    if (error.error_type === KEY_NOT_FOUND || error.message === `Key not found: ${String(fields["key"])}`) {
      return NO_ENTRY;
    }
    if (error.message === `Table not found: ${String(fields["table"])}`) {
      throw new StashTableNotFoundError(`The stash has no table "${String(fields["table"])}".`, {
        details: { table: fields["table"] },
      });
    }
    if (error.error_type === "DirtyError") throw new StashError(error.message, { details: error.details });
    throw fromWireError(error);
  }

  /** Closes its connection. What waits is rejected. */
  close(): void {
    this.link.close();
  }
}

function refuseUnknown(fields: Record<string, unknown>): void {
  if (fields["op"] === STASH.INCR || fields["op"] === STASH.COMPARE_AND_SET) {
    const name = fields["op"] === STASH.INCR ? "incr" : "compareAndSet";
    throw new StashError(`Gunicorn's stash has no ${name}.`);
  }
  for (const [field, what] of Object.entries(UNKNOWN_FIELDS)) {
    if (fields[field] !== undefined) throw new StashError(`Gunicorn's stash has no ${what}.`);
  }
}

// Its tables have no bounds, and their bytes are not counted there.
function infoOf(result: unknown): WireStashInfo {
  const { size, table } = Object(result);
  return {
    size: Number(size),
    table: String(table),
    bytes: Number.NaN,
    max_entries: Number.POSITIVE_INFINITY,
    max_bytes: Number.POSITIVE_INFINITY,
    ttl: null,
  };
}
