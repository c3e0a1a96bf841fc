import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Settings } from "../config/settings.ts";
import type { AppStatics, FromChild, Kind } from "../process/channel.ts";
import { monotonicMs } from "../process/clock.ts";
import { explain } from "../process/explain.ts";
import { hideCredentials } from "../process/hide-credentials.ts";
import { reopenLogs } from "../process/logger.ts";
import type { ArbiterEnd, ArbiterEvents, ArbiterOptions } from "./arbiter-options.ts";
import { Assignments } from "./assignments.ts";
import type { Child } from "./child.ts";
import { ChildStarter } from "./child-starter.ts";
import type { FleetSnapshot } from "./control-target.ts";
import { Crew } from "./crew.ts";
import { DirtySide } from "./dirty-side.ts";
import { describeFleet } from "./fleet-snapshot.ts";
import { Generations, type ReloadedKind } from "./generations.ts";
import type { ServerState } from "./hook-messages.ts";
import { explainLateEnd } from "./late-end.ts";
import { lackingActions } from "./needed-actions.ts";
import { makePrivateFolder } from "./private-folder.ts";
import { Reloader } from "./reloader.ts";
import { ReportDesk } from "./report-desk.ts";
import { RestartCounts } from "./restart-counts.ts";
import { ServerSockets } from "./server-sockets.ts";
import { describeExit, describeServer } from "./server-state.ts";
import { StopOrder } from "./stop-order.ts";
import { WorkerCount } from "./worker-count.ts";

const TICK_MS = 500;
/** An arbiter that has not looked at its children for so long was itself stopped. */
const AWAY_MS = 2 * TICK_MS;

/** Exit code of a start that failed because a kind of child cannot start, as Gunicorn's. */
export const BOOT_ERROR = 3;

/**
 * The supervisor: binds every socket, keeps every other process alive, carries no traffic and loads no user
 * code. All it does about children is in `converge`: time out, stop surplus, start missing.
 */
export class Arbiter {
  private readonly options: ArbiterOptions;
  private readonly log: Logger;
  private readonly events: Partial<ArbiterEvents>;
  private readonly sockets: ServerSockets;
  private readonly dirtyArbiter: Crew;
  private readonly generations: Generations;
  private readonly assignments: Assignments;
  private readonly stopOrder: StopOrder;
  private readonly dirtySide: DirtySide;
  private readonly count: WorkerCount;
  private readonly reloader: Reloader;
  private readonly finished: (end: ArbiterEnd) => void;
  /** Resolves when every process is gone and everything was cleaned up. */
  readonly ended: Promise<ArbiterEnd>;
  private readonly startedAt = Date.now();
  private readonly reports = new ReportDesk();
  private readonly restarts = new RestartCounts();
  private folder = "";
  private starter: ChildStarter | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private announced = false;
  /** Reloads that were asked for: of two that read the config at once, the later one counts. */
  private reloads = 0;
  private lookedAt = Date.now();
  private stopping = false;
  private done = false;
  private graceful = true;
  private end: ArbiterEnd = { code: 0 };

  constructor(options: ArbiterOptions) {
    const { settings, log } = options;
    this.options = options;
    this.log = log;
    this.events = options.events ?? {};
    this.sockets = new ServerSockets(options.inherited ?? []);
    this.dirtyArbiter = new Crew("dirty-arbiter", settings.dirtySocket === undefined ? 1 : 0, settings);
    this.generations = new Generations(settings, {
      appsChanged: () => this.dirtySide.configure(),
      committed: () => this.sockets.keep(this.settings.bind),
      abandoned: (_generation, reason) => {
        this.log.error(`the reload is given up, and the old workers go on serving: ${reason}`);
        this.assignments.configure(this.settings.resources);
      },
    });
    this.assignments = new Assignments(settings.resources, (crew) => this.yielders(crew), log);
    this.stopOrder = new StopOrder([
      () => this.generations.httpCrews,
      () => this.generations.dirtyCrews,
      () => [this.dirtyArbiter],
    ]);
    this.dirtySide = new DirtySide(this.dirtyArbiter, this.generations);
    this.count = new WorkerCount(this.generations, log);
    this.reloader = new Reloader({
      generations: this.generations,
      assignments: this.assignments,
      sockets: this.sockets,
      log,
      reread: () => options.reread(),
      converge: () => this.converge(),
    });
    let finished: (end: ArbiterEnd) => void = () => {};
    this.ended = new Promise((resolve) => {
      finished = resolve;
    });
    this.finished = finished;
  }

