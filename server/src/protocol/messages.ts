/**
 * The messages on the dirty sockets, and what each carries.
 *
 * Gunicorn's part, byte for byte:
 *
 * | type | message | payload |
 * |---|---|---|
 * | 0x01 | REQUEST | `{app_path, action, args, kwargs}` |
 * | 0x02 | RESPONSE | `{result}` |
 * | 0x03 | ERROR | `{error: {error_type, message, details}}` |
 * | 0x04 | CHUNK | `{data}` |
 * | 0x05 | END | empty |
 * | 0x10 | STASH | `{op, table, key?, value?, pattern?}`; see stash-messages.ts |
 * | 0x11 | STATUS | empty |
 * | 0x12 | MANAGE | `{op, count}`, op 1 to add workers, 2 to remove |
 *
 * Our part, for peers that said HELLO with the arbiter's token:
 *
 * | type | message | from → to | payload |
 * |---|---|---|---|
 * | 0x20 | HELLO | client or worker → listener | `{token, role, id, pid, client?}` |
 * | 0x21 | WELCOME | dirty arbiter → peer | `{epoch}` |
 * | 0x22 | APPS | dirty arbiter → client | `{apps: [{app, workers}]}` |
 * | 0x23 | PLACE | client → dirty arbiter | `{app, action, timeout, arrival, since?, again?, stream?, lost?, run?, notices?}` |
 * | 0x24 | PLACED | dirty arbiter → client | `{slot, worker, socket, continues}` |
 * | 0x25 | QUEUED | dirty arbiter → client | `{position}`; again, at most once a second, when that has changed and `notices` was asked for |
 * | 0x26 | RUN | client → dirty worker | `{slot, app, action, args, kwargs?, ms_left, request_id, emitted?, stream?}` |
 * | 0x27 | STARTED | dirty worker → client | empty |
 * | 0x28 | NACK | dirty worker → client | empty |
 * | 0x29 | CANCEL | client → either | empty |
 * | 0x2a | CREDIT | client → dirty worker | `{bytes}` |
 * | 0x2b | READY | dirty worker → dirty arbiter | `{socket, apps: [{app, concurrency, continues, actions?}], running: [{slot, app, ms_left}], streams?: [{stream, slot}]}` |
 * | 0x2c | HEARTBEAT | dirty worker → dirty arbiter | `{started: [slot]}` |
 * | 0x2d | FREE | dirty worker → dirty arbiter | `{slot, unused?}` |
 * | 0x2e | REVOKE | dirty arbiter → dirty worker | `{slot, cancel}` |
 *
 * From 0x2f on: {@link STREAM_MSG}, for resumable streams.
 */

import { CHUNK_PREFIX, startsAsChunk } from "./chunk.ts";
import type { WireError } from "./errors.ts";
import { type Dict, dicts, isDict, list, number, readDict, record, text, texts, wrong } from "./fields.ts";
import { TLV } from "./tlv.ts";
import { decodeString, decodeTlv } from "./tlv-reader.ts";

export { readDict } from "./fields.ts";

/** Bytes of a string before its text: type and length. */
const STRING_HEAD = 5;

/** The type byte of each message. */
export const MSG = {
  REQUEST: 0x01,
  RESPONSE: 0x02,
  ERROR: 0x03,
  CHUNK: 0x04,
  END: 0x05,
  STASH: 0x10,
  STATUS: 0x11,
  MANAGE: 0x12,
  HELLO: 0x20,
  WELCOME: 0x21,
  APPS: 0x22,
  PLACE: 0x23,
  PLACED: 0x24,
  QUEUED: 0x25,
  RUN: 0x26,
  STARTED: 0x27,
  NACK: 0x28,
  CANCEL: 0x29,
  CREDIT: 0x2a,
  READY: 0x2b,
  HEARTBEAT: 0x2c,
  FREE: 0x2d,
  REVOKE: 0x2e,
} as const;

/** The first type that a peer may only send after its HELLO. */
export const FIRST_OWN_TYPE = 0x20;

const ROLES = ["http-worker", "dirty-worker", "gateway", "app", "stash"] as const;

/**
 * Who a peer is. A gateway is the dirty arbiter's own client, on behalf of foreign ones; an app is a dirty worker
 * that makes calls itself; a stash connection carries the operations of one process on the stash, and nothing else.
 */
export type Role = (typeof ROLES)[number];

