import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { listModels } from "../src/server/models.ts";
import { FakeServer, noNetwork } from "./support/fake-server.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("watching the server", () => {
  it("asks nothing while all is well", async () => {
    const server = new FakeServer();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toEqual([]);
    expect(server.watch.isGone).toBe(false);
  });

  it("asks for its health until it is back, ever more slowly, and says both", async () => {
    const server = new FakeServer();
    const busy = () => new Response("", { status: 503 });
    server.health = [noNetwork, noNetwork, noNetwork, busy, () => new Response("{}")];
    const said: boolean[] = [];
    const stop = server.watch.subscribe(() => said.push(server.watch.isGone));
    server.watch.reportGone();
    server.watch.reportGone();
    await vi.advanceTimersByTimeAsync(250 + 500 + 1000 + 2000);
    expect(server.asked.map(({ url }) => url)).toEqual(Array(4).fill("health"));
    expect(said).toEqual([true]);
    await vi.advanceTimersByTimeAsync(4000);
    expect(said).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toHaveLength(5);
    stop();
  });

  it("asks at once when the network comes back", async () => {
    const server = new FakeServer();
    server.watch.reportGone();
    await vi.advanceTimersByTimeAsync(30_000);
    const before = server.asked.length;
    server.comeOnline();
    await vi.advanceTimersByTimeAsync(0);
    expect(server.asked.length).toBe(before + 1);
    server.watch.reportThere();
  });
});

describe("the server's models", () => {
  const list = (response: Response) =>
    listModels(new AbortController().signal, new FakeServer(() => response));

  it("are listed in the server's order", async () => {
    const data = [{ id: "simulated" }, { id: "big" }, { name: "odd" }, null];
    expect(await list(Response.json({ object: "list", data }))).toEqual(["simulated", "big"]);
  });

  it("are an empty list where an older server does not tell, or nonsense comes", async () => {
    expect(await list(new Response("", { status: 404 }))).toEqual([]);
    expect(await list(new Response("<html>"))).toEqual([]);
    expect(await list(Response.json({ data: 3 }))).toEqual([]);
  });
});