  /** The server as hooks see it now. */
  get state(): ServerState {
    return describeServer(this.settings, this.children);
  }

  /** The settings that hold now. */
  private get settings(): Settings {
    return this.generations.current.settings;
  }

  /**
   * Binds the sockets and starts the children.
   * @throws Error when an address cannot be bound; nothing is left behind then.
   */
  async start(): Promise<void> {
    this.folder = makePrivateFolder(this.settings);
    try {
      const { dirtyBind, dirtySocket } = this.settings;
      // What another server listens on is not this one's to bind.
      if (dirtySocket === undefined)
        await this.sockets.openDirty(dirtyBind ?? join(this.folder, "dirty.sock"));
      await this.sockets.open(this.settings.bind, this.settings.umask);
      await this.options.opened?.(this.folder);
    } catch (error) {
      this.cleanUp();
      throw error;
    }
    this.starter = new ChildStarter(
      this.folder,
      this.sockets,
      this.generations,
      this.options.files ?? (() => []),
      this.options.hooks,
    );
    this.ticker = setInterval(() => this.converge(), TICK_MS);
    this.converge();
  }

  /**
   * Reads the config again and replaces all workers: new ones start beside the old, and when they are ready the
   * old ones drain. A second reload gives up one that is under way.
   * @returns what was done, in words.
   * @throws Error with the reason for which the old workers go on serving.
   */
  async reload(): Promise<string> {
    this.events.reloading?.();
    let serves = false;
    try {
      const reload = ++this.reloads;
      const settings = await this.reloader.reread();
      if (reload !== this.reloads) {
        this.log.info("a reload is given up before it began: another was asked for meanwhile");
        throw new Error("another reload was asked for meanwhile");
      }
      if (this.stopping) throw new Error("the server is stopping");
      this.options.hooks.call("onReload", describeServer(settings, this.children));
      const done = await this.reloader.replace(settings, ["dirty-worker", "http-worker"]);
      serves = true;
      return done;
    } finally {
      this.dropAddresses();
      this.events.reloaded?.(this.status, serves);
    }
  }

  /**
   * Replaces the workers of some kinds as a reload does, with the settings that hold.
   * @throws Error with the reason for which the old ones go on serving.
   */
  async restart(kinds: readonly ReloadedKind[]): Promise<string> {
    if (this.stopping) throw new Error("the server is stopping");
    return this.reloader.replace(this.settings, kinds);
  }

  /**
   * Stops the server: HTTP workers first, then dirty workers, then the dirty arbiter. So each process that drains is
   * served until it has ended.
   * @param graceful whether requests in progress may finish.
   */
  stop(graceful: boolean): void {
    if (this.done) return;
    if (this.stopping && (graceful || !this.graceful)) return;
    this.beginStop(graceful, graceful ? "stopping: requests in progress may finish" : "stopping at once");
    if (!graceful) for (const crew of this.crews) crew.hurry();
    this.converge();
  }

  /** Kills every child. */
  force(): void {
    this.beginStop(false, "stopping by force");
    for (const crew of this.crews) {
      crew.target = 0;
      for (const child of crew.children) {
        child.stopping = true;
        child.kill();
      }
    }
    this.converge();
  }

  /** Changes the number of HTTP workers as far as is possible. */
  scaleHttp(by: number): void {
    this.count.change(by);
    this.converge();
  }

  /**
   * Changes the number of workers of a kind by `by`, or not at all.
   * @param app of which dirty app, where that has workers of its own.
   * @returns how many there are from now on.
   * @throws Error with the reason why not.
   */
  scale(kind: ReloadedKind, by: number, app?: string): number {
    if (this.stopping) throw new Error("The server is stopping.");
    const target = this.count.changeExactly(kind, by, app);
    this.converge();
    return target;
  }

