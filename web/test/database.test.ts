import { openDB } from "idb";
import { expect, it, vi } from "vitest";
import { IndexedDatabase } from "../src/store/database.ts";

vi.mock("idb", () => ({ openDB: vi.fn() }));

it("opens the browser's database with the next request where it could not be opened", async () => {
  const opened = { transaction: () => ({ done: Promise.resolve(), objectStore: () => ({}) }) };
  vi.mocked(openDB)
    .mockRejectedValueOnce(new Error("busy"))
    .mockResolvedValue(opened as unknown as Awaited<ReturnType<typeof openDB>>);
  const database = new IndexedDatabase();
  const read = () => database.transact("readonly", async () => "read");
  await expect(read()).rejects.toThrow("busy");
  expect(await read()).toBe("read");
  expect(await read()).toBe("read");
  expect(openDB).toHaveBeenCalledTimes(2);
});
