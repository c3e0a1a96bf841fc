/** A request that asks for a slot. */
export interface PlaceRequest {
  /** Who asks: the key under which its requests are found when it goes. */
  readonly owner: object;
  readonly id: number;
  readonly app: string;
  readonly action: string;
  /** ms that the run may take. */
  readonly timeout: number;
  readonly arrival: number;
  /** Until when it may wait, where that is not the queue's timeout: it goes on from another run. */
  readonly until?: number | undefined;
  /** It was let in before: its slot was refused, its worker died, or it waited at an earlier dirty arbiter. */
  readonly again?: boolean | undefined;
  /** Whether it is told its place again when that has changed. */
  readonly notices?: boolean | undefined;
}