  /**
   * Kills a child at once; it is replaced.
   * @throws Error when no child of that kind has that process id.
   */
  kill(kind: Kind, pid: number): void {
    const child = this.children.find((one) => one.kind === kind && one.pid === pid);
    if (child === undefined) throw new Error(`This server has no ${title(kind)} with process id ${pid}.`);
    this.log.warn(`${title(kind)} ${pid} is killed, as asked`);
    child.replaced = true;
    child.restartReason = "ctl kill";
    child.kill();
  }

  /** Asks a child for its report. Undefined when there is no such child, or when it does not answer in time. */
  async report(pid: number): Promise<unknown> {
    const child = this.children.find((one) => one.pid === pid);
    return child === undefined ? undefined : this.reports.ask(child);
  }

  /** The whole server at this moment, as far as the arbiter knows it without asking anybody. */
  snapshot(): Omit<FleetSnapshot, "sources"> {
    const { startedAt, generations, dirtyArbiter, sockets, restarts } = this;
    const state = this.stopping ? "stopping" : this.announced ? "running" : "starting";
    return describeFleet({
      state: state === "running" && generations.reloading ? "reloading" : state,
      startedAt,
      generations,
      dirtyArbiter,
      listeners: sockets.listeners,
      restarts: restarts.list(),
    });
  }

  /** Opens the log file again, in every process. */
  reopenLogs(): void {
    if (this.settings.logFile === undefined) {
      this.log.debug("there is no log file to open again");
      return;
    }
    reopenLogs();
    for (const child of this.children) child.tell({ type: "reopenLogs" });
    this.log.info("the log file is opened again");
  }

  private get crews(): Crew[] {
    return [...this.generations.httpCrews, ...this.generations.dirtyCrews, this.dirtyArbiter];
  }

  private get debuggedWorkers(): number[] {
    return this.children
      .filter(({ kind, debugged }) => kind === "dirty-worker" && debugged)
      .map(({ id }) => id);
  }

  private get children(): Child[] {
    return this.crews.flatMap((crew) => [...crew.children]);
  }

  // The one place where children are timed out, stopped and started; called after every event and on a tick.
  private converge(): void {
    // Until every socket is bound a stop can only be noted: what is bound after it must be let go as well.
    const { starter } = this;
    if (starter === undefined || this.done) return;
    this.comeBack();
    if (!this.stopping) this.generations.advance();
    else if (this.stopOrder.advance()) {
      this.finish();
      return;
    }
    for (const crew of this.crews) {
      this.timeOut(crew);
      for (const child of crew.surplus()) crew.letGo(child, this.graceful, !this.stopping);
    }
    this.assignments.settle();
    if (!this.stopping) {
      for (const crew of this.crews) crew.startMissing(Date.now(), () => this.spawn(crew, starter));
    }
    this.dirtySide.know(this.children.map(({ pid }) => pid));
    this.dirtySide.knowDebugged(this.debuggedWorkers);
    this.announce();
  }

  // After a suspend, a pause or a step of the clock, the last sign of every child is old. That must not count as silence.
  private comeBack(): void {
    const now = Date.now();
    if (now - this.lookedAt > AWAY_MS) for (const child of this.children) child.heardAt = now;
    this.lookedAt = now;
  }

  private timeOut(crew: Crew): void {
    for (const { child, reason } of crew.overdue(Date.now())) {
      this.log.error(`${title(crew.kind)} ${child.pid} ${reason} and is replaced`);
      if (child.ready) child.restartReason = "silent";
      else child.failure = `it ${reason}`;
      child.kill();
      // What took all of its time once will take it again.
      if (!child.ready && this.generations.isUpcoming(crew))
        this.generations.abandon(`a ${title(crew.kind)} ${reason}`, crew.kind);
    }
  }

  private spawn(crew: Crew, starter: ChildStarter): Child {
    if (crew.kind === "dirty-arbiter") this.options.hooks.call("onDirtyStarting", this.state);
    const child = starter.start(crew, {
      message: (from, message) => this.hear(crew, from, message),
      exited: (from) => this.reap(crew, from),
      late: (from, ms) =>
        this.log.error(`${title(from.kind)} ${from.pid} is killed: ${explainLateEnd(from, ms)}`),
    });
    this.log.debug(`${title(crew.kind)} ${child.pid} started`);
    return child;
  }

