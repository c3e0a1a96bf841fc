import type { DirtyError } from "../protocol/errors.ts";
import type { Place, Placed, Ready, RunPayload } from "../protocol/messages.ts";
import type { EndStream, Find, Forget } from "../protocol/stream-messages.ts";
import { type EarlyQuestion, EarlyQuestions } from "./early-questions.ts";
import type { PlaceRequest } from "./place-request.ts";
import type { StreamDirectoryEvents } from "./stream-directory-events.ts";
import {
  type Asker,
  foundIn,
  type Granted,
  isPlaced,
  type Kept,
  type Lost,
  type StreamEntry,
  type StreamState,
  type Waiting,
  type Wanted,
  waitsUntil,
} from "./stream-entry.ts";
import { cancelled, gone, notFound, notHeardOf, waitedTooLong } from "./stream-errors.ts";
import { StreamIndex } from "./stream-index.ts";
import { StreamPayloads } from "./stream-payloads.ts";

// What each event does to a stream in each state. "found": the asker is told the worker and the slot. "-": nothing.
// A worker that keeps a stream is heeded where its slot is not older than the stream's last one; the same one counts
// only while the stream is with a worker.
// Of "a, b" in the last column, a is for gone and b for cancelled.
//
//                     | waiting            | granted          | kept             | lost          | gone, cancelled
// --------------------|--------------------|------------------|------------------|---------------|------------------
// PLACE               | joins              | found            | found            | -> waiting    | -> waiting
// PLACE, lost here    | joins              | -> waiting       | -> waiting       | -> waiting    | waiting, rejected
// FIND                | joins              | found            | found            | joins         | rejected
// FIND, lost here     | joins              | -> lost, joins   | -> lost, joins   | joins         | rejected
// END_STREAM          | forgotten or       | found            | found            | forgotten or  | rejected
//                     | -> cancelled       |                  |                  | -> cancelled  |
// asker leaves        | the next one makes | slot taken back  | -                | asker removed | -
//                     | it, or forgotten   |                  |                  |               |
// slot granted        | -> granted         |                  |                  |               |
// placement rejects   | forgotten          |                  |                  |               |
// run begun, or ended | -                  | -> kept          | -                | -             | -
// slot freed, unused  | -                  | -> waiting, lost | -                | -             | -
// worker: kept here   | -> kept            | -> kept          | -> kept          | -> kept       | -> kept
// worker: not kept    | -                  | -                | forgotten        | -             | -
// worker: FORGET      | -                  | forgotten, lost  | forgotten, lost  | -             | -
// worker dead         | -                  | -> lost          | -> lost          | -             | -
// clock               | forgotten after    | -                | -                | -> gone       | forgotten after
//                     | its grace          |                  |                  |               | GONE_MS

/** Bytes of requests that are kept for the case that their client dies. */
const MAX_PAYLOADS = 64 * 1024 * 1024;
const MAX_STREAMS = 262_144;
/** ms in which a reader that saw its worker die can have its stream continued, before it counts as gone. */
const LOST_MS = 1000;
/**
 * ms from the loss on for which a reader that wants its stream continued waits for workers that may have it. One that stands still
 * must not end the answers of others; should it have this one, that has two runs, and each reader stays with its own.
 */
const CONTINUE_MS = 5000;
/** ms for which it is remembered that a stream is gone. */
const GONE_MS = 300_000;
const MAX_REFUSALS = 10;

/** Limits of the directory. */
export interface StreamDirectoryOptions {
  /** ms that a stream which waits for a slot is wanted without a reader. */
  graceMs: number;
  /** ms that a question waits. */
  queueTimeoutMs: number;
  /** The machine's clock in ms. */
  now: () => number;
  maxPayloads?: number;
  maxStreams?: number;
}

/**
 * Knows where each resumable stream is: waiting for a slot, or with which worker. It finds a run or has it started,
 * so that a stream never has two; and runs those itself whose client died while they waited. As placement, it does
 * no I/O and has no timers. What it knows of workers' streams it has from them, also after it was replaced.
 */
