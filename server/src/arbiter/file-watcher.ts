import path from "node:path";
import type { Logger } from "pino";
import { filesOfConfig } from "../config/config-imports.ts";
import type { WorkerKind } from "../config/hooks.ts";
import { explain } from "../process/explain.ts";
import { WatchedFolder } from "./watched-folder.ts";

/** ms without news after which what was saved is looked at: an editor saves in several steps. */
const QUIET_MS = 100;
/** ms after which it is looked at however much goes on. */
const LONGEST_QUIET_MS = 1000;
/** ms between looks at folders that cannot be watched, most of them because they are gone. */
const POLL_MS = 1000;
/** The machine's watches are counted, and other programs need some too. */
const MAX_FOLDERS = 1000;

/** What was changed, and whom it concerns. */
export interface FileChange {
  /** The kinds of the workers that loaded one of the files. */
  readonly kinds: ReadonlySet<WorkerKind>;
  /** Whether the config file, or what it imports, is among them. */
  readonly configChanged: boolean;
  /** Absolute paths. */
  readonly files: readonly string[];
}

/** What a worker loaded. */
interface Loads {
  readonly kind: WorkerKind;
  readonly files: Set<string>;
  /** It failed to start: its files count until another one of its kind has started. */
  failed: boolean;
}

/**
 * Watches the files that workers loaded, for development. Only another content is a change. Touching a file, or saving
 * it as it was, changes nothing.
 */
export class FileWatcher {
  private readonly changed: (change: FileChange) => void;
  private readonly log: Logger;
  private readonly folders = new Map<string, WatchedFolder>();
  private readonly loads = new Map<number, Loads>();
  private config = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private stirredAt = 0;
  private warned = false;

  /** @param configFile the config file, absolute; undefined without one. */
  constructor(configFile: string | undefined, changed: (change: FileChange) => void, log: Logger) {
    this.changed = changed;
    this.log = log;
    this.configLoaded(configFile);
  }

  /** The config was read again, and may import other files now. */
  configLoaded(configFile: string | undefined): void {
    this.config = new Set(configFile === undefined ? [] : filesOfConfig(configFile));
    this.watch(this.config);
  }

  /**
   * A worker has loaded files.
   * @param id the worker's number.
   * @param files absolute paths.
   */
  loaded(kind: WorkerKind, id: number, files: readonly string[]): void {
    const loads = this.loads.get(id) ?? { kind, files: new Set(), failed: false };
    this.loads.set(id, loads);
    for (const file of files) loads.files.add(file);
    this.watch(files);
  }

  /** A worker is ready: what those of its kind loaded that failed before it is of no interest any more. */
  ready(kind: WorkerKind): void {
    for (const [id, loads] of this.loads) if (loads.failed && loads.kind === kind) this.loads.delete(id);
  }

  /** A worker has ended. @param failed whether it did so before it was ready. */
  gone(id: number, failed: boolean): void {
    const loads = this.loads.get(id);
    if (loads === undefined) return;
    if (!failed) this.loads.delete(id);
    else {
      // The last one of its kind is enough: there may be very many of them.
      this.ready(loads.kind);
      loads.failed = true;
    }
  }

  /** Ends the watching. */
  close(): void {
    clearTimeout(this.timer);
    for (const folder of this.folders.values()) folder.close();
    this.folders.clear();
    this.loads.clear();
  }

  private watch(files: Iterable<string>): void {
    for (const file of files) {
      const name = path.dirname(file);
      let folder = this.folders.get(name);
      if (folder === undefined) {
        if (this.folders.size >= MAX_FOLDERS) {
          this.warn(`more than ${MAX_FOLDERS} folders`);
          return;
        }
        folder = new WatchedFolder(name, () => this.stirred());
        this.folders.set(name, folder);
        this.look(folder);
      }
      folder.add(file);
    }
    this.poll();
  }

  private stirred(): void {
    const now = Date.now();
    if (this.stirredAt === 0) this.stirredAt = now;
    const longest = this.stirredAt + LONGEST_QUIET_MS - now;
    this.in(Math.max(0, Math.min(QUIET_MS, longest)));
  }

  // Nothing is told of a folder that is gone, nor of its return.
  private poll(): void {
    if (this.timer === undefined && [...this.folders.values()].some((folder) => !folder.watched))
      this.in(POLL_MS);
  }

  private in(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lookAtAll(), ms).unref();
  }

  private lookAtAll(): void {
    this.timer = undefined;
    this.stirredAt = 0;
    const files = [...this.folders.values()].flatMap((folder) => this.look(folder));
    this.poll();
    const concerned = new Set<WorkerKind>();
    const told = files.filter((file) => {
      // A file that no worker has loaded any more is still watched, and concerns no worker.
      const loads = [...this.loads.values()].filter((one) => one.files.has(file));
      for (const { kind } of loads) concerned.add(kind);
      return loads.length > 0 || this.config.has(file);
    });
    if (told.length === 0) return;
    const configChanged = told.some((file) => this.config.has(file));
    this.changed({ kinds: concerned, configChanged, files: told });
  }

  private look(folder: WatchedFolder): string[] {
    try {
      return folder.look();
    } catch (error) {
      this.warn(explain(error));
      return [];
    }
  }

  private warn(why: string): void {
    if (!this.warned) this.log.warn(`--reload looks at some files only once a second or not at all: ${why}`);
    this.warned = true;
  }
}