  private hear(crew: Crew, child: Child, message: FromChild): void {
    // What a child said last may be read after its end: it must not get anything any more.
    if (!crew.children.has(child)) return;
    child.heardAt = Date.now();
    switch (message.type) {
      case "loaded":
        this.loaded(crew, child, message.apps);
        return;
      case "ready":
        child.saidReady = true;
        this.checkReady(crew, child);
        return;
      case "registered":
        for (const one of this.generations.dirtyCrews) {
          for (const worker of one.children) if (worker.id === message.worker) this.register(one, worker);
        }
        return;
      case "bootFailed":
        // It goes to the log, to the terminal and to `tsunicorn ctl`, and an app may name its database in it.
        child.failure = hideCredentials(message.reason);
        child.final = message.final === true;
        child.addressInUse = message.addressInUse === true;
        return;
      case "kill":
        this.killDirtyWorker(message.worker, message.reason);
        return;
      case "ending":
        child.ending = { step: message.step, since: monotonicMs() };
        return;
      case "wornOut":
        child.wornOut = true;
        this.log.info(
          `${title(child.kind)} ${child.pid} has served as many requests as it may; its successor starts`,
        );
        this.converge();
        return;
      case "report":
        this.reports.answered(child, message.id, message.report);
        return;
      case "scale":
        this.scaleFor(child, message.by, message.id);
        return;
      case "loadedFiles":
        if (child.kind !== "dirty-arbiter") this.options.watcher?.loaded(child.kind, child.id, message.files);
        return;
      case "debugged":
        child.debugged = message.debugged;
        this.converge();
        return;
      case "heartbeat":
    }
  }

  private loaded(crew: Crew, child: Child, apps: readonly AppStatics[]): void {
    const lacking = lackingActions(apps, crew.settings.dirtyActions);
    if (lacking === undefined) {
      this.assignments.loaded(crew, child, apps);
      return;
    }
    // Before init(), which may load a model for minutes. The next worker would have the same class.
    child.failure = lacking;
    child.final = true;
    child.kill();
  }

  // A signal to the dirty arbiter, or MANAGE from one of its clients, which has an id and is answered.
  private scaleFor(from: Child, by: number, id: number | undefined): void {
    let refused: string | null = null;
    try {
      this.scale("dirty-worker", by);
    } catch (error) {
      refused = explain(error);
      this.log.warn(`the number of dirty workers stays as it is: ${refused}`);
    }
    const target = this.generations.dirtyTarget;
    if (id !== undefined) from.tell({ type: "scaled", id, target, refused });
  }

  private register(crew: Crew, child: Child): void {
    child.registered = true;
    this.checkReady(crew, child);
  }

  private checkReady(crew: Crew, child: Child): void {
    if (child.ready || !child.saidReady || (child.kind === "dirty-worker" && !child.registered)) return;
    this.becameReady(crew, child);
  }

  private becameReady(crew: Crew, child: Child): void {
    child.ready = true;
    child.readyAt = Date.now();
    crew.everReady = true;
    crew.backoff.started();
    this.log.info(
      `${title(child.kind)} ${child.pid} is ready${child.apps.length > 0 ? ` with ${child.apps.join(", ")}` : ""}`,
    );
    const keep = this.generations.kept(crew);
    if (keep !== undefined) child.tell({ type: "retire", keep });
    if (child.kind === "dirty-worker") this.dirtySide.starting();
    if (child.kind !== "dirty-arbiter") this.options.watcher?.ready(child.kind);
    else {
      // A reload may have come while it started.
      this.dirtySide.configure();
      this.dirtySide.knowDebugged(this.debuggedWorkers, true);
      this.dirtySide.reportFailing();
    }
    this.converge();
  }

  private killDirtyWorker(id: number, reason: string): void {
    for (const child of this.children) {
      if (child.kind !== "dirty-worker" || child.id !== id) continue;
      this.log.error(`dirty worker ${child.pid} is replaced: ${reason}`);
      child.replaced = true;
      child.restartReason = "hung run";
      child.kill();
    }
  }

