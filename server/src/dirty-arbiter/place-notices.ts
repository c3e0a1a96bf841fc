import type { AppQueue } from "./app-queue.ts";
import type { PlaceRequest } from "./place-request.ts";

/** ms between two notices to one request, and between two walks through a queue. */
const PACE_MS = 1000;

interface Told {
  position: number;
  at: number;
}

/**
 * Tells the requests of one queue that their places have changed, each at most once a second. However fast a queue
 * moves, that is one walk through it a second; a queue that stands still is not walked through.
 */
export class PlaceNotices {
  // Not on the requests, most of which do not want to know; and it forgets those that have left the queue by itself.
  private readonly last = new WeakMap<PlaceRequest, Told>();
  private walkedAt = Number.NEGATIVE_INFINITY;

  /** A request was told its place in another way. */
  told(request: PlaceRequest, position: number, at: number): void {
    if (request.notices === true) this.last.set(request, { position, at });
  }

  /** Tells those whose place is another than they know, where it is time for that. */
  tell(
    queue: AppQueue<PlaceRequest>,
    now: number,
    say: (request: PlaceRequest, position: number) => void,
  ): void {
    if (!queue.moved || now - this.walkedAt < PACE_MS) return;
    this.walkedAt = now;
    queue.moved = false;
    let position = -1;
    for (const request of queue.all()) {
      position++;
      const told = this.last.get(request);
      if (told === undefined || told.position === position) continue;
      if (now - told.at < PACE_MS) {
        // Its turn comes with the next walk.
        queue.moved = true;
        continue;
      }
      told.position = position;
      told.at = now;
      say(request, position);
    }
  }
}