export class StreamDirectory {
  private readonly options: StreamDirectoryOptions;
  private readonly events: StreamDirectoryEvents;
  private readonly index: StreamIndex;
  private readonly early: EarlyQuestions;
  private readonly payloads: StreamPayloads;
  private lastRequest = 0;

  /**
   * @param settling whether clients and workers of an earlier dirty arbiter may still come, until `settle()`.
   * @param workers those that are known to live: they may come later than that.
   */
  constructor(
    options: StreamDirectoryOptions,
    events: StreamDirectoryEvents,
    settling = false,
    workers: readonly number[] = [],
  ) {
    this.options = options;
    this.payloads = new StreamPayloads(options.maxPayloads ?? MAX_PAYLOADS);
    this.index = new StreamIndex(this.payloads);
    this.events = events;
    this.early = new EarlyQuestions(settling, workers);
  }

  /** Whether nothing waits for the clock. */
  get idle(): boolean {
    return this.index.idle && this.early.size === 0;
  }

  /** How many streams are known. */
  get size(): number {
    return this.index.size;
  }

  /** Whether a request in placement is one of a stream. */
  owns(request: PlaceRequest): boolean {
    return request.owner === this;
  }

  /** A client asks for a slot for a stream's run, or for the run that is there. */
  place(peer: object, id: number, { run, ...place }: Place, bytes: number): void {
    const stream = place.stream ?? "";
    const asker = this.asker(peer, id, place, place.notices);
    const entry = this.index.get(stream);
    const state = entry?.state;
    if (entry === undefined || state === undefined) {
      if (place.lost === undefined || !this.early.open) {
        this.startNew(stream, asker, place, run, bytes);
        return;
      }
      // It ran. Another reader may have had it continued at a worker that is not heard of yet.
      const expires =
        (place.since ?? this.options.now()) + Math.min(CONTINUE_MS, this.options.queueTimeoutMs / 2);
      this.early.add({ asker: { ...asker, expires }, stream, ends: false });
    } else if (state.name === "waiting") {
      this.join(state, asker);
    } else if (isPlaced(state) && place.lost !== state.slot) {
      this.events.found(asker, foundIn(state));
    } else if (state.name === "cancelled" && place.lost !== undefined) {
      this.events.rejected(asker, cancelled());
    } else {
      this.lose(entry, true);
      this.restart(entry, asker, place, run, bytes);
    }
  }

  /** A client asks where a stream is. */
  find(peer: object, id: number, { stream, lost, notices }: Find): void {
    const asker = this.asker(peer, id, undefined, notices);
    const entry = this.index.get(stream);
    if (entry === undefined) {
      this.miss(asker, stream, false);
      return;
    }
    if (lost === entry.state.slot) this.lose(entry, true);
    const { state } = entry;
    if (isPlaced(state)) this.events.found(asker, foundIn(state));
    else if (state.name === "gone") this.events.rejected(asker, gone());
    else if (state.name === "cancelled")
      this.events.rejected(asker, lost === undefined ? notFound() : cancelled());
    else this.join(state, asker);
  }

  /** A client ends a stream by its name. */
  end(peer: object, id: number, { stream }: EndStream): void {
    const asker = this.asker(peer, id);
    const entry = this.index.get(stream);
    const state = entry?.state;
    if (entry === undefined || state === undefined) {
      this.miss(asker, stream, true);
    } else if (isPlaced(state)) {
      this.events.found(asker, foundIn(state));
    } else if (state.name === "waiting" || state.name === "lost") {
      if (state.name === "waiting") this.events.withdraw(state.request);
      this.rejectAll(state, cancelled());
      if (state.slot === 0) this.index.remove(entry);
      else this.index.become(entry, { name: "cancelled", slot: state.slot, since: this.options.now() });
      this.events.ended(asker);
    } else {
      this.events.rejected(asker, state.name === "gone" ? gone() : notFound());
    }
  }

  /** A client takes a question back, or does not use the slot that it got. @returns whether it was about a stream. */
  cancel(peer: object, id: number): boolean {
    if (this.early.take(({ asker }) => asker.peer === peer && asker.id === id).length > 0) return true;
    for (const entry of this.index.open()) {
      if (this.leave(entry, (asker) => asker.peer === peer && asker.id === id, false)) return true;
    }
    return false;
  }

