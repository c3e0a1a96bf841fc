import { connect } from "node:net";
import { Connection } from "../protocol/connection.ts";
import { type DirtyError, fromWireError } from "../protocol/errors.ts";
import { HEADER_SIZE, type RequestId } from "../protocol/header.ts";
import { type Hello, MSG, type Run, readChunk, readDict, readError } from "../protocol/messages.ts";
import {
  type Attach,
  type Attached,
  type EndStream,
  readAttached,
  STREAM_MSG,
} from "../protocol/stream-messages.ts";

/** Who receives what a run sends. */
export interface RunListener {
  /** The worker has taken the run and is about to call the action. */
  started(): void;
  /** The worker has the stream, and sends what was asked for. */
  attached(attached: Attached): void;
  /**
   * A chunk came; `bytes` is what it took of the stream's window.
   * @returns whether `deliver` is to be called when all that was read with it has been handed over.
   */
  chunk(value: unknown, bytes: number): boolean;
  /** What was read in one piece has all been handed over. */
  deliver(): void;
  /** The stream has ended well. */
  ended(): void;
  /** The action has returned. */
  returned(result: unknown): void;
  /** The run has failed. */
  failed(error: DirtyError): void;
  /** The worker refuses the slot: it has to be placed again. */
  refused(): void;
  /** The connection is gone, after all that came before. */
  lost(): void;
}

/** The one connection to a dirty worker, over which all runs of this process on it are multiplexed. */
export class WorkerLink {
  private readonly connection: Connection;
  private readonly runs = new Map<RequestId, RunListener>();
  private touched: RunListener[] = [];
  private lastId = 0;

  constructor(path: string, hello: Hello, gone: () => void) {
    this.connection = new Connection(connect(path), {
      frame: (type, id, buffer, start, end) => this.receive(type, id, buffer, start, end),
      readEnded: () => this.deliver(),
      closed: () => {
        gone();
        const runs = [...this.runs.values()];
        this.runs.clear();
        for (const run of runs) run.lost();
      },
    });
    this.connection.speakOurs();
    this.connection.send(MSG.HELLO, 0, hello);
  }

  /**
   * Sends a request.
   * @returns the id that `cancel` and `credit` take.
   * @throws DirtyProtocolError when an argument cannot cross; nothing is sent then.
   */
  run(run: Run, listener: RunListener): number {
    return this.ask(MSG.RUN, run, listener);
  }

  /** Reads a stream whose run is there. @returns the id that `cancel` and `credit` take. */
  attach(attach: Attach, listener: RunListener): number {
    return this.ask(STREAM_MSG.ATTACH, attach, listener);
  }

  /** Ends a stream by its name; `returned` says that it did. @returns the id that `cancel` takes. */
  endStream(end: EndStream, listener: RunListener): number {
    return this.ask(STREAM_MSG.END_STREAM, end, listener);
  }

  /** Ends a run, or a reading; whatever it still sends is ignored. */
  cancel(id: number): void {
    if (this.runs.delete(id)) this.connection.send(MSG.CANCEL, id);
  }

  /** Lets a stream send this many bytes more. */
  credit(id: number, bytes: number): void {
    this.connection.send(MSG.CREDIT, id, { bytes });
  }

  /** Closes at once. */
  destroy(): void {
    this.connection.destroy();
  }

  private ask(type: number, message: Run | Attach | EndStream, listener: RunListener): number {
    const id = ++this.lastId;
    this.connection.send(type, id, message);
    this.runs.set(id, listener);
    return id;
  }

  private deliver(): void {
    if (this.touched.length === 0) return;
    const runs = this.touched;
    this.touched = [];
    for (const run of runs) run.deliver();
  }

  private receive(type: number, id: RequestId, buffer: Buffer, start: number, end: number): void {
    const run = this.runs.get(id);
    if (run === undefined) return;
    switch (type) {
      case MSG.CHUNK:
        if (run.chunk(readChunk(buffer, start, end), end - start + HEADER_SIZE)) this.touched.push(run);
        return;
      case MSG.STARTED:
        run.started();
        return;
      case MSG.END:
        this.runs.delete(id);
        run.ended();
        return;
      case MSG.RESPONSE: {
        const result = readDict(buffer, start, end)["result"];
        this.runs.delete(id);
        run.returned(result);
        return;
      }
      case MSG.ERROR: {
        const error = fromWireError(readError(readDict(buffer, start, end)));
        this.runs.delete(id);
        run.failed(error);
        return;
      }
      case MSG.NACK:
        this.runs.delete(id);
        run.refused();
        return;
      case STREAM_MSG.ATTACHED:
        run.attached(readAttached(readDict(buffer, start, end)));
    }
  }
}

/** The links to all workers, each opened on first use. */
export class WorkerLinks {
  private readonly hello: Hello;
  private readonly links = new Map<string, WorkerLink>();

  constructor(hello: Hello) {
    this.hello = hello;
  }

  /** The link to the worker that listens at `path`. */
  get(path: string): WorkerLink {
    const known = this.links.get(path);
    if (known !== undefined) return known;
    const link = new WorkerLink(path, this.hello, () => {
      if (this.links.get(path) === link) this.links.delete(path);
    });
    this.links.set(path, link);
    return link;
  }

  /** Closes every link at once. */
  close(): void {
    for (const link of this.links.values()) link.destroy();
  }
}
