import { DirtyError } from "../protocol/errors.ts";
import type { Inspection } from "./placement.ts";
import type { Scaled } from "./scaling.ts";

/** The operations of MANAGE. */
const ADD = 1;
const REMOVE = 2;
/** More at once than a fleet may have. */
const MOST = 1000;

/** What the fleet is, and who changes it: what STATUS and MANAGE need. */
export interface Office {
  /** What placement has. */
  inspect(): Inspection;
  /** Process id of a worker; undefined while it is not connected. */
  pidOf(worker: number): number | undefined;
  /** `by` dirty workers more, or fewer. */
  scale(by: number): Promise<Scaled>;
}

/** STATUS, in the fields that Gunicorn's clients read. A worker's `age` is its number: who is older has the lower. */
export function status(office: Office): Record<string, unknown> {
  const { apps, workers, now } = office.inspect();
  const rows = workers
    .map((worker) => ({
      pid: office.pidOf(worker.id) ?? null,
      age: worker.id,
      apps: [...worker.appNames()],
      booted: worker.connected,
      last_heartbeat: Math.round((now - worker.heardAt) / 10) / 100,
    }))
    .sort((a, b) => a.age - b.age);
  return {
    arbiter_pid: process.pid,
    workers: rows,
    worker_count: rows.length,
    apps: apps.map(({ name }) => name),
  };
}

/**
 * MANAGE, in the fields that Gunicorn's clients read. All that was asked for is done, or nothing is and `reason`
 * says why.
 * @throws DirtyError for an unknown operation.
 */
export async function manage(
  office: Office,
  { op, count: asked = 1 }: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  if (op !== ADD && op !== REMOVE) throw new DirtyError("MANAGE has the operations 1 (add) and 2 (remove).");
  // A count below 1 means 1 to Gunicorn.
  const count =
    typeof asked === "number" && Number.isFinite(asked) ? Math.max(1, Math.trunc(asked)) : Number.NaN;
  if (!(count <= MOST)) throw new DirtyError(`MANAGE has a count from 1 to ${MOST}.`);
  const { target, refused } = await office.scale(op === ADD ? count : -count);
  return {
    success: true,
    operation: op === ADD ? "add" : "remove",
    requested: count,
    [op === ADD ? "spawned" : "removed"]: refused === null ? count : 0,
    ...(refused === null ? {} : { reason: refused }),
    total_workers: office.inspect().workers.length,
    target_workers: target,
  };
}
