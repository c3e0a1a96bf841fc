import type { DirtyError } from "../protocol/errors.ts";
import type { Place, Placed, Ready, Run, RunPayload } from "../protocol/messages.ts";
import type { EndStream, Find, Forget, Found } from "../protocol/stream-messages.ts";
import { type EarlyQuestion, EarlyQuestions } from "./early-questions.ts";
import type { PlaceRequest } from "./place-request.ts";
import { type Asker, foundIn, newEntry, type StreamEntry, type Wanted, waitsUntil } from "./stream-entry.ts";
import { cancelled, gone, notFound, notHeardOf, waitedTooLong } from "./stream-errors.ts";
import { StreamPayloads } from "./stream-payloads.ts";

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

/** What the directory decides, told to the owner of the sockets. */
export interface StreamDirectoryEvents {
  /** Asks placement for a slot; `granted`, `rejected` or `queued` follow. */
  place(request: PlaceRequest): void;
  /** Takes a request back that waits. */
  withdraw(request: number): void;
  /** Takes a slot back, with `cancel` also from a run that has begun. */
  revoke(worker: number, slot: number, cancel: boolean): void;
  placed(asker: Asker, placed: Placed): void;
  found(asker: Asker, found: Found): void;
  queued(asker: Asker, position: number): void;
  rejected(asker: Asker, error: DirtyError): void;
  /** The stream was ended for the asker. */
  ended(asker: Asker): void;
  /** Sends a run to a worker: its client is gone. */
  adopt(worker: number, run: Run): void;
}

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
  private readonly entries = new Map<string, StreamEntry>();
  private readonly byRequest = new Map<number, StreamEntry>();
  /** Slots that were granted and are not known to be used. */
  private readonly bySlot = new Map<number, StreamEntry>();
  private readonly early: EarlyQuestions;
  /** The streams that are not with a worker, and not gone. */
  private readonly moving = new Set<StreamEntry>();
  /** Those that are gone or cancelled, the oldest first. A worker that is replaced leaves thousands. */
  private readonly tombstones = new Set<StreamEntry>();
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
    this.events = events;
    this.early = new EarlyQuestions(settling, workers);
  }

  /** Whether nothing waits for the clock. */
  get idle(): boolean {
    return this.moving.size + this.tombstones.size + this.early.size === 0;
  }

  /** How many streams are known. */
  get size(): number {
    return this.entries.size;
  }

  /** Whether a request in placement is one of a stream. */
  owns(request: PlaceRequest): boolean {
    return request.owner === this;
  }

  /** A client asks for a slot for a stream's run, or for the run that is there. */
  place(peer: object, id: number, { run, ...place }: Place, bytes: number): void {
    const stream = place.stream ?? "";
    const asker = this.asker(peer, id, place, place.notices);
    const entry = this.entries.get(stream);
    if (entry === undefined && place.lost !== undefined && this.early.open) {
      // It ran. Another reader may have had it continued at a worker that is not heard of yet.
      const expires =
        (place.since ?? this.options.now()) + Math.min(CONTINUE_MS, this.options.queueTimeoutMs / 2);
      this.early.add({ asker: { ...asker, expires }, stream, ends: false });
    } else if (entry === undefined) {
      this.startNew(stream, asker, run, bytes);
    } else if (entry.state === "waiting") {
      this.join(entry, asker);
    } else if (entry.state === "placed" && place.lost !== entry.slot) {
      this.events.found(asker, foundIn(entry));
    } else if (entry.state === "cancelled" && place.lost !== undefined) {
      this.events.rejected(asker, cancelled());
    } else {
      this.lose(entry, true);
      this.start(entry, asker, run, bytes);
    }
  }

  /** A client asks where a stream is. */
  find(peer: object, id: number, { stream, lost, notices }: Find): void {
    const asker = this.asker(peer, id, undefined, notices);
    const entry = this.entries.get(stream);
    if (entry === undefined) {
      this.miss(asker, stream, false);
      return;
    }
    if (entry.state === "placed" && lost === entry.slot) this.lose(entry, true);
    if (entry.state === "placed") this.events.found(asker, foundIn(entry));
    else if (entry.state === "gone") this.events.rejected(asker, gone());
    else if (entry.state === "cancelled")
      this.events.rejected(asker, lost === undefined ? notFound() : cancelled());
    else this.join(entry, asker);
  }

  /** A client ends a stream by its name. */
  end(peer: object, id: number, { stream }: EndStream): void {
    const asker = this.asker(peer, id);
    const entry = this.entries.get(stream);
    if (entry === undefined) {
      this.miss(asker, stream, true);
    } else if (entry.state === "placed") {
      this.events.found(asker, foundIn(entry));
    } else if (entry.state === "waiting" || entry.state === "lost") {
      if (entry.state === "waiting") this.events.withdraw(entry.request);
      this.rejectAll(entry, cancelled());
      if (entry.slot === 0) this.remove(entry);
      else this.bury(entry, "cancelled");
      this.events.ended(asker);
    } else {
      this.events.rejected(asker, entry.state === "gone" ? gone() : notFound());
    }
  }

  /** A client takes a question back, or does not use the slot that it got. @returns whether it was about a stream. */
  cancel(peer: object, id: number): boolean {
    if (this.early.take(({ asker }) => asker.peer === peer && asker.id === id).length > 0) return true;
    for (const entry of this.open()) {
      if (this.leave(entry, (asker) => asker.peer === peer && asker.id === id, false)) return true;
    }
    return false;
  }

  /** A client is gone. What it waited for goes on, where it can. */
  peerGone(peer: object): void {
    this.early.take(({ asker }) => asker.peer === peer);
    for (const entry of this.open()) {
      while (this.leave(entry, (asker) => asker.peer === peer, true));
    }
  }

  /** Placement gave a request a slot. */
  granted(request: PlaceRequest, placed: Placed): void {
    const entry = this.byRequest.get(request.id);
    if (entry === undefined) return;
    const { primary, place, payload } = entry;
    this.set(entry, "placed");
    entry.worker = placed.worker;
    entry.socket = placed.socket;
    entry.slot = placed.slot;
    entry.confirmed = false;
    this.bySlot.set(placed.slot, entry);
    if (primary !== undefined) {
      this.events.placed(primary, placed);
    } else if (place !== undefined && payload !== undefined) {
      const { app, action, timeout } = place;
      this.events.adopt(placed.worker, {
        ...payload,
        slot: placed.slot,
        app,
        action,
        ms_left: timeout,
        stream: entry.stream,
      });
    }
    const askers = entry.askers.splice(0);
    for (const asker of askers) this.events.found(asker, foundIn(entry));
  }

  /** Placement will give a request no slot. */
  rejected(request: PlaceRequest, error: DirtyError): void {
    const entry = this.byRequest.get(request.id);
    if (entry === undefined) return;
    this.rejectAll(entry, error);
    this.remove(entry);
  }

  /** A request waits in its app's queue: for the first time, or in another place than before. */
  queued(request: PlaceRequest, position: number): void {
    const entry = this.byRequest.get(request.id);
    if (entry === undefined) return;
    const first = entry.position === undefined;
    entry.position = position;
    if (entry.primary !== undefined && (first || entry.primary.notices))
      this.events.queued(entry.primary, position);
    for (const asker of entry.askers) if (first || asker.notices) this.events.queued(asker, position);
  }

  /** Runs have begun in these slots. */
  started(slots: number[]): void {
    if (this.bySlot.size === 0) return;
    for (const slot of slots) {
      const entry = this.bySlot.get(slot);
      if (entry !== undefined) this.confirm(entry);
    }
  }

  /** A slot was given back; `unused` when its request never ran. */
  freed(slot: number, unused: boolean): void {
    if (this.bySlot.size === 0) return;
    const entry = this.bySlot.get(slot);
    if (entry === undefined) return;
    if (!unused) {
      this.confirm(entry);
      return;
    }
    this.bySlot.delete(slot);
    this.byRequest.delete(entry.request);
    if (entry.state !== "placed" || entry.slot !== slot) return;
    // Its client hears of it too, if it lives and is not stopped, and then asks again and finds this run.
    this.adopt(entry);
  }

  /** A worker keeps a stream no more. */
  forgotten(worker: number, { stream, slot, gone }: Forget): void {
    const entry = this.entries.get(stream);
    if (entry?.state !== "placed" || entry.worker !== worker || entry.slot !== slot) return;
    if (gone === true) this.lose(entry, false);
    else this.remove(entry);
  }

  /** A worker says what it keeps. */
  workerReady(worker: number, { socket, streams = [] }: Ready): void {
    const kept = new Set(streams.map(({ slot }) => slot));
    for (const entry of [...this.entries.values()]) {
      if (entry.state !== "placed" || entry.worker !== worker || kept.has(entry.slot)) continue;
      // The RUN for a slot that is not confirmed may be on its way.
      if (entry.confirmed) this.remove(entry);
    }
    for (const { stream, slot } of streams) {
      const entry = this.entries.get(stream) ?? this.add(stream);
      // A run that was taken back may still be on this list.
      if (entry.slot > slot || (entry.slot === slot && entry.state !== "placed")) continue;
      const askers = entry.askers.splice(0);
      if (entry.state === "waiting") {
        this.events.withdraw(entry.request);
        if (entry.primary !== undefined) askers.unshift(entry.primary);
      }
      Object.assign(entry, { worker, socket, slot });
      this.set(entry, "placed");
      this.confirm(entry);
      for (const asker of askers) this.events.found(asker, foundIn(entry));
      this.answerEarly(stream);
    }
    this.early.heard(worker);
    this.answerLast();
  }

  /** A worker is dead, with the streams that it kept. */
  workerGone(worker: number): void {
    for (const entry of this.entries.values()) {
      if (entry.state === "placed" && entry.worker === worker) this.lose(entry, false);
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
    for (const entry of [...this.moving]) {
      if (entry.state === "lost" && now - entry.since >= LOST_MS) {
        this.rejectAll(entry, gone());
        this.bury(entry, "gone");
      } else if (entry.state === "waiting") {
        this.expire(entry, now);
      }
    }
    for (const entry of this.tombstones) {
      if (now - entry.since < GONE_MS) break;
      this.remove(entry);
    }
    const { held } = this.early;
    const isLate = ({ place, expires }: Asker): boolean => now >= expires && !(held && place !== undefined);
    for (const question of this.early.take(({ asker }) => isLate(asker))) {
      const { asker, stream } = question;
      if (this.entries.has(stream)) this.answer(question);
      else if (asker.place !== undefined) this.startNew(stream, asker);
      else this.events.rejected(asker, notHeardOf());
    }
  }

  /** The streams that a client may wait for. */
  private open(): StreamEntry[] {
    return [...this.moving, ...this.bySlot.values()];
  }

  private expire(entry: StreamEntry, now: number): void {
    entry.askers = entry.askers.filter((asker) => {
      if (asker.place !== undefined || now < asker.expires) return true;
      this.events.rejected(asker, waitedTooLong());
      return false;
    });
    if (entry.primary !== undefined || entry.askers.length > 0) {
      entry.since = now;
    } else if (now - entry.since >= this.options.graceMs) {
      this.events.withdraw(entry.request);
      this.remove(entry);
    }
  }

  private asker(peer: object, id: number, place?: Wanted, notices = false): Asker {
    return { peer, id, place, expires: this.options.now() + this.options.queueTimeoutMs, notices };
  }

  private add(stream: string): StreamEntry {
    if (this.entries.size >= (this.options.maxStreams ?? MAX_STREAMS)) this.makeRoom();
    const entry = newEntry(stream, this.options.now());
    this.entries.set(stream, entry);
    this.moving.add(entry);
    return entry;
  }

  /** Forgets the oldest that is gone, or the oldest of all. */
  private makeRoom(): void {
    const [oldest] = this.tombstones.size > 0 ? this.tombstones : this.entries.values();
    if (oldest === undefined) return;
    if (oldest.state === "waiting") this.events.withdraw(oldest.request);
    this.rejectAll(oldest, notFound());
    this.remove(oldest);
  }

  private startNew(stream: string, asker: Asker, payload?: RunPayload, bytes = 0): void {
    this.start(this.add(stream), asker, payload, bytes);
    this.answerEarly(stream);
  }

  private start(entry: StreamEntry, asker: Asker, payload: RunPayload | undefined, bytes: number): void {
    const { place } = asker;
    if (place === undefined) return;
    entry.primary = asker;
    entry.refusals = 0;
    this.payloads.keep(entry, payload, bytes);
    this.request(entry, place);
  }

  private request(entry: StreamEntry, place: Wanted): void {
    const id = ++this.lastRequest;
    entry.request = id;
    entry.place = place;
    this.byRequest.set(id, entry);
    this.set(entry, "waiting");
    entry.position = undefined;
    const { app, action, timeout, arrival, again } = place;
    const until = waitsUntil(place, this.options.now());
    // A later reader may want to know its place where the first one did not.
    this.events.place({ owner: this, id, app, action, timeout, arrival, until, again, notices: true });
  }

  private join(entry: StreamEntry, asker: Asker): void {
    entry.askers.push(asker);
    // While it is lost, it is not known whether it will go on.
    if (entry.state === "waiting") this.events.queued(asker, entry.position ?? 0);
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

  /** Takes the first asker out that is meant; then another asker makes the run, or none wants it. */
  private leave(entry: StreamEntry, isMeant: (asker: Asker) => boolean, dead: boolean): boolean {
    const at = entry.askers.findIndex(isMeant);
    if (at !== -1) {
      entry.askers.splice(at, 1);
      return true;
    }
    const { primary } = entry;
    if (primary === undefined || !isMeant(primary)) return false;
    entry.primary = undefined;
    if (entry.state === "waiting") {
      this.replacePrimary(entry, dead);
    } else if (entry.state === "placed" && !entry.confirmed) {
      // If the RUN has come, the worker says so; else it gives the slot back, and the run is made here.
      if (!dead) this.payloads.drop(entry);
      this.events.revoke(entry.worker, entry.slot, false);
    }
    return true;
  }

  private replacePrimary(entry: StreamEntry, dead: boolean): void {
    const next = entry.askers.findIndex((asker) => asker.place !== undefined);
    if (next !== -1) {
      [entry.primary] = entry.askers.splice(next, 1);
    } else if (entry.payload === undefined || (!dead && entry.askers.length === 0)) {
      this.events.withdraw(entry.request);
      this.rejectAll(entry, gone());
      this.remove(entry);
    }
    entry.since = this.options.now();
  }

  /** Places a run again that no client makes. */
  private adopt(entry: StreamEntry): void {
    const { place, payload } = entry;
    entry.primary = undefined;
    if (place === undefined || payload === undefined || ++entry.refusals > MAX_REFUSALS)
      this.set(entry, "lost");
    else this.request(entry, { ...place, again: true });
  }

  /** Its worker cannot be reached any more. */
  private lose(entry: StreamEntry, revoke: boolean): void {
    if (entry.state !== "placed") return;
    if (revoke) this.events.revoke(entry.worker, entry.slot, true);
    this.bySlot.delete(entry.slot);
    this.byRequest.delete(entry.request);
    this.set(entry, "lost");
  }

  /** It ran, and no reader has it continued: that is remembered for a while. */
  private bury(entry: StreamEntry, state: "gone" | "cancelled"): void {
    this.byRequest.delete(entry.request);
    this.payloads.drop(entry);
    this.set(entry, state);
  }

  private confirm(entry: StreamEntry): void {
    entry.confirmed = true;
    entry.primary = undefined;
    this.bySlot.delete(entry.slot);
    this.byRequest.delete(entry.request);
    this.payloads.drop(entry);
  }

  private set(entry: StreamEntry, state: StreamEntry["state"]): void {
    entry.state = state;
    entry.since = this.options.now();
    this.moving.delete(entry);
    this.tombstones.delete(entry);
    if (state === "gone" || state === "cancelled") this.tombstones.add(entry);
    else if (state !== "placed") this.moving.add(entry);
  }

  private rejectAll(entry: StreamEntry, error: DirtyError): void {
    const { primary } = entry;
    const askers = entry.askers.splice(0);
    entry.primary = undefined;
    if (primary !== undefined && entry.state === "waiting") this.events.rejected(primary, error);
    for (const asker of askers) this.events.rejected(asker, error);
  }

  private remove(entry: StreamEntry): void {
    this.payloads.drop(entry);
    this.moving.delete(entry);
    this.tombstones.delete(entry);
    this.byRequest.delete(entry.request);
    this.bySlot.delete(entry.slot);
    if (this.entries.get(entry.stream) === entry) this.entries.delete(entry.stream);
  }
}
