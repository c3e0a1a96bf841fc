import { LineStream } from "../line-stream.ts";
import type { Bench, Measure } from "../measure.ts";
import { faultsPlan } from "../plans.ts";
import { makeRow } from "../row.ts";
import { Server } from "../servers.ts";
import { median, percentile } from "../statistics.ts";
import { until } from "../until.ts";

const INTERVAL_MS = 20;
/** More than the measure lasts. */
const TIMES = 100_000;
const DIRTY_WORKERS = 3;
/**
 * ms that a dirty worker has served before it is killed: one that dies younger has its successor held back, as one
 * that crashes again and again should be.
 */
const SERVED_MS = 5_500;

/** How long a reader waits when its dirty worker is killed: from `kill -9` to the next token, made by another worker. */
export const migration: Measure = {
  name: "migration",
  async run(bench) {
    const kills = bench.quick ? 1 : 24;
    const streams = bench.quick ? 4 : 20;
    bench.progress(`${this.name}: ${kills} kills`);
    const server = await Server.start(faultsPlan(bench.node, DIRTY_WORKERS));
    const gaps: number[] = [];
    try {
      for (let kill = 0; kill < kills; kill++) gaps.push(...(await killOne(bench, server, streams)));
    } finally {
      await server.stop();
    }
    if (gaps.length === 0) bench.fail("migration: no stream had run on a worker that was killed");
    const title = `kill -9 of a dirty worker to a migrated stream's next token, ${kills} kills`;
    const target = { comparison: "absolute", bound: "at most", limit: 500 } as const;
    return [
      makeRow({ name: "kill-to-next-token", title: `${title}: p99`, unit: "ms", target }, [
        { ours: percentile(gaps, 0.99), other: null },
      ]),
      makeRow({ name: "kill-to-next-token-p50", title: "the same: p50", unit: "ms", target }, [
        { ours: median(gaps), other: null },
      ]),
    ];
  },
};

/** What one stream has shown of itself. */
interface Reader {
  pid: number;
  /** The next number that must come. */
  next: number;
  /** When the first token of another process came, after the kill. */
  movedAt: number;
  over: boolean;
}

async function killOne(bench: Bench, server: Server, count: number): Promise<number[]> {
  const readers: Reader[] = [];
  const open = Array.from({ length: count }, () => {
    const reader: Reader = { pid: 0, next: 0, movedAt: 0, over: false };
    readers.push(reader);
    const stream = new LineStream(server.port, `/count?interval=${INTERVAL_MS}&times=${TIMES}`, (line) => {
      const [pid, number] = line.split(":").map(Number);
      if (number !== reader.next) bench.fail(`migration: ${number} came instead of ${reader.next}`);
      reader.next++;
      if (reader.pid !== 0 && pid !== reader.pid && reader.movedAt === 0) reader.movedAt = performance.now();
      reader.pid = pid ?? 0;
    });
    void stream.over.then(() => {
      reader.over = true;
    });
    return stream;
  });
  try {
    await until("every stream has a token", () => readers.every(({ pid }) => pid !== 0));
    const victim = await server.log.oldest("dirty worker", DIRTY_WORKERS, SERVED_MS);
    const hit = readers.filter(({ pid }) => pid === victim);
    const killedAt = performance.now();
    process.kill(victim, "SIGKILL");
    server.log.forget(victim);
    await until("every stream has moved", () => hit.every(({ movedAt, over }) => movedAt > 0 || over), {
      ms: 10_000,
    });
    const lost = hit.filter(({ over }) => over).length;
    if (lost > 0) bench.fail(`migration: ${lost} of ${hit.length} streams ended with their worker`);
    return hit.flatMap(({ movedAt }) => (movedAt > 0 ? [movedAt - killedAt] : []));
  } finally {
    for (const stream of open) stream.leave();
  }
}