  /** A client is gone. What it waited for goes on, where it can. */
  peerGone(peer: object): void {
    this.early.take(({ asker }) => asker.peer === peer);
    for (const entry of this.index.open()) {
      while (this.leave(entry, (asker) => asker.peer === peer, true));
    }
  }

  /** Placement gave a request a slot. */
  granted(request: PlaceRequest, { worker, socket, slot, continues }: Placed): void {
    const entry = this.index.waitingWith(request.id);
    if (entry?.state.name !== "waiting") return;
    const { primary, place, payload, refusals, askers } = entry.state;
    const granted: Granted = { name: "granted", worker, socket, slot, primary, place, payload, refusals };
    this.index.become(entry, granted);
    if (primary !== undefined) {
      this.events.placed(primary, { worker, socket, slot, continues });
    } else if (payload !== undefined) {
      const { app, action, timeout } = place;
      this.events.adopt(worker, {
        ...payload.run,
        slot,
        app,
        action,
        ms_left: timeout,
        stream: entry.stream,
      });
    }
    for (const asker of askers) this.events.found(asker, foundIn(granted));
  }

  /** Placement will give a request no slot. */
  rejected(request: PlaceRequest, error: DirtyError): void {
    const entry = this.index.waitingWith(request.id);
    if (entry === undefined) return;
    this.rejectAll(entry.state, error);
    this.index.remove(entry);
  }

  /** A request waits in its app's queue: for the first time, or in another place than before. */
  queued(request: PlaceRequest, position: number): void {
    const state = this.index.waitingWith(request.id)?.state;
    if (state?.name !== "waiting") return;
    const { primary, askers } = state;
    const first = state.position === undefined;
    state.position = position;
    if (primary !== undefined && (first || primary.notices)) this.events.queued(primary, position);
    for (const asker of askers) if (first || asker.notices) this.events.queued(asker, position);
  }

  /** Runs have begun in these slots. */
  started(slots: number[]): void {
    if (this.index.settled) return;
    for (const slot of slots) this.confirm(this.index.grantedIn(slot));
  }

  /** A slot was given back; `unused` when its request never ran. */
  freed(slot: number, unused: boolean): void {
    if (this.index.settled) return;
    const entry = this.index.grantedIn(slot);
    // Its client hears of it too, if it lives and is not stopped, and then asks again and finds this run.
    if (unused && entry?.state.name === "granted") this.adopt(entry, entry.state);
    else this.confirm(entry);
  }

  /** A worker keeps a stream no more. */
  forgotten(worker: number, { stream, slot, gone }: Forget): void {
    const entry = this.index.get(stream);
    if (entry === undefined || !isPlaced(entry.state)) return;
    if (entry.state.worker !== worker || entry.state.slot !== slot) return;
    if (gone === true) this.lose(entry, false);
    else this.index.remove(entry);
  }

  /** A worker says what it keeps. */
  workerReady(worker: number, { socket, streams = [] }: Ready): void {
    const kept = new Set(streams.map(({ slot }) => slot));
    for (const entry of [...this.index.all()]) {
      const { state } = entry;
      // The RUN for a slot that is only granted may be on its way.
      if (state.name === "kept" && state.worker === worker && !kept.has(state.slot)) this.index.remove(entry);
    }
    for (const { stream, slot } of streams) this.keptBy(stream, { name: "kept", worker, socket, slot });
    this.early.heard(worker);
    this.answerLast();
  }

  /** A worker is dead, with the streams that it kept. */
  workerGone(worker: number): void {
    for (const entry of this.index.all()) {
      if (isPlaced(entry.state) && entry.state.worker === worker) this.lose(entry, false);
    }
    this.early.heard(worker);
    this.answerLast();
  }

  /** All clients that could have come have. Once the workers have too, a question for an unknown stream is answered. */
  settle(): void {
    this.early.release();
    this.answerLast();
  }

