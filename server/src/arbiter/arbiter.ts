import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { parseAppSpec } from "../config/app-spec.ts";
import type { Settings } from "../config/settings.ts";
import type { Boot, FromChild, Kind } from "../process/channel.ts";
import { chooseApps } from "./app-allocation.ts";
import { HEALTHY_MS } from "./backoff.ts";
import { Child, FIRST_FD } from "./child.ts";
import { Crew } from "./crew.ts";
import { ListeningSocket } from "./listening-socket.ts";

const TICK_MS = 500;
/** An arbiter that has not looked at its children for so long was itself stopped. */
const AWAY_MS = 2 * TICK_MS;
/** Seconds that an HTTP worker may take to load its app. */
const HTTP_START_TIMEOUT = 60;
/** Seconds that the dirty arbiter may take to start; it loads nothing. */
const DIRTY_ARBITER_START_TIMEOUT = 30;
/** ms that a child gets to end when it was told to do so at once. */
const QUICK_MS = 3000;
/** ms beyond its own graceful timeout before a child is killed: it ends itself first where it can. */
const KILL_MARGIN_MS = 1000;

/** Exit code of a start that failed because a kind of child cannot start, as Gunicorn's. */
export const BOOT_ERROR = 3;

/** How the server ended. */
export interface ArbiterEnd {
  code: number;
  /** Why, where it is a failure. */
  reason?: string;
}

/**
 * The supervisor: binds every socket, keeps every other process alive, carries no traffic and loads no user
 * code. All it does about children is in `converge`: time out, stop surplus, start missing.
 */
export class Arbiter {
  private readonly settings: Settings;
  private readonly log: Logger;
  private readonly token = randomBytes(32).toString("hex");
  private readonly crews: Record<Kind, Crew>;
  private readonly finished: (end: ArbiterEnd) => void;
  /** Resolves when every process is gone and everything was cleaned up. */
  readonly ended: Promise<ArbiterEnd>;
  private folder = "";
  private http: ListeningSocket[] = [];
  private dirty: ListeningSocket | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private lastId = 0;
  private announced = false;
  private lookedAt = Date.now();
  private stopping: "no" | "http" | "dirty-workers" | "dirty-arbiter" | "done" = "no";
  private graceful = true;
  private end: ArbiterEnd = { code: 0 };

  constructor(settings: Settings, log: Logger) {
    this.settings = settings;
    this.log = log;
    this.crews = {
      "dirty-arbiter": new Crew("dirty-arbiter", 1, DIRTY_ARBITER_START_TIMEOUT),
      "dirty-worker": new Crew("dirty-worker", settings.dirtyWorkers, settings.dirtyInitTimeout),
      "http-worker": new Crew("http-worker", settings.workers, HTTP_START_TIMEOUT),
    };
    let finished: (end: ArbiterEnd) => void = () => {};
    this.ended = new Promise((resolve) => {
      finished = resolve;
    });
    this.finished = finished;
  }

