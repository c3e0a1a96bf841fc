import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sendFile } from "../../src/plugins/folder.ts";

const SCRIPT = "console.log(1);\n".repeat(200);

let folder: string;
let app: FastifyInstance;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsunicorn-folder-"));
  writeFileSync(join(folder, "app.js"), SCRIPT);
  writeFileSync(join(folder, "app.js.br"), brotliCompressSync(SCRIPT));
  writeFileSync(join(folder, "app.js.gz"), gzipSync(SCRIPT));
  writeFileSync(join(folder, "small.css"), "a{}");
  app = Fastify();
  app.get<{ Params: { name: string } }>("/:name", async (request, reply) => {
    const found = await sendFile(reply, folder, request.params.name, "for ever");
    return found ? reply : reply.callNotFound();
  });
});

afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

function get(name: string, headers: Record<string, string> = {}) {
  return app.inject({ url: `/${name}`, headers });
}

describe("a file with compressed copies beside it", () => {
  it.each([
    ["gzip, deflate, br, zstd", "br"],
    ["br;q=0.1, gzip", "br"],
    ["GZIP", "gzip"],
    ["gzip;q=1.0, br;q=0", "gzip"],
    ["gzip, br; q=0.000", "gzip"],
    ["brotli", undefined],
    ["identity", undefined],
    ["", undefined],
  ])("is sent to those who accept %j as %j", async (accepted, encoding) => {
    const { statusCode, headers, rawPayload } = await get("app.js", { "accept-encoding": accepted });
    expect(statusCode).toBe(200);
    expect(headers["content-encoding"]).toBe(encoding);
    expect(headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(headers.vary).toBe("accept-encoding");
    expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(headers["content-length"]).toBe(String(rawPayload.length));
    const copies = { br: brotliCompressSync(SCRIPT), gzip: gzipSync(SCRIPT), none: Buffer.from(SCRIPT) };
    expect(rawPayload.equals(copies[encoding === "br" || encoding === "gzip" ? encoding : "none"])).toBe(
      true,
    );
  });

  it("has another tag for each of them, by which it is not sent twice", async () => {
    const tags = new Set<unknown>();
    for (const encoding of ["br", "gzip", "identity"]) {
      const accepted = { "accept-encoding": encoding };
      const etag = String((await get("app.js", accepted)).headers.etag);
      tags.add(etag);
      for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
        const again = await get("app.js", { ...accepted, "if-none-match": known });
        expect(again.statusCode).toBe(304);
        expect(again.headers).toMatchObject({ etag, vary: "accept-encoding" });
        expect(again.headers).not.toHaveProperty("content-encoding");
        expect(again.body).toBe("");
      }
      expect((await get("app.js", { ...accepted, "if-none-match": '"x"' })).statusCode).toBe(200);
    }
    expect(tags).toHaveLength(3);
  });

  it("does not show the copies themselves", async () => {
    for (const name of ["app.js.br", "app.js.gz"]) expect((await get(name)).statusCode).toBe(404);
  });
});

it("a file without copies is sent as it is", async () => {
  const { headers, body } = await get("small.css", { "accept-encoding": "br, gzip" });
  expect(headers).not.toHaveProperty("content-encoding");
  expect(headers.vary).toBe("accept-encoding");
  expect(body).toBe("a{}");
});

it("a client that leaves in the middle of a file is not answered once more", async () => {
  writeFileSync(join(folder, "large.js"), "x".repeat(16 * 1024 * 1024));
  const answered: string[] = [];
  const failed: unknown[] = [];
  const server = Fastify();
  server.setNotFoundHandler(async ({ url }) => answered.push(url));
  server.setErrorHandler((error) => failed.push(error));
  const ended = new Promise<void>((resolve) => {
    server.get<{ Params: { name: string } }>("/:name", async (request, reply) => {
      reply.raw.once("close", () => setImmediate(() => setImmediate(resolve)));
      const found = await sendFile(reply, folder, request.params.name, "for ever");
      return found ? reply : reply.callNotFound();
    });
  });
  const { hostname, port } = new URL(await server.listen({ host: "127.0.0.1", port: 0 }));
  const socket = connect(Number(port), hostname);
  socket.write("GET /large.js HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(socket, "data");
  socket.destroy();
  await ended;
  await server.close();
  expect([answered, failed]).toEqual([[], []]);
});
