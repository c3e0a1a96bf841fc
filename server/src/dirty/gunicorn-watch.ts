import { deadline } from "../process/deadline.ts";
import { getLogger } from "../process/logger.ts";
import { DirtyProtocolError, fromWireError } from "../protocol/errors.ts";
import { dicts, isDict, list } from "../protocol/fields.ts";
import { MSG } from "../protocol/messages.ts";
import type { DirtyStatus } from "./dirty-host.ts";
import { QuestionLink } from "./question-link.ts";

const ASK_EVERY_MS = 1000;
const ANSWER_MS = 5000;

/** Asks a Gunicorn each second which apps its dirty workers have, and logs when that can be no longer told, or again. */
export class GunicornWatch {
  private readonly path: string;
  private readonly needed: readonly string[];
  private readonly link: QuestionLink;
  private timer: NodeJS.Timeout | undefined;
  private opened = false;
  private closed = false;
  private connected: boolean | undefined;
  private workers = new Map<string, number>();
  private told = "";
  private news: () => void = () => {};
  /** Resolves with the first answer, or when it is known that none will come. */
  private readonly firstNews: Promise<void>;

  /**
   * @param path of its dirty arbiter's socket.
   * @param needed apps that this server needs; empty: whatever Gunicorn has.
   */
  constructor(path: string, needed: readonly string[]) {
    this.path = path;
    this.needed = needed;
    this.link = new QuestionLink(path, ANSWER_MS);
    this.firstNews = new Promise((resolve) => {
      this.news = resolve;
    });
  }

  /** Begins to ask, unless it does already. */
  open(): void {
    if (this.opened) return;
    this.opened = true;
    void this.ask();
  }

  /** Waits for the first answer, but for `ms` at most. */
  async heard(ms: number): Promise<void> {
    await deadline(ms, this.firstNews, () => {});
  }

  /** What was said last. */
  status(): DirtyStatus {
    const names = this.needed.length > 0 ? this.needed : [...this.workers.keys()];
    const apps = names.map((app) => ({ app, workers: this.workers.get(app) ?? 0 }));
    return { ready: this.connected === true && apps.every(({ workers }) => workers > 0), apps };
  }

  /** Asks no more. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.link.close();
  }

  private async ask(): Promise<void> {
    let failure: unknown;
    try {
      const answer = await this.link.ask(MSG.STATUS);
      if ("error" in answer) throw fromWireError(answer.error);
      this.workers = readStatus(answer.result);
    } catch (error) {
      failure = error;
    }
    if (this.closed) return;
    this.tell(failure);
    this.news();
    this.timer = setTimeout(() => void this.ask(), ASK_EVERY_MS);
    this.timer.unref();
  }

  private tell(failure: unknown): void {
    const connected = failure === undefined;
    if (connected !== this.connected) {
      this.connected = connected;
      if (connected) getLogger().info(`dirty apps run in the Gunicorn at ${this.path}`);
      else getLogger().warn(failure instanceof Error ? failure.message : String(failure));
    }
    const missing = connected ? this.needed.filter((app) => !this.workers.has(app)) : [];
    const text = missing.join(", ");
    if (text !== "" && text !== this.told) {
      const there = [...this.workers.keys()].join(", ") || "none";
      getLogger().warn(`the Gunicorn at ${this.path} has no dirty app ${text}; it has: ${there}`);
    }
    if (connected) this.told = text;
  }
}

/** How many workers each app has. Gunicorn does not tell whether they have finished loading it. */
function readStatus(result: unknown): Map<string, number> {
  if (!isDict(result)) throw new DirtyProtocolError("The answer to STATUS is not a dict.");
  const workers = new Map(texts(list(result, "apps")).map((app) => [app, 0]));
  for (const worker of dicts(result, "workers")) {
    for (const app of texts(list(worker, "apps"))) workers.set(app, (workers.get(app) ?? 0) + 1);
  }
  return workers;
}

function texts(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === "string");
}