  /** Looks at the clock. */
  tick(): void {
    const now = this.options.now();
    for (const entry of this.index.unplaced()) {
      const { state } = entry;
      if (state.name === "lost" && now - state.since >= LOST_MS) {
        this.rejectAll(state, gone());
        this.index.become(entry, { name: "gone", slot: state.slot, since: now });
      } else if (state.name === "waiting") {
        this.expire(entry, state, now);
      }
    }
    for (const entry of this.index.over()) {
      if ("since" in entry.state && now - entry.state.since < GONE_MS) break;
      this.index.remove(entry);
    }
    const { held } = this.early;
    const isLate = ({ place, expires }: Asker): boolean => now >= expires && !(held && place !== undefined);
    for (const question of this.early.take(({ asker }) => isLate(asker))) {
      const { asker, stream } = question;
      if (this.index.get(stream) !== undefined) this.answer(question);
      else if (asker.place !== undefined) this.startNew(stream, asker, asker.place);
      else this.events.rejected(asker, notHeardOf());
    }
  }

  private expire(entry: StreamEntry, state: Waiting, now: number): void {
    state.askers = state.askers.filter((asker) => {
      if (asker.place !== undefined || now < asker.expires) return true;
      this.events.rejected(asker, waitedTooLong());
      return false;
    });
    if (state.primary !== undefined || state.askers.length > 0) {
      state.wantedAt = now;
    } else if (now - state.wantedAt >= this.options.graceMs) {
      this.events.withdraw(state.request);
      this.index.remove(entry);
    }
  }

  private asker(peer: object, id: number, place?: Wanted, notices = false): Asker {
    return { peer, id, place, expires: this.options.now() + this.options.queueTimeoutMs, notices };
  }

  private add(stream: string, state: StreamState): void {
    if (this.index.size >= (this.options.maxStreams ?? MAX_STREAMS)) this.makeRoom();
    this.index.add(stream, state);
  }

  private makeRoom(): void {
    const oldest = this.index.oldest();
    if (oldest === undefined) return;
    if (oldest.state.name === "waiting") this.events.withdraw(oldest.state.request);
    this.rejectAll(oldest.state, notFound());
    this.index.remove(oldest);
  }

  private startNew(stream: string, primary: Asker, place: Wanted, run?: RunPayload, bytes = 0): void {
    const payload = this.payloads.keep(run, bytes);
    const state = this.waiting({ place, primary, payload, refusals: 0, slot: 0, askers: [] });
    this.add(stream, state);
    this.request(state);
    this.answerEarly(stream);
  }

  /** Those who wait for a lost stream wait on. */
  private restart(
    entry: StreamEntry,
    primary: Asker,
    place: Wanted,
    run: RunPayload | undefined,
    bytes: number,
  ): void {
    const { slot } = entry.state;
    const askers = entry.state.name === "lost" ? entry.state.askers : [];
    const payload = this.payloads.keep(run, bytes);
    const state = this.waiting({ place, primary, payload, refusals: 0, slot, askers });
    this.index.become(entry, state);
    this.request(state);
  }

  private waiting(wanted: Omit<Waiting, "name" | "request" | "position" | "wantedAt">): Waiting {
    const request = ++this.lastRequest;
    return { name: "waiting", request, position: undefined, wantedAt: this.options.now(), ...wanted };
  }

  /** Asks placement, which may answer within this call: the stream must be known as waiting before. */
  private request({ request: id, place }: Waiting): void {
    const { app, action, timeout, arrival, again } = place;
    const until = waitsUntil(place, this.options.now());
    // A later reader may want to know its place where the first one did not.
    this.events.place({ owner: this, id, app, action, timeout, arrival, until, again, notices: true });
  }

  private join(state: Waiting | Lost, asker: Asker): void {
    state.askers.push(asker);
    // It cannot be told whether it will go on while it is lost.
    if (state.name === "waiting") this.events.queued(asker, state.position ?? 0);
  }

  private miss(asker: Asker, stream: string, ends: boolean): void {
    if (this.early.open) this.early.add({ asker, stream, ends });
    else this.events.rejected(asker, notFound());
  }

  /** A stream has become known: those who asked for it too early are answered. */
  private answerEarly(stream: string): void {
    for (const question of this.early.take((one) => one.stream === stream)) this.answer(question);
  }

  /** No stream will become known any more: those who can have theirs continued do, then the others are answered. */
  private answerLast(): void {
    if (this.early.open) return;
    for (const question of this.early.take(({ asker }) => asker.place !== undefined)) this.answer(question);
    for (const question of this.early.take(() => true)) this.answer(question);
  }