/** HELLO: the peer proves with the token that the arbiter started it. `id` is its number in the fleet. */
export interface Hello {
  token: string;
  role: Role;
  id: number;
  pid: number;
  /** Names a client of the stash for all of its connections, so that what it repeats is known again. */
  client?: string;
}

/** WELCOME: the dirty arbiter's epoch. A worker refuses slots of an older one. */
export interface Welcome {
  epoch: number;
}

/** An app and how many workers are ready to run it. */
export interface AppState {
  app: string;
  workers: number;
}

/** PLACE: `timeout` is the most ms that the run may take, `arrival` a time of the machine's clock in ms. */
export interface Place {
  app: string;
  action: string;
  timeout: number;
  arrival: number;
  /**
   * Since when it waits, where that is not its arrival: a run that is continued stands where its arrival puts it,
   * and waits for as long as it may still take, since its reader has a part of it already.
   */
  since?: number;
  /** It was let in before, by this dirty arbiter or an earlier one: a full queue takes it all the same. */
  again?: boolean;
  /** The id of a resumable stream. Where its run is there already, the answer is FOUND. */
  stream?: string;
  /** The slot of the stream's run that the caller cannot reach: it counts as dead. */
  lost?: number;
  /** What the dirty arbiter needs to run a resumable request itself when its client dies while it waits. */
  run?: RunPayload;
  /** It wants another QUEUED when its position has changed. */
  notices?: boolean;
}

/** PLACED: run it on that worker, at that socket. `continues`: the action can go on from `emitted`. */
export interface Placed {
  slot: number;
  worker: number;
  socket: string;
  continues: boolean;
}

/** What an action is called with. */
export interface RunPayload {
  args: unknown[];
  request_id: string;
  kwargs?: Record<string, unknown>;
  emitted?: unknown[];
}

/** RUN: the request itself; with `stream` it is resumable. */
export interface Run extends RunPayload {
  slot: number;
  app: string;
  action: string;
  ms_left: number;
  stream?: string;
}

/**
 * An app as a worker runs it. `continues` names the actions that can go on from `emitted`, `actions` all there are; it
 * is left out where the app decides with each call.
 */
export interface ReadyApp {
  app: string;
  concurrency: number;
  continues: string[];
  actions?: string[];
}

/** A slot that a worker is running; `ms_left` until its deadline. */
export interface RunningSlot {
  slot: number;
  app: string;
  ms_left: number;
}

/** A resumable stream that a worker keeps, and the slot of its run, also when that has ended. */
export interface KeptStream {
  stream: string;
  slot: number;
}

/** READY: what a worker runs, also after the dirty arbiter was replaced. */
export interface Ready {
  socket: string;
  apps: ReadyApp[];
  running: RunningSlot[];
  streams?: KeptStream[];
}

/** FREE: `unused` when the worker never ran the slot's request, and will not. */
export interface Free {
  slot: number;
  unused: boolean;
}

/** REVOKE: `cancel` is false for a slot that seems unused: a run that did begin goes on. */
export interface Revoke {
  slot: number;
  cancel: boolean;
}

/** REQUEST of a foreign client. */
export interface Request {
  app_path: string;
  action: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
}

/** Reads the value out of a CHUNK, without building its dict where it has the usual form: this runs once a token. */
export function readChunk(buffer: Buffer, start: number, end: number): unknown {
  if (!startsAsChunk(buffer, start, end)) return readDict(buffer, start, end)["data"] ?? null;
  const from = start + CHUNK_PREFIX.length;
  const text = from + STRING_HEAD;
  if (buffer[from] === TLV.STRING && text <= end && buffer.readUInt32BE(from + 1) === end - text) {
    return decodeString(buffer, text, end);
  }
  return decodeTlv(buffer, from, end, 1);
}

/** Reads an ERROR's error. A field that is missing is filled in: the error matters more than its form. */
export function readError(dict: Dict): WireError {
  const error = isDict(dict["error"]) ? dict["error"] : {};
  return {
    error_type: typeof error["error_type"] === "string" ? error["error_type"] : "DirtyError",
    message:
      typeof error["message"] === "string" ? error["message"] : "The other side failed without a reason.",
    details: isDict(error["details"]) ? error["details"] : {},
  };
}

/** Reads HELLO. */
export function readHello(dict: Dict): Hello {
  const name = text(dict, "role");
  const role = ROLES.find((one) => one === name);
  if (role === undefined) throw wrong("role", "a role");
  const hello: Hello = { token: text(dict, "token"), role, id: number(dict, "id"), pid: number(dict, "pid") };
  if (dict["client"] !== undefined) hello.client = text(dict, "client");
  return hello;
}

