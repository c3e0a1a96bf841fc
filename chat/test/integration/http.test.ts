import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerTo } from "../../src/models/answers.ts";
import { eventsOf, post, textOf } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const GREETING = answerTo("hello").join("");

let chat: Chat;

beforeAll(async () => {
  chat = await startChat({ env: { CHAT_TOKEN_DELAY_MS: "0" } });
});

afterAll(async () => {
  await chat.stop();
});

describe("POST /chat", () => {
  it("streams the greeting as the seed shows", async () => {
    const { status, headers, text } = await post(`${chat.url}/chat`, { prompt: "hello", thinking: false });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(text).toMatch(
      /^data: {"token": "Hello"}\n\ndata: {"token": "!"}\n\ndata: {"token": " "}\n\ndata: {"token": "I'm"}\n\n/,
    );
    expect(text).toMatch(/\n\ndata: \[DONE\]\n\n$/);
    expect(textOf(text)).toBe(GREETING);
  });

  it("thinks first when asked to", async () => {
    const { text } = await post(`${chat.url}/chat`, { prompt: "hello", thinking: true });
    expect(textOf(text)).toBe(`[thinking...]\n\n${GREETING}`);
  });

  it.each(["explain", "streaming", "code", "anything else"])(
    "answers %j with its own text",
    async (prompt) => {
      const { text } = await post(`${chat.url}/chat`, { prompt });
      expect(textOf(text)).toBe(answerTo(prompt).join(""));
    },
  );

  it("serves many streams at once, each its own", async () => {
    const prompts = Array.from(
      { length: 40 },
      (_, i) => ["hello", "explain", "streaming", "code"][i % 4] ?? "",
    );
    const texts = await Promise.all(
      prompts.map(async (prompt) => (await post(`${chat.url}/chat`, { prompt })).text),
    );
    expect(texts.map(textOf)).toEqual(prompts.map((prompt) => answerTo(prompt).join("")));
  });

  it("ignores fields that it does not know", async () => {
    const { status, text } = await post(
      `${chat.url}/chat`,
      '{"prompt": "hello", "modle": "x", "__proto__": {"thinking": true}, "constructor": {"prototype": 1}}',
    );
    expect(status).toBe(200);
    expect(textOf(text)).toBe(GREETING);
  });

  it("takes a prompt of the greatest length, in any script", async () => {
    const { status } = await post(`${chat.url}/chat`, { prompt: "ж".repeat(100_000) });
    expect(status).toBe(200);
    expect((await post(`${chat.url}/chat`, { prompt: "👍🏽 \u0000 \u2028 hello" })).status).toBe(200);
  });

  it("gives the model what was said before, where something was", async () => {
    const messages = [
      { role: "user", content: "What is a slot?", more: 1 },
      { role: "assistant", content: "" },
    ] as const;
    const ask = { prompt: "What did I ask before?", messages };
    const expected = answerTo(ask.prompt, messages).join("");
    expect(expected).toContain("> What is a slot?");
    expect(textOf((await post(`${chat.url}/chat`, ask)).text)).toBe(expected);
    const sync = await post(`${chat.url}/chat/sync`, ask);
    expect(JSON.parse(sync.text)).toEqual({ response: expected });
    const first = answerTo(ask.prompt).join("");
    for (const none of [{ prompt: ask.prompt }, { prompt: ask.prompt, messages: [] }])
      expect(textOf((await post(`${chat.url}/chat`, none)).text)).toBe(first);
  });

  it("takes the longest history", async () => {
    const messages = Array.from({ length: 200 }, () => ({ role: "user", content: "ж".repeat(2000) }));
    expect((await post(`${chat.url}/chat`, { prompt: "hi", messages })).status).toBe(200);
    const long = [{ role: "system", content: "a".repeat(100_000) }];
    expect((await post(`${chat.url}/chat`, { prompt: "hi", messages: long })).status).toBe(200);
  });

  it("takes JSON by any of its names", async () => {
    for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/problem+json"]) {
      expect((await post(`${chat.url}/chat`, { prompt: "hi" }, { "content-type": type })).status).toBe(200);
    }
  });

  it("passes the request's id on to the answer", async () => {
    const { headers } = await post(`${chat.url}/chat`, { prompt: "hi" }, { "x-request-id": "my-id.1" });
    expect(headers.get("x-request-id")).toBe("my-id.1");
  });
});

describe("POST /chat/sync", () => {
  it("answers in one piece", async () => {
    const { status, headers, text } = await post(`${chat.url}/chat/sync`, { prompt: "hello" });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toMatch(/^application\/json/);
    expect(JSON.parse(text)).toEqual({ response: GREETING });
  });

  it("thinks first when asked to", async () => {
    const { text } = await post(`${chat.url}/chat/sync`, { prompt: "hello", thinking: true });
    expect(JSON.parse(text)).toEqual({ response: `[thinking...]\n\n${GREETING}` });
  });
});

