import fc from "fast-check";
import { describe, test } from "vitest";
import { FleetModel } from "./fleet-model.ts";

const which = fc.nat(11);

/** Something that happens to the fleet. */
const event: fc.Arbitrary<{ readonly name: string; happen(fleet: FleetModel): void }> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(which, fc.constantFrom("a", "b"), fc.oneof(fc.constant(0), fc.nat(4000)))
      .map(([client, app, ago]) => named(`place ${app}`, (fleet) => fleet.place(client, app, ago))),
  },
  { weight: 5, arbitrary: which.map((n) => named(`use ${n}`, (fleet) => fleet.use(n))) },
  { weight: 4, arbitrary: which.map((n) => named(`finish ${n}`, (fleet) => fleet.finish(n))) },
  { weight: 4, arbitrary: which.map((n) => named(`heartbeat ${n}`, (fleet) => fleet.heartbeat(n))) },
  { weight: 3, arbitrary: which.map((n) => named(`deliver ${n}`, (fleet) => fleet.deliver(n))) },
  { weight: 3, arbitrary: which.map((n) => named(`ready ${n}`, (fleet) => fleet.workerReady(n))) },
  { weight: 2, arbitrary: which.map((n) => named(`cancel ${n}`, (fleet) => fleet.cancel(n))) },
  { weight: 2, arbitrary: fc.nat(2500).map((ms) => named(`wait ${ms}`, (fleet) => fleet.wait(ms))) },
  { weight: 1, arbitrary: which.map((n) => named(`client gone ${n}`, (fleet) => fleet.clientGone(n))) },
  { weight: 1, arbitrary: which.map((n) => named(`worker gone ${n}`, (fleet) => fleet.workerGone(n))) },
  { weight: 1, arbitrary: which.map((n) => named(`cut off ${n}`, (fleet) => fleet.workerDisconnected(n))) },
);

describe("whatever happens to a fleet", () => {
  test("no request waits while a worker has room, no worker is overfilled, and each request has one answer", {
    timeout: 60_000,
  }, () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120, size: "max" }), (events) => {
        const fleet = new FleetModel();
        for (const { happen } of events) {
          happen(fleet);
          fleet.check();
        }
        fleet.settle();
      }),
      { numRuns: 300 },
    );
  });
});

function named(name: string, happen: (fleet: FleetModel) => void) {
  return { name, happen, toString: () => name };
}
