/**
 * The messages about resumable streams, and what each carries.
 *
 * | type | message | from → to | payload |
 * |---|---|---|---|
 * | 0x2f | FIND | client → dirty arbiter | `{stream, lost?, notices?}` |
 * | 0x30 | FOUND | dirty arbiter → client | `{worker, socket, slot}` |
 * | 0x31 | ATTACH | client → dirty worker | `{stream, slot, after, prefix, request_id?}` |
 * | 0x32 | ATTACHED | dirty worker → client | `{app, action, args, kwargs?, request_id, ms_left?, continues, emitted?}` |
 * | 0x33 | END_STREAM | client → either | `{stream, slot?}` |
 * | 0x34 | FORGET | dirty worker → dirty arbiter | `{stream, slot, gone?}` |
 *
 * FIND, and PLACE of a stream whose run is there already, are answered with FOUND or ERROR, FIND of a stream that
 * waits for a slot once it has one. The client then sends ATTACH to that worker, and gets ATTACHED and the chunks
 * behind the first `after` ones; ERROR; or NACK, when that worker has no such run: then it asks the dirty arbiter
 * again, with the slot as `lost`. CANCEL of a resumable run's id, or of an ATTACH's, takes that reader away.
 *
 * END_STREAM ends a stream by its name. The dirty arbiter answers RESPONSE when it waited there, FOUND when a worker
 * has it, else ERROR; a worker answers RESPONSE, or NACK.
 */
import { type Dict, number, text, wrong } from "./fields.ts";
import { type KeptStream, type RunPayload, readPayload } from "./messages.ts";

/** The type byte of each message about resumable streams. */
export const STREAM_MSG = {
  FIND: 0x2f,
  FOUND: 0x30,
  ATTACH: 0x31,
  ATTACHED: 0x32,
  END_STREAM: 0x33,
  FORGET: 0x34,
} as const;

/** FIND: where is that stream? `lost` is the slot of a run of it that the caller cannot reach. */
export interface Find {
  stream: string;
  lost?: number;
  /** It wants another QUEUED when the position of what it waits for has changed. */
  notices?: boolean;
}

/** FOUND: the worker that has the stream, its socket, and the slot of the run. */
export interface Found {
  worker: number;
  socket: string;
  slot: number;
}

/**
 * ATTACH: read a run's stream from its chunk number `after` on, counted from 0. `prefix` asks for the chunks before
 * that too, for a reader that will have to migrate the run.
 */
export interface Attach {
  stream: string;
  slot: number;
  after: number;
  prefix: boolean;
  request_id?: string;
}

/**
 * ATTACHED: what the run was called with, so that this reader can have it continued as its first one can, where it
 * `continues`. `ms_left` is not there when the run has ended; `emitted` not when it was not asked for, or its
 * beginning is not kept. Where it has fewer than `after` chunks, since the stream has no more yet, the chunks that
 * follow begin behind those.
 */
export interface Attached extends RunPayload {
  app: string;
  action: string;
  ms_left?: number;
  continues: boolean;
}

/** END_STREAM: to a worker with the run's slot. */
export interface EndStream {
  stream: string;
  slot?: number;
}

/** FORGET: a worker keeps a stream no more; `gone` where its time was not over, as when the worker stops. */
export interface Forget extends KeptStream {
  gone?: boolean;
}

/** Reads FIND. */
export function readFind(dict: Dict): Find {
  const find: Find = { stream: text(dict, "stream") };
  if (dict["lost"] !== undefined) find.lost = number(dict, "lost");
  if (dict["notices"] === true) find.notices = true;
  return find;
}

/** Reads FOUND. */
export function readFound(dict: Dict): Found {
  return { worker: number(dict, "worker"), socket: text(dict, "socket"), slot: number(dict, "slot") };
}

/** Reads ATTACH. */
export function readAttach(dict: Dict): Attach {
  const after = number(dict, "after");
  if (!Number.isSafeInteger(after) || after < 0) throw wrong("after", "a count");
  const attach: Attach = {
    stream: text(dict, "stream"),
    slot: number(dict, "slot"),
    after,
    prefix: dict["prefix"] === true,
  };
  if (dict["request_id"] !== undefined) attach.request_id = text(dict, "request_id");
  return attach;
}

/** Reads ATTACHED. */
export function readAttached(dict: Dict): Attached {
  const attached: Attached = {
    ...readPayload(dict),
    app: text(dict, "app"),
    action: text(dict, "action"),
    continues: dict["continues"] === true,
  };
  if (dict["ms_left"] !== undefined) attached.ms_left = number(dict, "ms_left");
  return attached;
}

/** Reads END_STREAM. */
export function readEndStream(dict: Dict): EndStream {
  const end: EndStream = { stream: text(dict, "stream") };
  if (dict["slot"] !== undefined) end.slot = number(dict, "slot");
  return end;
}

/** Reads FORGET. */
export function readForget(dict: Dict): Forget {
  const kept: KeptStream = { stream: text(dict, "stream"), slot: number(dict, "slot") };
  return dict["gone"] === true ? { ...kept, gone: true } : kept;
}
