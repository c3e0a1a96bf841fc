/** Units of each resource, by its name: how many are needed, or which there are. */
export type Needs = Readonly<Record<string, number>>;

/** What holds units: a worker. */
type Holder = object;

/**
 * The units that the setting `resources` names, and who holds which. A unit has one holder; it is free again only
 * when its holder's process is gone, since memory on a device goes with the process and not before.
 */
export class ResourcePool {
  private units: Readonly<Record<string, readonly string[]>>;
  private readonly held = new Map<Holder, Map<string, string[]>>();

  constructor(units: Readonly<Record<string, readonly string[]>>) {
    this.units = units;
  }

  /** Takes over the units of a new config. What is held stays held, also where the config has it no longer. */
  configure(units: Readonly<Record<string, readonly string[]>>): void {
    this.units = units;
  }

  /** Whether as many units are free as `needs` says. */
  has(needs: Needs): boolean {
    return this.lacking(needs).length === 0;
  }

  /** The resources of which too few units are free. */
  lacking(needs: Needs): string[] {
    return Object.keys(needs).filter((name) => this.free(name).length < (needs[name] ?? 0));
  }

  /** Whether there are `count` units at all, held or free. */
  exists(name: string, count: number): boolean {
    return (this.units[name]?.length ?? 0) >= count;
  }

  /**
   * Gives units to a holder.
   * @returns the units by resource.
   * @throws Error when too few are free.
   */
  take(holder: Holder, needs: Needs): Record<string, string[]> {
    const [missing] = this.lacking(needs);
    if (missing !== undefined) throw new Error(`Too few units of the resource ${missing} are free.`);
    const mine = this.held.get(holder) ?? new Map<string, string[]>();
    for (const [name, count] of Object.entries(needs)) {
      if (count === 0) continue;
      mine.set(name, [...(mine.get(name) ?? []), ...this.free(name).slice(0, count)]);
      this.held.set(holder, mine);
    }
    return Object.fromEntries(mine);
  }

  /** Takes everything back from a holder that is gone. */
  release(holder: Holder): void {
    this.held.delete(holder);
  }

  /** Whether a holder has units of a resource. */
  isHeldBy(holder: Holder, name: string): boolean {
    return (this.held.get(holder)?.get(name)?.length ?? 0) > 0;
  }

  private free(name: string): string[] {
    const taken = new Set([...this.held.values()].flatMap((units) => units.get(name) ?? []));
    return (this.units[name] ?? []).filter((unit) => !taken.has(unit));
  }
}

/** Names of the variables through which programs learn which devices are theirs. */
const WELL_KNOWN: Readonly<Record<string, string>> = { gpu: "CUDA_VISIBLE_DEVICES" };

/** What the environment of a worker gets for its units: `CUDA_VISIBLE_DEVICES=0` for gpu, `RESOURCE_NAME` for any other. */
export function resourceVariables(
  units: Readonly<Record<string, readonly string[]>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(units).map(([name, ids]) => [
      WELL_KNOWN[name] ?? `RESOURCE_${name.toUpperCase()}`,
      ids.join(","),
    ]),
  );
}
