import type { Payload, StreamEntry, StreamState } from "./stream-entry.ts";
import type { StreamPayloads } from "./stream-payloads.ts";

/**
 * The streams that a dirty arbiter knows, found by what each state is looked for by. {@link become} is the only way
 * into another state: it keeps the indices, and lets go of what the state before had and the next one has not.
 */
export class StreamIndex {
  private readonly payloads: StreamPayloads;
  private readonly entries = new Map<string, StreamEntry>();
  /** Those that wait, by their request in placement. */
  private readonly byRequest = new Map<number, StreamEntry>();
  /** Those whose slot was granted and is not known to be used. */
  private readonly bySlot = new Map<number, StreamEntry>();
  /** Those that wait or are lost: the clock moves them on. */
  private readonly moving = new Set<StreamEntry>();
  /** Those that are over, the oldest first. A worker that is replaced leaves thousands. */
  private readonly tombstones = new Set<StreamEntry>();

  constructor(payloads: StreamPayloads) {
    this.payloads = payloads;
  }

  /** How many streams are known. */
  get size(): number {
    return this.entries.size;
  }

  /** Whether no stream waits for the clock. */
  get idle(): boolean {
    return this.moving.size + this.tombstones.size === 0;
  }

  /** Whether every slot that was granted is known to be used. */
  get settled(): boolean {
    return this.bySlot.size === 0;
  }

  /** The stream of that id. */
  get(stream: string): StreamEntry | undefined {
    return this.entries.get(stream);
  }

  /** All streams, the oldest first. */
  all(): Iterable<StreamEntry> {
    return this.entries.values();
  }

  /** The stream that waits with this request. */
  waitingWith(request: number): StreamEntry | undefined {
    return this.byRequest.get(request);
  }

  /** The stream that was granted this slot, while the slot is not known to be used. */
  grantedIn(slot: number): StreamEntry | undefined {
    return this.bySlot.get(slot);
  }

  /** The streams that wait or are lost. */
  unplaced(): StreamEntry[] {
    return [...this.moving];
  }

  /** The streams that a client may wait for, or make. */
  open(): StreamEntry[] {
    return [...this.moving, ...this.bySlot.values()];
  }

  /** The streams that are over, the oldest first. They may be removed meanwhile. */
  over(): Iterable<StreamEntry> {
    return this.tombstones;
  }

  /** The one to forget where there are too many: the oldest that is over, else the oldest of all. */
  oldest(): StreamEntry | undefined {
    const [oldest] = this.tombstones.size > 0 ? this.tombstones : this.entries.values();
    return oldest;
  }

  /** A stream has become known. */
  add(stream: string, state: StreamState): StreamEntry {
    const entry = { stream, state };
    this.entries.set(stream, entry);
    this.enter(entry);
    return entry;
  }

  /** A stream is in another state from now on. */
  become(entry: StreamEntry, state: StreamState): void {
    this.exit(entry, payloadOf(state));
    entry.state = state;
    this.enter(entry);
  }

  /** A stream is forgotten. */
  remove(entry: StreamEntry): void {
    if (this.entries.get(entry.stream) !== entry) return;
    this.exit(entry, undefined);
    this.entries.delete(entry.stream);
  }

  private enter(entry: StreamEntry): void {
    const { state } = entry;
    if (state.name === "waiting") this.byRequest.set(state.request, entry);
    if (state.name === "granted") this.bySlot.set(state.slot, entry);
    else if (state.name === "waiting" || state.name === "lost") this.moving.add(entry);
    else if (state.name !== "kept") this.tombstones.add(entry);
  }

  private exit(entry: StreamEntry, kept: Payload | undefined): void {
    const { state } = entry;
    const payload = payloadOf(state);
    if (payload !== undefined && payload !== kept) this.payloads.drop(payload);
    if (state.name === "waiting") this.byRequest.delete(state.request);
    if (state.name === "granted") this.bySlot.delete(state.slot);
    this.moving.delete(entry);
    this.tombstones.delete(entry);
  }
}

function payloadOf(state: StreamState): Payload | undefined {
  return state.name === "waiting" || state.name === "granted" ? state.payload : undefined;
}
