import { afterAll, beforeAll, expect, it } from "vitest";
import { buildApp } from "../../src/app.ts";
import { parseModels } from "../../src/models/catalog.ts";

const MIB = 1024 * 1024;
const app = buildApp(parseModels("simulated", "/"), { chat: MIB, v1: MIB, inAll: MIB });

beforeAll(async () => {
  await app.ready();
});

afterAll(async () => {
  await app.close();
});

const REQUESTS: [method: "GET" | "HEAD" | "POST", url: string, status: number, type?: string][] = [
  ["GET", "/v1/models", 200],
  ["HEAD", "/v1/models", 200],
  ["GET", "/v1/models/simulated", 200],
  ["GET", "/v1/models/unknown", 404],
  ["GET", "/v1/models/%zz", 400],
  ["GET", "/v1", 404],
  ["GET", "/v1/nothing?at=all", 404],
  ["GET", "/v1/chat/completions", 405],
  ["POST", "/v1/chat/completions", 400],
  ["POST", "/v1/completions", 415, "text/plain"],
  ["POST", "/v1/embeddings", 400, "application/json"],
];

it.each(REQUESTS)(
  "%s %s, which is %i, is kept by no cache and taken for nothing else",
  async (method, url, status, type) => {
    const payload = type === undefined ? undefined : "{}";
    const headers = type === undefined ? {} : { "content-type": type };
    const answer = await app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    });
  },
);

it("an answer to a body that is too large, too", async () => {
  const payload = JSON.stringify({ prompt: "x".repeat(MIB) });
  const headers = { "content-type": "application/json" };
  const answer = await app.inject({ method: "POST", url: "/v1/completions", headers, payload });
  expect(answer.statusCode).toBe(413);
  expect(answer.headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
  expect(answer.json().error.message).toBe("The request body is larger than 1 MiB.");
});

it("the chat's own routes keep their headers", async () => {
  const { headers } = await app.inject({ method: "GET", url: "/health" });
  expect(headers["cache-control"]).toBeUndefined();
});
