import { setImmediate as nextTurn } from "node:timers/promises";
import { monotonicMs } from "../process/clock.ts";
import type { Connection } from "../protocol/connection.ts";
import type { RequestId } from "../protocol/header.ts";
import { MSG } from "../protocol/messages.ts";
import { KEY_NOT_FOUND, STASH, type StashRequest } from "../protocol/stash-messages.ts";
import type { KeySearch } from "./key-search.ts";
import { StashLog } from "./stash-log.ts";
import { changes, plan, searchKeys } from "./stash-operations.ts";
import type { LogRecord } from "./stash-record.ts";
import { StashRepeats } from "./stash-repeats.ts";
import { StashStore } from "./stash-store.ts";

const SWEEP_MS = 250;
/** A log of fewer bytes is not compacted. */
const SMALL_LOG = 1024 * 1024;

/**
 * The stash: tables that all processes of the server share. Each change is in the log before it is made and answered,
 * so that the successor of this process has it.
 */
export class Stash {
  private readonly store = new StashStore();
  private readonly repeats = new StashRepeats();
  private readonly log: StashLog;
  private readonly sweeper: NodeJS.Timeout;
  private sweeping = false;
  private closed = false;

  /**
   * @param path of the log, which is there already when this process has a predecessor.
   * @throws Error when it cannot be read or written.
   */
  constructor(path: string) {
    const now = monotonicMs();
    this.log = StashLog.open(path, ({ change, answered }) => {
      if (change !== undefined) this.store.apply(change);
      if (answered !== undefined) this.repeats.add(answered, now);
    });
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.sweeper.unref();
  }

  /**
   * Carries out an operation of a client, and answers it. A failure of the operation is an answer too.
   * @returns what to wait for where it takes more than a turn of the event loop, which only `keys` does.
   */
  answer(
    connection: Connection,
    id: RequestId,
    request: StashRequest,
    client?: string,
  ): Promise<void> | undefined {
    try {
      if (request.op === STASH.KEYS) return this.answerKeys(connection, id, request, client !== undefined);
      const result = this.execute(request, client, typeof id === "number" ? id : 0);
      if (result === undefined) {
        // Made here and not thrown: an entry that is not there is no exception.
        const { table, key } = request;
        const message = `The stash table "${table}" has no entry "${key}".`;
        connection.send(MSG.ERROR, id, { error: { error_type: KEY_NOT_FOUND, message, details: {} } });
      } else {
        connection.send(MSG.RESPONSE, id, { result });
      }
    } catch (error) {
      connection.sendError(id, error);
    }
    return undefined;
  }

  /**
   * Carries out an operation, once: one that its client sends again has the result that it had.
   * @param client names who sends it, where that one may send it again; `id` is the operation's.
   * @throws StashError when it cannot be done.
   */
  execute(request: StashRequest, client?: string, id = 0): unknown {
    const now = monotonicMs();
    if (client === undefined || !changes(request.op)) return this.carryOut(request, now);
    const before = this.repeats.find(client, id, now);
    return before === undefined ? this.carryOut(request, now, { client, id }) : before.result;
  }

  /** Closes the log. */
  close(): void {
    this.closed = true;
    clearInterval(this.sweeper);
    this.log.close();
  }

  private answerKeys(
    connection: Connection,
    id: RequestId,
    request: StashRequest,
    inParts: boolean,
  ): Promise<void> | undefined {
    const search = searchKeys(this.store, request, monotonicMs());
    if (!search.turn()) return searchOn(connection, id, search, inParts);
    connection.send(MSG.RESPONSE, id, { result: search.take() });
    return undefined;
  }

  private carryOut(request: StashRequest, now: number, operation?: { client: string; id: number }): unknown {
    const { result, change } = plan(this.store, request, now);
    if (change === undefined) return result;
    const answered = operation && { ...operation, answered: request.answered, result };
    this.log.append(answered === undefined ? { change } : { change, answered });
    this.store.apply(change);
    if (answered !== undefined) this.repeats.add(answered, now);
    this.compact();
    return result;
  }

  private compact(): void {
    const { length, compactedLength, compacting } = this.log;
    if (!compacting && length > SMALL_LOG && length > 2 * compactedLength) this.log.compact(this.records());
  }

  private *records(): Generator<LogRecord> {
    for (const change of this.store.snapshot()) yield { change };
    for (const answered of this.repeats.snapshot()) yield { answered };
  }

  private sweep(): void {
    const now = monotonicMs();
    this.repeats.forget(now);
    if (!this.sweeping) void this.expireAll();
  }

  // What millions of entries take whose time ends at once is spread over turns of the event loop.
  private async expireAll(): Promise<void> {
    this.sweeping = true;
    while (!this.closed && this.store.expire(monotonicMs())) await nextTurn();
    this.sweeping = false;
  }
}

/**
 * Searches in turns, and answers.
 * @param inParts whether what a turn found is sent at once, as a CHUNK: what is left is then the answer. So neither side makes a
 *   list of millions of keys in one turn. Gunicorn's clients take one answer.
 */
async function searchOn(
  connection: Connection,
  id: RequestId,
  search: KeySearch,
  inParts: boolean,
): Promise<void> {
  try {
    do {
      if (inParts && search.hasFound) connection.send(MSG.CHUNK, id, { data: search.take() });
      await nextTurn();
      if (!connection.open) return;
    } while (!search.turn());
    connection.send(MSG.RESPONSE, id, { result: search.take() });
  } catch (error) {
    connection.sendError(id, error);
  }
}
