import { connect } from "node:net";
import { Connection } from "../protocol/connection.ts";
import {
  type Hello,
  MSG,
  type Ready,
  type Revoke,
  type Run,
  readDict,
  readRevoke,
  readRun,
  readWelcome,
} from "../protocol/messages.ts";
import { type Forget, STREAM_MSG } from "../protocol/stream-messages.ts";

const RECONNECT_MS = 50;
const HEARTBEAT_MS = 250;

/** What the worker answers to the dirty arbiter. */
export interface RegistrationOwner {
  /** What the worker runs, asked for at each registration. */
  ready(): Ready;
  /** A slot is taken back. */
  revoked(revoke: Revoke): void;
  /** The dirty arbiter sends a resumable request itself: its client died while it waited. */
  adopted(message: Run): void;
}

/**
 * The worker's connection to the dirty arbiter: it registers there, says that it lives, and gives back
 * slots. When the dirty arbiter is replaced it registers with the new one, its models still loaded.
 */
export class Registration {
  private readonly path: string;
  private readonly hello: Hello;
  private readonly owner: RegistrationOwner;
  private readonly heartbeat: NodeJS.Timeout;
  private connection: Connection | undefined;
  private started: number[] = [];
  private closed = false;
  /** The epoch of the dirty arbiter that this worker is registered with; slots of an older one are void. */
  epoch = 0;

  constructor(path: string, hello: Hello, owner: RegistrationOwner) {
    this.path = path;
    this.hello = hello;
    this.owner = owner;
    this.heartbeat = setInterval(() => this.beat(), HEARTBEAT_MS);
    this.open();
  }

  /** Says again what the worker runs: with no apps, it takes nothing new. */
  announce(): void {
    // READY names all that runs. Told behind it, a run that began earlier and has ended would seem to run for ever.
    this.started = [];
    this.connection?.send(MSG.READY, 0, this.owner.ready());
  }

  /** Notes that a slot's run has begun; the next heartbeat tells. */
  began(slot: number): void {
    this.started.push(slot);
  }

  /** Gives a slot back; `unused` when its request never ran here. */
  free(slot: number, unused = false): void {
    this.connection?.send(MSG.FREE, 0, unused ? { slot, unused } : { slot });
  }

  /** Says that a resumable stream cannot be read any more. */
  forget(forget: Forget): void {
    this.connection?.send(STREAM_MSG.FORGET, 0, forget);
  }

  /** Closes for good. */
  close(): void {
    this.closed = true;
    clearInterval(this.heartbeat);
    this.connection?.close();
  }

  private open(): void {
    if (this.closed) return;
    const connection = new Connection(connect(this.path), {
      frame: (type, _id, buffer, start, end) => {
        if (type === MSG.WELCOME) {
          this.epoch = readWelcome(readDict(buffer, start, end)).epoch;
          this.announce();
        } else if (type === MSG.REVOKE) {
          this.owner.revoked(readRevoke(readDict(buffer, start, end)));
        } else if (type === MSG.RUN) {
          this.owner.adopted(readRun(readDict(buffer, start, end)));
        }
      },
      closed: () => {
        if (this.connection !== connection) return;
        this.connection = undefined;
        setTimeout(() => this.open(), RECONNECT_MS);
      },
    });
    this.connection = connection;
    connection.speakOurs();
    connection.send(MSG.HELLO, 0, this.hello);
  }

  private beat(): void {
    this.connection?.send(MSG.HEARTBEAT, 0, { started: this.started });
    this.started = [];
  }
}