  private answer({ asker, stream, ends }: EarlyQuestion): void {
    const { peer, id, place, notices } = asker;
    // Its payload was not kept meanwhile: it can only be run by its client.
    if (place !== undefined) this.place(peer, id, place, 0);
    else if (ends) this.end(peer, id, { stream });
    else this.find(peer, id, { stream, notices });
  }

  /** Takes the first asker out that is meant; then another one makes the run, or it is not wanted any more. */
  private leave(entry: StreamEntry, isMeant: (asker: Asker) => boolean, dead: boolean): boolean {
    const { state } = entry;
    if (state.name === "waiting" || state.name === "lost") {
      const at = state.askers.findIndex(isMeant);
      if (at !== -1) {
        state.askers.splice(at, 1);
        return true;
      }
    }
    if (!("primary" in state) || state.primary === undefined || !isMeant(state.primary)) return false;
    if (state.name === "waiting") {
      this.replacePrimary(entry, state, dead);
    } else {
      // If the RUN has come, the worker says so; else it gives the slot back, and the run is made here.
      const payload = dead ? state.payload : undefined;
      this.index.become(entry, { ...state, primary: undefined, payload });
      this.events.revoke(state.worker, state.slot, false);
    }
    return true;
  }

  private replacePrimary(entry: StreamEntry, state: Waiting, dead: boolean): void {
    const next = state.askers.findIndex((asker) => asker.place !== undefined);
    state.primary = next === -1 ? undefined : state.askers.splice(next, 1)[0];
    state.wantedAt = this.options.now();
    if (next === -1 && (state.payload === undefined || (!dead && state.askers.length === 0))) {
      this.events.withdraw(state.request);
      this.rejectAll(state, gone());
      this.index.remove(entry);
    }
  }

  /** Places a run again that no client makes. */
  private adopt(entry: StreamEntry, { place, payload, refusals, slot }: Granted): void {
    if (payload === undefined || refusals >= MAX_REFUSALS) {
      this.index.become(entry, { name: "lost", slot, since: this.options.now(), askers: [] });
      return;
    }
    const again = { ...place, again: true };
    const state = this.waiting({
      place: again,
      primary: undefined,
      payload,
      refusals: refusals + 1,
      slot,
      askers: [],
    });
    this.index.become(entry, state);
    this.request(state);
  }

  /** Its worker, if it is with one, cannot be reached any more. */
  private lose(entry: StreamEntry, revoke: boolean): void {
    const { state } = entry;
    if (!isPlaced(state)) return;
    if (revoke) this.events.revoke(state.worker, state.slot, true);
    this.index.become(entry, { name: "lost", slot: state.slot, since: this.options.now(), askers: [] });
  }

  /** The worker has it, so its client's part is done. */
  private confirm(entry: StreamEntry | undefined): void {
    if (entry === undefined || !isPlaced(entry.state)) return;
    this.index.become(entry, { name: "kept", ...foundIn(entry.state) });
  }

  /** A worker says that it keeps a stream, which may be known otherwise or not at all. */
  private keptBy(stream: string, kept: Kept): void {
    const entry = this.index.get(stream);
    const state = entry?.state;
    // A run that was taken back may still be on the worker's list.
    if (state !== undefined && (isPlaced(state) ? state.slot > kept.slot : state.slot >= kept.slot)) return;
    if (state?.name === "waiting") this.events.withdraw(state.request);
    if (entry === undefined) this.add(stream, kept);
    else this.index.become(entry, kept);
    for (const asker of state === undefined ? [] : askersOf(state)) this.events.found(asker, foundIn(kept));
    this.answerEarly(stream);
  }

  private rejectAll(state: StreamState, error: DirtyError): void {
    for (const asker of askersOf(state)) this.events.rejected(asker, error);
  }
}

/** Those who wait for a stream, the one that would make it first. */
function askersOf(state: StreamState): Asker[] {
  if (state.name === "lost") return state.askers;
  if (state.name !== "waiting") return [];
  return state.primary === undefined ? state.askers : [state.primary, ...state.askers];
}
