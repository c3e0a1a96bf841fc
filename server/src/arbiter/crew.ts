import { type AppSpec, MOST_OWN_WORKERS } from "../config/app-spec.ts";
import type { Settings } from "../config/settings.ts";
import type { AppStatics, Kind } from "../process/channel.ts";
import { Backoff, HEALTHY_MS } from "./backoff.ts";
import type { Child } from "./child.ts";

/** Seconds that an HTTP worker may take to load its app. */
const HTTP_START_TIMEOUT = 60;
/** Seconds that the dirty arbiter may take to start; it loads nothing. */
const DIRTY_ARBITER_START_TIMEOUT = 30;
/** The longest pause in ms before a dirty arbiter is started again. */
const DIRTY_ARBITER_PAUSE_MS = 500;
/** ms that a child gets to end when it was told to do so at once. */
const QUICK_MS = 3000;
/** ms beyond its own graceful timeout before a child is killed: it ends itself first where it can. */
const KILL_MARGIN_MS = 1000;

/**
 * The children of one kind that were started with the same settings: how many there should be, those that there
 * are, and how their starts went. A reload makes new crews beside the old ones.
 */
export class Crew {
  readonly kind: Kind;
  /** The one app that they run, where it has workers of its own. */
  readonly own: AppSpec | undefined;
  /** What they are started with. A reload changes it for the dirty arbiter only, which is told and stays. */
  settings: Settings;
  /** How many should serve. */
  target: number;
  readonly children = new Set<Child>();
  readonly backoff: Backoff;
  /** Whether one was ever ready: before that, failures end the start instead of being retried for ever. */
  everReady = false;
  /** Why the last one could not start. */
  lastFailure = "";
  /** What the last dirty worker that loaded them read from the apps' classes. */
  statics: readonly AppStatics[] = [];
  /** How many were let go early, so that their successors get the resources that they held. */
  yielded = 0;

  constructor(kind: Kind, target: number, settings: Settings, own?: AppSpec) {
    this.kind = kind;
    this.own = own;
    // Everybody waits for the dirty arbiter, and it loads nothing that could take long or fail by itself.
    this.backoff = kind === "dirty-arbiter" ? new Backoff(DIRTY_ARBITER_PAUSE_MS) : new Backoff();
    this.target = target;
    this.settings = settings;
  }

  /** Those that were not asked to stop. */
  get active(): Child[] {
    return [...this.children].filter((child) => !child.stopping);
  }

  /** Those that are to go on: the active ones that need no successor. */
  get fresh(): Child[] {
    return this.active.filter((child) => !child.wornOut);
  }

  /** How many serve right now. */
  get readyCount(): number {
    return this.active.filter((child) => child.ready).length;
  }

  /** Whether as many serve as should, without those that need a successor. */
  get complete(): boolean {
    return this.fresh.filter((child) => child.ready).length >= this.target;
  }

  /** Seconds that a child may take until it is ready. */
  get startTimeout(): number {
    if (this.kind === "dirty-worker") return this.settings.dirtyInitTimeout;
    return this.kind === "http-worker" ? HTTP_START_TIMEOUT : DIRTY_ARBITER_START_TIMEOUT;
  }

  /** Looks at the clock: what is healthy, and which children are over their time, with the reason. */
  overdue(now: number): { child: Child; reason: string }[] {
    // Only a full crew proves anything: while one is missing, it is the pause before its next start that runs.
    const served = this.active.filter((child) => child.ready && now - child.readyAt > HEALTHY_MS).length;
    if (served >= this.target) this.backoff.succeeded();
    const { timeout } = this.settings;
    // A dirty worker may block for as long as its apps like; those that wait for it keep their own time.
    const watched = this.kind !== "dirty-worker" && timeout > 0;
    // Those that drain too: a worker that hangs would keep its clients waiting for the whole graceful timeout.
    return [...this.children].flatMap((child) => {
      // It may stand at a breakpoint, while its app is loaded or later.
      if (child.debugged) return [];
      if (
        !child.ready &&
        !child.waiting &&
        !child.stopping &&
        now - child.startedAt > this.startTimeout * 1000
      )
        return [{ child, reason: `was not ready after ${this.startTimeout} s` }];
      if (child.ready && watched && now - child.heardAt > timeout * 1000)
        return [{ child, reason: `was silent for ${timeout} s` }];
      return [];
    });
  }

  /** Those that are too many, and those whose successors serve. */
  surplus(): Child[] {
    const { fresh } = this;
    const surplus = fresh.length - this.target;
    const tooMany = surplus > 0 ? byUse(fresh).slice(0, surplus) : [];
    return this.complete ? [...tooMany, ...this.active.filter((child) => child.wornOut)] : tooMany;
  }

  /** A dirty worker has read this from its apps' classes. */
  loaded(statics: readonly AppStatics[]): void {
    const first = this.statics.length === 0;
    this.statics = statics;
    // How many workers of its own an app wants, its class may say; the first one that has loaded it knows. Those that
    // go need no more.
    const wanted = this.own === undefined ? undefined : statics[0]?.workers;
    if (wanted === undefined || !first || this.target === 0) return;
    this.target = Math.min(MOST_OWN_WORKERS, wanted);
  }

  /** Starts what is missing, at most one while the kind fails again and again. */
  startMissing(now: number, start: () => Child): void {
    if (now < this.backoff.notBefore) return;
    for (let missing = this.target - this.fresh.length; missing > 0; missing--) {
      this.children.add(start());
      if (this.backoff.looping) return;
    }
  }

  /**
   * Drains a child: it finishes what it has begun, within the graceful timeout of its kind, else it is killed.
   * @param linger whether clients may come back for the streams that it keeps, since the server goes on.
   */
  letGo(child: Child, graceful = true, linger = graceful): void {
    const lingers = linger && this.kind === "dirty-worker";
    child.stop(graceful, graceful ? this.graceMs : QUICK_MS, lingers);
  }

  /** Tells those that drain already that no client comes back. */
  endLingering(): void {
    for (const child of this.children) child.endLingering();
  }

  /** Tells those that drain already that now it is urgent. */
  hurry(): void {
    for (const child of this.children) if (child.stopping) child.stop(false, QUICK_MS);
  }

  private get graceMs(): number {
    const { gracefulTimeout, dirtyGracefulTimeout, dirtyAbortGrace } = this.settings;
    const grace = this.kind === "http-worker" ? gracefulTimeout : dirtyGracefulTimeout + dirtyAbortGrace;
    return grace * 1000 + KILL_MARGIN_MS;
  }
}

/** Those that are missed least first: not ready yet, then with the fewest apps, then the oldest. */
function byUse(children: Child[]): Child[] {
  return children.sort(
    (a, b) => Number(a.ready) - Number(b.ready) || a.apps.length - b.apps.length || a.id - b.id,
  );
}