/** Reads WELCOME. */
export function readWelcome(dict: Dict): Welcome {
  return { epoch: number(dict, "epoch") };
}

/** Reads APPS. */
export function readApps(dict: Dict): AppState[] {
  return dicts(dict, "apps").map((app) => ({ app: text(app, "app"), workers: number(app, "workers") }));
}

/** Reads PLACE. */
export function readPlace(dict: Dict): Place {
  const place: Place = {
    app: text(dict, "app"),
    action: text(dict, "action"),
    timeout: number(dict, "timeout"),
    arrival: number(dict, "arrival"),
  };
  if (dict["since"] !== undefined) place.since = number(dict, "since");
  if (dict["again"] === true) place.again = true;
  if (dict["stream"] !== undefined) place.stream = text(dict, "stream");
  if (dict["lost"] !== undefined) place.lost = number(dict, "lost");
  if (dict["run"] !== undefined) place.run = readPayload(record(dict, "run"));
  if (dict["notices"] === true) place.notices = true;
  return place;
}

/** Reads what an action is called with. */
export function readPayload(dict: Dict): RunPayload {
  const payload: RunPayload = { args: list(dict, "args"), request_id: text(dict, "request_id") };
  if (dict["kwargs"] !== undefined) payload.kwargs = record(dict, "kwargs");
  if (dict["emitted"] !== undefined) payload.emitted = list(dict, "emitted");
  return payload;
}

/** Reads PLACED. */
export function readPlaced(dict: Dict): Placed {
  return {
    slot: number(dict, "slot"),
    worker: number(dict, "worker"),
    socket: text(dict, "socket"),
    continues: dict["continues"] === true,
  };
}

/** Reads RUN. */
export function readRun(dict: Dict): Run {
  const run: Run = {
    slot: number(dict, "slot"),
    app: text(dict, "app"),
    action: text(dict, "action"),
    args: list(dict, "args"),
    ms_left: number(dict, "ms_left"),
    request_id: text(dict, "request_id"),
  };
  if (dict["kwargs"] !== undefined) run.kwargs = record(dict, "kwargs");
  if (dict["emitted"] !== undefined) run.emitted = list(dict, "emitted");
  if (dict["stream"] !== undefined) run.stream = text(dict, "stream");
  return run;
}

/** Reads READY. */
export function readReady(dict: Dict): Ready {
  return {
    socket: text(dict, "socket"),
    apps: dicts(dict, "apps").map((app) => ({
      app: text(app, "app"),
      concurrency: number(app, "concurrency"),
      continues: texts(app, "continues"),
      ...(app["actions"] === undefined ? {} : { actions: texts(app, "actions") }),
    })),
    running: dicts(dict, "running").map((run) => ({
      slot: number(run, "slot"),
      app: text(run, "app"),
      ms_left: number(run, "ms_left"),
    })),
    streams:
      dict["streams"] === undefined
        ? []
        : dicts(dict, "streams").map((kept) => ({
            stream: text(kept, "stream"),
            slot: number(kept, "slot"),
          })),
  };
}

/** Reads HEARTBEAT: the slots whose runs began since the last one. */
export function readHeartbeat(dict: Dict): number[] {
  return list(dict, "started").filter((slot) => typeof slot === "number");
}

/** Reads FREE. */
export function readFree(dict: Dict): Free {
  return { slot: number(dict, "slot"), unused: dict["unused"] === true };
}

/** Reads REVOKE. */
export function readRevoke(dict: Dict): Revoke {
  return { slot: number(dict, "slot"), cancel: dict["cancel"] === true };
}

/** Reads a count of bytes, as CREDIT carries it. */
export function readBytes(dict: Dict): number {
  const bytes = number(dict, "bytes");
  if (bytes < 0) throw wrong("bytes", "a positive number");
  return bytes;
}

/** Reads the position of QUEUED. */
export function readPosition(dict: Dict): number {
  return number(dict, "position");
}

/** Reads REQUEST. Gunicorn's clients may leave out empty args and kwargs. */
export function readRequest(dict: Dict): Request {
  return {
    app_path: text(dict, "app_path"),
    action: text(dict, "action"),
    args: dict["args"] === undefined || dict["args"] === null ? [] : list(dict, "args"),
    kwargs: dict["kwargs"] === undefined || dict["kwargs"] === null ? {} : record(dict, "kwargs"),
  };
}