  /**
   * Binds the sockets and starts the children.
   * @throws Error when an address cannot be bound; nothing is left behind then.
   */
  async start(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), "tsunicorn-"));
    try {
      this.dirty = await ListeningSocket.bindPath(
        this.settings.dirtyBind ?? join(this.folder, "dirty.sock"),
        0o600,
      );
      for (const bind of this.settings.bind) this.http.push(await ListeningSocket.bind(bind));
    } catch (error) {
      this.cleanUp();
      throw error;
    }
    this.ticker = setInterval(() => this.converge(), TICK_MS);
    this.converge();
  }

  /**
   * Stops the server: HTTP workers first, then dirty workers, then the dirty arbiter, so that whoever drains
   * is served to the last.
   * @param graceful whether requests in progress may finish.
   */
  stop(graceful: boolean): void {
    if (this.stopping === "done") return;
    if (this.stopping !== "no" && (graceful || !this.graceful)) return;
    this.graceful = graceful;
    this.log.info(graceful ? "stopping: requests in progress may finish" : "stopping at once");
    this.stopping = this.stopping === "no" ? "http" : this.stopping;
    for (const socket of this.http) socket.close();
    this.http = [];
    if (!graceful) {
      // Those that were draining are told again: now it is urgent.
      for (const child of this.allChildren()) if (child.stopping) child.stop(false, QUICK_MS);
    }
    this.converge();
  }

  /** Kills every child. */
  force(): void {
    this.log.warn("stopping by force");
    this.stopping = "http";
    this.graceful = false;
    for (const socket of this.http) socket.close();
    this.http = [];
    for (const crew of Object.values(this.crews)) crew.target = 0;
    for (const child of this.allChildren()) {
      child.stopping = true;
      child.kill();
    }
    this.converge();
  }

  /** Changes the number of HTTP workers by `by`; there is always one. */
  scaleHttp(by: number): void {
    const crew = this.crews["http-worker"];
    crew.target = Math.max(1, crew.target + by);
    this.log.info(`${crew.target} HTTP workers from now on`);
    this.converge();
  }

  // The one place where children are timed out, stopped and started; called after every event and on a tick.
  private converge(): void {
    // Until every socket is bound a stop can only be noted: what is bound after it must be let go as well.
    if (this.ticker === undefined || this.stopping === "done") return;
    this.comeBack();
    this.advanceStop();
    for (const crew of Object.values(this.crews)) {
      this.timeOut(crew);
      this.stopSurplus(crew);
      if (this.stopping === "no") this.startMissing(crew);
    }
    this.announce();
  }

  // After a suspend, a pause or a step of the clock nobody was heard for long, and nobody is to blame.
  private comeBack(): void {
    const now = Date.now();
    if (now - this.lookedAt > AWAY_MS) for (const child of this.allChildren()) child.heardAt = now;
    this.lookedAt = now;
  }

  /** While stopping: empties one crew after the other, and ends when all are empty. */
  private advanceStop(): void {
    const next = {
      http: "dirty-workers",
      "dirty-workers": "dirty-arbiter",
      "dirty-arbiter": "done",
    } as const;
    const crewOf = {
      http: "http-worker",
      "dirty-workers": "dirty-worker",
      "dirty-arbiter": "dirty-arbiter",
    } as const;
    while (this.stopping !== "no" && this.stopping !== "done") {
      const crew = this.crews[crewOf[this.stopping]];
      crew.target = 0;
      if (crew.children.size > 0) return;
      this.stopping = next[this.stopping];
    }
    if (this.stopping === "done") {
      clearInterval(this.ticker);
      this.cleanUp();
      this.finished(this.end);
    }
  }

  private timeOut(crew: Crew): void {
    const now = Date.now();
    const { timeout } = this.settings;
    // Only a full crew proves anything: while one is missing, it is the pause before its next start that runs.
    const served = crew.active.filter((child) => child.ready && now - child.readyAt > HEALTHY_MS).length;
    if (served >= crew.target) crew.backoff.succeeded();
    for (const child of crew.active) {
      if (!child.ready && now - child.startedAt > crew.startTimeout * 1000) {
        child.failure = `it was not ready after ${crew.startTimeout} s`;
        child.kill();
      } else if (
        child.ready &&
        crew.kind === "http-worker" &&
        timeout > 0 &&
        now - child.heardAt > timeout * 1000
      ) {
        this.log.error(`http worker ${child.pid} was silent for ${timeout} s and is replaced`);
        child.kill();
      }
    }
  }

  private stopSurplus(crew: Crew): void {
    const surplus = crew.active.length - crew.target;
    if (surplus <= 0) return;
    const { gracefulTimeout, dirtyGracefulTimeout, dirtyAbortGrace } = this.settings;
    const grace = crew.kind === "http-worker" ? gracefulTimeout : dirtyGracefulTimeout + dirtyAbortGrace;
    const ms = this.graceful ? grace * 1000 + KILL_MARGIN_MS : QUICK_MS;
    for (const child of crew.active.slice(0, surplus)) child.stop(this.graceful, ms);
  }

  private startMissing(crew: Crew): void {
    if (Date.now() < crew.backoff.notBefore) return;
    for (let missing = crew.target - crew.active.length; missing > 0; missing--) {
      crew.children.add(this.spawn(crew.kind));
      // A kind that fails again and again is tried one at a time.
      if (crew.backoff.looping) return;
    }
  }

  private spawn(kind: Kind): Child {
    const { settings, dirty } = this;
    const sockets = kind === "http-worker" ? this.http : kind === "dirty-arbiter" && dirty ? [dirty] : [];
    const dirtySocket = dirty?.file?.path ?? "";
    const boot: Boot = {
      kind,
      id: ++this.lastId,
      settings,
      token: this.token,
      folder: this.folder,
      dirtySocket,
      listeners: sockets.map((socket, index) => ({ fd: FIRST_FD + index, bind: socket.address })),
      apps: settings.dirtyApps.map((spec) => parseAppSpec(spec, settings.chdir).name),
      httpWorkers: this.crews["http-worker"].active.filter((child) => child.ready).map((child) => child.id),
      socketFiles: [...this.http, ...(dirty ? [dirty] : [])].flatMap(({ file }) =>
        file === undefined ? [] : [file],
      ),
    };
    const child = new Child(
      {
        boot,
        fds: sockets.map((socket) => socket.fd),
        env: { ...process.env, TSUNICORN_DIRTY_SOCKET: dirtySocket },
        cwd: settings.chdir,
      },
      { message: (from, message) => this.hear(from, message), exited: (from) => this.reap(from) },
    );
    this.log.debug(`${title(kind)} ${child.pid} started`);
    return child;
  }

  private hear(child: Child, message: FromChild): void {
    child.heardAt = Date.now();
    switch (message.type) {
      case "loaded": {
        const others = this.crews["dirty-worker"].active
          .filter((other) => other !== child)
          .map((other) => other.apps);
        child.apps = chooseApps(message.apps, others);
        child.tell({ type: "assign", apps: child.apps, env: {} });
        return;
      }
      case "ready":
        this.becameReady(child);
        return;
      case "bootFailed":
        child.failure = message.reason;
        return;
      case "kill":
        this.killDirtyWorker(message.worker, message.reason);
        return;
      case "heartbeat":
    }
  }

  private becameReady(child: Child): void {
    const crew = this.crews[child.kind];
    child.ready = true;
    child.readyAt = Date.now();
    crew.everReady = true;
    crew.backoff.started();
    this.log.info(
      `${title(child.kind)} ${child.pid} is ready${child.apps.length > 0 ? ` with ${child.apps.join(", ")}` : ""}`,
    );
    if (child.kind === "dirty-worker") this.tellDirtyArbiter({ type: "dirtyWorkersFailing", reason: null });
    if (child.kind === "dirty-arbiter") this.reportFailing();
    this.converge();
  }

  private killDirtyWorker(id: number, reason: string): void {
    for (const child of this.crews["dirty-worker"].children) {
      if (child.id !== id) continue;
      this.log.error(`dirty worker ${child.pid} is replaced: ${reason}`);
      child.replaced = true;
      child.kill();
    }
  }

  private reap(child: Child): void {
    const crew = this.crews[child.kind];
    crew.children.delete(child);
    if (child.kind === "dirty-worker") {
      this.tellDirtyArbiter({ type: "workerGone", worker: child.id });
      rmSync(join(this.folder, `w${child.id}.sock`), { force: true });
    }
    if (child.stopping || this.stopping !== "no")
      this.log.info(`${title(child.kind)} ${child.pid} has stopped`);
    else if (!child.replaced) this.failed(crew, child);
    this.converge();
  }

  private failed(crew: Crew, child: Child): void {
    crew.backoff.failed(Date.now(), child.ready ? Date.now() - child.readyAt : 0);
    crew.lastFailure =
      child.failure ?? `it ended with ${child.end}${child.ready ? "" : " before it was ready"}`;
    const pause = Math.max(0, crew.backoff.notBefore - Date.now());
    this.log.error(
      `${title(child.kind)} ${child.pid} failed: ${crew.lastFailure}; the next starts ${pause === 0 ? "now" : `in ${pause / 1000} s`}`,
    );
    if (!crew.backoff.looping) return;
    if (!crew.everReady) {
      this.end = { code: BOOT_ERROR, reason: `The ${title(crew.kind)} cannot start: ${crew.lastFailure}` };
      this.stop(false);
    } else if (crew.kind === "dirty-worker") {
      this.reportFailing();
    }
  }

  // Requests for apps that no worker runs must not wait for workers that keep failing.
  private reportFailing(): void {
    const crew = this.crews["dirty-worker"];
    if (!crew.backoff.looping || crew.readyCount > 0) return;
    this.tellDirtyArbiter({ type: "dirtyWorkersFailing", reason: crew.lastFailure });
  }

  private allChildren(): Child[] {
    return Object.values(this.crews).flatMap((crew) => [...crew.children]);
  }

  private tellDirtyArbiter(message: Parameters<Child["tell"]>[0]): void {
    for (const child of this.crews["dirty-arbiter"].active) child.tell(message);
  }

  private announce(): void {
    if (this.announced || this.stopping !== "no") return;
    if (!Object.values(this.crews).every((crew) => crew.readyCount >= crew.target)) return;
    this.announced = true;
    this.log.info(`listening on ${this.http.map((socket) => socket.url).join(", ")}`);
  }

  private cleanUp(): void {
    for (const socket of this.http) socket.close();
    this.http = [];
    this.dirty?.close();
    this.dirty = undefined;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function title(kind: Kind): string {
  return kind.replace("-", " ");
}