describe("health", () => {
  it.each(["/health", "/livez"])("%s is ok", async (path) => {
    const response = await fetch(chat.url + path);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok" });
  });

  it("/readyz names the apps and their workers", async () => {
    const response = await fetch(`${chat.url}/readyz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: "ready",
      apps: [{ app: "chat-app:ChatApp", workers: 1 }],
    });
  });
});

describe("the chat page", () => {
  it("is at /, with its files beside it", async () => {
    const response = await fetch(`${chat.url}/`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const links = [...(await response.text()).matchAll(/(?:src|href)="\.?(\/assets\/[^"]*)"/g)];
    expect(links.length).toBeGreaterThan(0);
    for (const [, link] of links) {
      const { status, headers } = await fetch(chat.url + link);
      expect(status).toBe(200);
      expect(headers.get("content-type")).toMatch(
        /^(text\/(javascript|css); charset=utf-8|image\/svg\+xml)$/,
      );
      expect(headers.get("cache-control")).toContain("immutable");
    }
  });

  it("comes compressed to those who take that, and whole to the others", async () => {
    const html = await (await fetch(`${chat.url}/`, { headers: { "accept-encoding": "identity" } })).text();
    const script = /src="\.?(\/assets\/[^"]*\.js)"/.exec(html)?.[1];
    const bodies = new Set<string>();
    for (const encoding of ["br", "gzip", "identity"]) {
      const response = await fetch(chat.url + script, { headers: { "accept-encoding": encoding } });
      expect(response.headers.get("content-encoding") ?? "identity").toBe(encoding);
      expect(response.headers.get("vary")).toBe("accept-encoding");
      bodies.add(await response.text());
    }
    expect(bodies).toHaveLength(1);
  });

  it("is asked for again only when it has changed", async () => {
    const etag = (await fetch(`${chat.url}/`)).headers.get("etag") ?? "";
    const again = await fetch(`${chat.url}/`, { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    expect((await fetch(`${chat.url}/`, { method: "HEAD" })).status).toBe(200);
  });
});

describe("the API's description", () => {
  it("names each route with a summary, examples and how it fails", async () => {
    const { openapi, paths } = JSON.parse(await (await fetch(`${chat.url}/openapi.json`)).text());
    expect(openapi).toBe("3.1.0");
    expect(Object.keys(paths)).toEqual([
      "/chat",
      "/chat/sync",
      "/chat/streams/{id}",
      "/v1/chat/completions",
      "/v1/completions",
      "/v1/embeddings",
      "/v1/models",
      "/v1/models/{model}",
      "/health",
      "/livez",
      "/readyz",
    ]);
    for (const operation of Object.values<Record<string, Record<string, never>>>(paths).flatMap(
      Object.values,
    )) {
      expect(operation.summary).not.toBe("");
      for (const response of Object.values<{ description: string; content?: object }>(operation.responses)) {
        expect(response.description).not.toBe("Default Response");
        for (const media of Object.values(response.content ?? {})) expect(media.examples).toBeDefined();
      }
    }
    const { requestBody, responses } = paths["/chat"].post;
    expect(requestBody.content["application/json"].example).toEqual({ prompt: "hello", thinking: false });
    const { messages } = requestBody.content["application/json"].schema.properties;
    expect(messages).toMatchObject({ type: "array", maxItems: 200 });
    expect(messages.items.properties.role.enum).toEqual(["user", "assistant", "system"]);
    expect(messages.items.properties.content.maxLength).toBe(100_000);
    expect(Object.keys(responses)).toEqual([
      "200",
      "400",
      "413",
      "415",
      "422",
      "429",
      "500",
      "502",
      "503",
      "504",
    ]);
    const { answer, failure } = responses["200"].content["text/event-stream"].examples;
    expect(textOf(answer.value)).toBe("Hello! I'm");
    expect(eventsOf(failure.value).at(-1)).toMatch(/^{"error":{"type":"timeout",/);
    expect(Object.keys(responses["429"].headers)).toEqual(["retry-after"]);
    expect(Object.keys(responses["200"].headers)).toEqual(["x-stream-id"]);

    const stream = paths["/chat/streams/{id}"];
    expect(Object.keys(stream.get.responses)).toEqual(["200", "404", "410", "422", "429", "500", "503"]);
    expect(Object.keys(stream.delete.responses)).toEqual(["204", "404", "410", "500", "503"]);
    expect(
      stream.get.parameters.map(({ in: where, name }: Record<string, string>) => `${where} ${name}`),
    ).toEqual(["path id", "header last-event-id"]);
  });

  it("is shown at /docs, which needs nothing from elsewhere", async () => {
    const response = await fetch(`${chat.url}/docs`);
    const page = await response.text();
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const links = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link = ""]) => link);
    expect(links).toHaveLength(4);
    for (const link of links) {
      const file = new URL(link, response.url);
      expect(file.origin).toBe(chat.url);
      const { status, headers } = await fetch(file);
      expect(status).toBe(200);
      const again = await fetch(file, { headers: { "if-none-match": headers.get("etag") ?? "" } });
      expect(again.status).toBe(link === "docs/start.js" ? 200 : 304);
    }
  });

  it("and every page forbids scripts of other origins and inline ones", async () => {
    for (const path of ["/", "/docs", "/docs/start.js"]) {
      const { headers } = await fetch(chat.url + path);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("content-security-policy")).toContain("script-src 'self';");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  it("and only the API's page may have pictures that are inside its styles", async () => {
    const policy = async (path: string) =>
      (await fetch(chat.url + path)).headers.get("content-security-policy")?.split(";");
    expect(await policy("/docs")).toContain("img-src 'self' data:");
    expect((await policy("/"))?.sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "font-src 'self'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      "script-src 'self'",
      "style-src 'self'",
    ]);
  });
});
