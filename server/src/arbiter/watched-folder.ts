import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, statSync, watch } from "node:fs";
import path from "node:path";

/** Larger files are compared by size and time: they are data rather than code. */
const MAX_HASHED_BYTES = 16 * 1024 * 1024;

/**
 * A folder with files that were loaded. Folders are watched, and not files: an editor that saves by renaming puts
 * another file in the old one's place.
 */
export class WatchedFolder {
  private readonly folder: string;
  private readonly stirred: () => void;
  /** Each file's content when it was last seen, by its name; undefined: it was not there. */
  private readonly files = new Map<string, string | undefined>();
  private watcher: FSWatcher | undefined;
  /** Something was told since the last look. */
  private stirring = true;

  /**
   * @param folder absolute path; it need not be there yet.
   * @param stirred called when something may have changed.
   */
  constructor(folder: string, stirred: () => void) {
    this.folder = folder;
    this.stirred = stirred;
  }

  /** Whether the folder is watched; where it is not, because it is gone, it has to be looked at now and then. */
  get watched(): boolean {
    return this.watcher !== undefined;
  }

  /** Adds a file, as it is now. */
  add(file: string): void {
    const name = path.basename(file);
    if (!this.files.has(name)) this.files.set(name, contentOf(file));
  }

  /**
   * Looks at the files where something may have changed, and watches the folder that is there now.
   * @returns the files that have another content than when they were last seen. One that is gone has not changed:
   *   it may be on its way back.
   * @throws Error when the folder is there and cannot be watched.
   */
  look(): string[] {
    if (!this.watched) this.watch();
    if (!this.stirring) return [];
    this.stirring = false;
    return [...this.files].flatMap(([name, before]) => {
      const file = path.join(this.folder, name);
      const now = contentOf(file);
      if (now === undefined || now === before) return [];
      this.files.set(name, now);
      return [file];
    });
  }

  close(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  private watch(): void {
    if (!statSync(this.folder, { throwIfNoEntry: false })?.isDirectory()) return;
    const own = path.basename(this.folder);
    const stir = (): void => {
      this.stirring = true;
      this.stirred();
    };
    const watcher = watch(this.folder, { persistent: false }, (_event, name) => {
      // Its own name stands for the folder. One that was removed and made again is another one, of which this
      // watcher hears nothing.
      if (name === own) this.close();
      // Where no name is given it may be any file.
      if (name === null || name === own || this.files.has(name)) stir();
    });
    watcher.on("error", () => {
      this.close();
      stir();
    });
    this.watcher = watcher;
    this.stirring = true;
  }
}

function contentOf(file: string): string | undefined {
  try {
    const { size, mtimeMs } = statSync(file);
    if (size > MAX_HASHED_BYTES) return `${size} ${mtimeMs}`;
    return createHash("sha256").update(readFileSync(file)).digest("base64");
  } catch {
    return undefined;
  }
}
