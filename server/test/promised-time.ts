/**
 * Promises about time: the one place where a test asks how fast something was.
 *
 * Most tests must not. They wait until something happened (`eventually` of integration/harness.ts, whose deadline of
 * 90 s is far from anything that is right), and tell right from wrong by what happened: the kind of an error, an order,
 * a status. How fast the product is, `npm run bench` measures. What is left is what the product promises in ms, such as
 * "work stops within 100 ms of a disconnect":
 *
 *     test("… within 100 ms", async (context) => {
 *       await expectWithin(context, 100, async () => {
 *         const leftAt = leave();
 *         return (await noted("aborted")).at - leftAt; // ms
 *       });
 *     });
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";

/** ms between two pulses. */
const PULSE_MS = 10;
/** The share of a promised time that one pulse may take before nothing can be said of the promise on this machine. */
const BUSY_SHARE = 0.1;

/** What a test is handed by vitest, as far as it is needed here. */
interface Skippable {
  skip(note: string): never;
}

/**
 * Expects that something takes less than `ms` milliseconds: the median of several tries, since a single one may be held
 * up by whatever else the machine does. It ends as soon as the median is certain.
 *
 * Where the median is too long, the machine is looked at: while the tries ran, a byte went through another process and
 * back a hundred times a second, which a free machine does in less than a millisecond. Where one of ten took longer
 * than a tenth of `ms`, the machine is too busy to tell, and the test is skipped by name with that figure.
 *
 * @param context what vitest hands to the test, for its `skip`
 * @param ms what is promised
 * @param once does it once, and gives how long it took in ms. All that it expects itself is expected of every try
 * @param tries at most; odd
 */
export async function expectWithin(
  context: Skippable,
  ms: number,
  once: () => Promise<number>,
  tries = 5,
): Promise<void> {
  const majority = Math.ceil(tries / 2);
  const pulse = new Pulse();
  const times: number[] = [];
  try {
    const kept = (): number => times.filter((time) => time < ms).length;
    while (kept() < majority && times.length - kept() < majority) times.push(await once());
    if (kept() >= majority) return;
    const late = await pulse.slowest();
    if (late > ms * BUSY_SHARE) {
      context.skip(
        `the machine is too busy to tell: a byte took ${Math.round(late)} ms through another process, and the tries ${said(times)}`,
      );
    }
  } finally {
    pulse.stop();
  }
  expect.fail(`not within ${ms} ms on a machine that is free: ${said(times)}`);
}

function said(times: readonly number[]): string {
  return `${times.map(Math.round).join(", ")} ms`;
}

/** Sends a byte through `cat` and back again and again, to see how long processes wait for a processor. */
class Pulse {
  private readonly cat: ChildProcess;
  private readonly times: number[] = [];
  private readonly timer: NodeJS.Timeout;
  private due = 0;
  private away = false;

  constructor() {
    this.cat = spawn("cat", { stdio: ["pipe", "pipe", "ignore"] });
    this.cat.on("error", () => {});
    this.cat.stdin?.on("error", () => {});
    this.cat.stdout?.on("data", () => {
      // The first one waits for the process to start.
      if (this.due > 0) this.times.push(performance.now() - this.due);
      this.due = performance.now() + PULSE_MS;
      this.away = false;
    });
    this.timer = setInterval(() => this.send(), PULSE_MS);
    this.send();
  }

  /** The time in ms that one of ten pulses takes at least. */
  async slowest(): Promise<number> {
    while (this.times.length < 20 && this.cat.exitCode === null) await sleep(PULSE_MS);
    const sorted = this.times.toSorted((one, other) => one - other);
    return sorted[Math.floor(sorted.length * 0.9)] ?? 0;
  }

  stop(): void {
    clearInterval(this.timer);
    this.cat.kill();
  }

  private send(): void {
    if (this.away) return;
    this.away = true;
    this.cat.stdin?.write(".");
  }
}
