import { StringDecoder } from "node:string_decoder";

const KEPT_LINES = 20_000;

/** The end of what a server printed, and the processes that it said are ready. */
export class LogTail {
  readonly lines: string[] = [];
  /** Ids of the processes that the arbiter called ready. */
  readonly ready = new Set<number>();
  #rest = "";

  /** Reads a stream of it to its end. */
  read(stream: NodeJS.ReadableStream): void {
    const decoder = new StringDecoder("utf8");
    stream.on("data", (data: Buffer) => {
      const lines = (this.#rest + decoder.write(data)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    });
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    const pid = /(?:http worker|dirty worker|dirty arbiter) (\d+) is ready/.exec(line)?.[1];
    if (pid !== undefined) this.ready.add(Number(pid));
  }
}
