/** A real dirty worker and a real client in this process, over real sockets; only the dirty arbiter is played. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DirtyApp } from "../../src/dirty/app.ts";
import { type ClientHost, setUpDirtyClient } from "../../src/dirty/client.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { Stage } from "../dirty-worker/stage.ts";
import { Listener } from "./stand-in.ts";
import type { WirePeer } from "./wire-peer.ts";

/** Both sides. */
export class InProcess {
  private readonly stage: Stage;
  private readonly host: ClientHost;
  private readonly listener: Listener;
  private readonly folder: string;

  private constructor(stage: Stage, host: ClientHost, listener: Listener, folder: string) {
    this.stage = stage;
    this.host = host;
    this.listener = listener;
    this.folder = folder;
  }

  /** Loads an app, as `./app.ts:App`, and connects this process's client to it. */
  static async open(app: new () => DirtyApp): Promise<InProcess> {
    const stage = await Stage.open({ "app:App": app });
    const folder = mkdtempSync(join(tmpdir(), "ts-"));
    const listener = await new Listener(join(folder, "a")).open();
    const host = setUpDirtyClient({
      socket: listener.path,
      hello: { token: "the token", role: "http-worker", id: 1, pid: process.pid },
      dirtyTimeout: 10,
      dirtyQueueTimeout: 10,
    });
    host.open();
    const arbiter = await listener.peer();
    arbiter.send([MSG.WELCOME, 0, { epoch: 1 }]);
    const opened = new InProcess(stage, host, listener, folder);
    void opened.grant(arbiter);
    return opened;
  }

  async close(): Promise<void> {
    this.host.close();
    this.listener.close();
    await this.stage.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Grants every request a slot. */
  private async grant(arbiter: WirePeer): Promise<void> {
    for (;;) {
      const place = await arbiter.next(MSG.PLACE, 600_000).catch(() => undefined);
      if (place === undefined || arbiter.closed) return;
      const slot = this.stage.newSlot();
      arbiter.send([MSG.PLACED, place.id, { slot, worker: 1, socket: this.stage.socket, continues: false }]);
    }
  }
}
