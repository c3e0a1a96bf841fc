import { get } from "node:http";

/** How a stream ended: to the last line, cut, or left by us. */
export type LineStreamEnd = "whole" | "cut" | "left";

/** One response read line by line, over a connection of its own. */
export class LineStream {
  /** Resolves when it is over; never rejects. */
  readonly over: Promise<LineStreamEnd>;
  readonly #request: ReturnType<typeof get>;
  #left = false;

  /** @param onLine called for every line, as it is read */
  constructor(port: number, path: string, onLine: (line: string) => void) {
    let rest = "";
    this.#request = get({ host: "127.0.0.1", port, path, agent: false });
    this.over = new Promise((resolve) => {
      const settle = (end: LineStreamEnd) => resolve(this.#left ? "left" : end);
      this.#request.on("error", () => settle("cut"));
      this.#request.on("response", (response) => {
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          const lines = (rest + text).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) onLine(line);
        });
        response.on("error", () => settle("cut"));
        response.on("close", () =>
          settle(response.complete && response.statusCode === 200 ? "whole" : "cut"),
        );
      });
    });
  }

  /** Closes the connection at once. */
  leave(): void {
    this.#left = true;
    this.#request.destroy();
  }
}

/**
 * The lines of a response.
 * @throws Error when it was not whole
 */
export async function fetchLines(port: number, path: string): Promise<string[]> {
  const lines: string[] = [];
  const stream = new LineStream(port, path, (line) => lines.push(line));
  if ((await stream.over) !== "whole") throw new Error(`GET ${path} failed`);
  return lines;
}
