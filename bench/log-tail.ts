import { StringDecoder } from "node:string_decoder";
import { until } from "./until.ts";

/** The end of what a server printed, and the processes that it said are ready. */
export class LogTail {
  readonly lines: string[] = [];
  /** The processes that the arbiter called ready: their kinds and since when, by their ids. */
  readonly ready = new Map<number, { kind: string; since: number }>();
  readonly #kept: number;
  #rest = "";

  /** @param kept how many lines are kept. */
  constructor(kept: number) {
    this.#kept = kept;
  }

  /** Reads a stream of it to its end. */
  read(stream: NodeJS.ReadableStream): void {
    const decoder = new StringDecoder("utf8");
    stream.on("data", (data: Buffer) => {
      const lines = (this.#rest + decoder.write(data)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    });
  }

  /** The ready processes of a kind, the oldest first. */
  readyOf(kind: string): number[] {
    return [...this.ready].filter(([, process]) => process.kind === kind).map(([pid]) => pid);
  }

  /**
   * Waits until `count` processes of a kind are ready, and gives the oldest when it has been so for `ms`.
   * @throws Error when `count` processes are not ready within 30 s
   */
  async oldest(kind: string, count: number, ms: number): Promise<number> {
    const isOldEnough = () =>
      performance.now() - (this.ready.get(this.readyOf(kind)[0] ?? 0)?.since ?? 0) >= ms;
    await until(`${count} × ${kind}`, () => this.readyOf(kind).length >= count && isOldEnough());
    return this.readyOf(kind)[0] ?? 0;
  }

  /** Takes a process that was killed for gone. */
  forget(pid: number): void {
    this.ready.delete(pid);
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > this.#kept) this.lines.shift();
    const [, kind = "", pid] = /(http worker|dirty worker|dirty arbiter) (\d+) is ready/.exec(line) ?? [];
    if (pid !== undefined) this.ready.set(Number(pid), { kind, since: performance.now() });
  }
}
