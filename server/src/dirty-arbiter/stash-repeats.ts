import type { Answered } from "./stash-record.ts";

/** How long after a client was last heard its answers are kept, in ms: much longer than it repeats anything. */
export const FORGET_MS = 60_000;
/** Answers that are kept of one client at most; a client has fewer operations under way. */
const MAX_OF_CLIENT = 65_536;

interface Client {
  readonly results: Map<number, unknown>;
  answered: number;
  heard: number;
}

/**
 * What clients were answered and may not have heard: an operation that is sent again, because the connection or this
 * process went away before the answer, is answered with the same and not carried out twice. Each operation says up to
 * which one its client has all answers, so no more is kept than is under way.
 */
export class StashRepeats {
  private readonly clients = new Map<string, Client>();

  /** What an operation was answered, if it was carried out before. */
  find(client: string, id: number, now: number): { result: unknown } | undefined {
    const found = this.clients.get(client);
    if (found === undefined) return undefined;
    found.heard = now;
    return found.results.has(id) ? { result: found.results.get(id) } : undefined;
  }

  /** Notes an answer. */
  add({ client: name, id, answered, result }: Answered, now: number): void {
    let client = this.clients.get(name);
    if (client === undefined) {
      client = { results: new Map(), answered: 0, heard: now };
      this.clients.set(name, client);
    }
    client.heard = now;
    client.answered = Math.max(client.answered, answered);
    client.results.set(id, result);
    for (const oldest of client.results.keys()) {
      if (oldest > client.answered && client.results.size <= MAX_OF_CLIENT) break;
      client.results.delete(oldest);
    }
  }

  /** Forgets the clients that were not heard for long. */
  forget(now: number): void {
    for (const [name, client] of this.clients) {
      if (now - client.heard > FORGET_MS) this.clients.delete(name);
    }
  }

  /** Answers that are kept. */
  get size(): number {
    let size = 0;
    for (const { results } of this.clients.values()) size += results.size;
    return size;
  }

  /** All that is kept, to be noted again. */
  *snapshot(): Generator<Answered> {
    for (const [client, { results, answered }] of this.clients) {
      for (const [id, result] of results) yield { client, id, answered, result };
    }
  }
}