  private reap(crew: Crew, child: Child): void {
    crew.children.delete(child);
    this.reports.gone(child);
    this.countRestart(crew, child);
    const exit = describeExit(child);
    if (exit !== undefined) this.options.hooks.call("workerExit", this.state, exit);
    this.options.watcher?.gone(child.id, !child.ready);
    if (child.kind === "dirty-worker") {
      this.assignments.gone(child);
      this.dirtySide.workerGone(child.id);
      rmSync(join(this.folder, `w${child.id}.sock`), { force: true });
    }
    if (child.stopping || this.stopping) this.log.info(`${title(child.kind)} ${child.pid} has stopped`);
    else if (!child.replaced) this.failed(crew, child);
    this.converge();
  }

  private countRestart(crew: Crew, child: Child): void {
    if (this.stopping) return;
    if (child.wornOut) this.restarts.add(child.kind, "worn out");
    else if (!child.stopping)
      this.restarts.add(child.kind, child.restartReason ?? (child.ready ? "died" : "failed to start"));
    else if (this.generations.isLeaving(crew)) this.restarts.add(child.kind, "reload");
  }

  private failed(crew: Crew, child: Child): void {
    crew.backoff.failed(Date.now(), child.ready ? Date.now() - child.readyAt : 0);
    crew.lastFailure =
      child.failure ?? `it ended with ${child.end}${child.ready ? "" : " before it was ready"}`;
    if (child.addressInUse && !crew.everReady && !this.generations.isUpcoming(crew)) {
      this.end = { code: 1, reason: crew.lastFailure };
      this.stop(false);
      return;
    }
    const pause = Math.max(0, crew.backoff.notBefore - Date.now());
    this.log.error(
      `${title(child.kind)} ${child.pid} failed: ${crew.lastFailure}; the next starts ${pause === 0 ? "now" : `in ${pause / 1000} s`}`,
    );
    const isFinal = crew.backoff.looping || (child.final && !crew.everReady);
    if (!isFinal || this.generations.isUpcoming(crew) || this.generations.isLeaving(crew)) return;
    if (!crew.everReady) {
      this.end = { code: BOOT_ERROR, reason: `The ${title(crew.kind)} cannot start: ${crew.lastFailure}` };
      this.stop(false);
    } else if (crew.kind === "dirty-worker") {
      this.dirtySide.reportFailing();
    }
  }

  // Those whose units a new worker of this crew may have: of older generations, and the worn out of its own.
  private yielders(crew: Crew): { crew: Crew; child: Child; yields: boolean }[] {
    return this.generations.dirtyCrews.flatMap((other) =>
      [...other.children]
        .filter((child) => other !== crew || child.wornOut || child.stopping)
        .map((child) => ({
          crew: other,
          child,
          yields: other === crew || this.generations.isBefore(other, crew),
        })),
    );
  }

  private beginStop(graceful: boolean, message: string): void {
    this.log.info(message);
    this.stopping = true;
    this.graceful = graceful;
    this.generations.abandon("the server is stopping");
    this.sockets.closeHttp();
    this.events.stopping?.(message);
  }

  private announce(): void {
    if (this.announced || this.stopping) return;
    if (!this.crews.every((crew) => crew.readyCount >= crew.target)) return;
    this.announced = true;
    this.log.info(this.status);
    this.events.listening?.(this.status);
    this.options.hooks.call("whenReady", this.state);
  }

  // Closes what a reload bound that was given up: no generation uses these addresses.
  private dropAddresses(): void {
    if (this.stopping) this.sockets.closeHttp();
    else this.sockets.keep(this.generations.binds);
  }

  private get status(): string {
    return `listening on ${this.sockets.urls.join(", ")}`;
  }

  private finish(): void {
    this.done = true;
    clearInterval(this.ticker);
    this.cleanUp();
    this.finished(this.end);
  }

  private cleanUp(): void {
    this.sockets.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function title(kind: Kind): string {
  return kind.replace("-", " ");
}
