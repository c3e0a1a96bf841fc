import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import type { Piece } from "../../../src/models/model.ts";
import { SimulatedModel } from "../../../src/models/simulated.ts";

const REQUEST = z.looseObject({
  model: z.string(),
  messages: z.array(
    z.looseObject({ role: z.enum(["system", "user", "assistant", "tool"]), content: z.string().nullable() }),
  ),
  max_tokens: z.number().optional(),
  stop: z.array(z.string()).optional(),
});

/** What a request was. */
export interface Asked {
  readonly headers: IncomingMessage["headers"];
  readonly body: z.infer<typeof REQUEST>;
}

/** Answers one request in another way than by the rules. Returns whether it did. */
export type Behave = (response: ServerResponse, tries: number) => boolean | Promise<boolean>;

/** A server that speaks OpenAI's API as the simulated model, and misbehaves as it is told. */
export class FakeUpstream {
  readonly asked: Asked[] = [];
  /** Answers that were begun and whose reader left. */
  left = 0;
  behave: Behave = () => false;
  readonly #model = new SimulatedModel({ delay: { min: 0, max: 0 } });
  readonly #server = createServer((request, response) => {
    void this.#answer(request, response).catch(() => response.destroy());
  });

  /** Starts it. @returns its base address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** Ends it, with all its connections. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("close", () => {
      if (!response.writableEnded) this.left++;
    });
    const body = REQUEST.parse(JSON.parse(await textOf(request)));
    this.asked.push({ headers: request.headers, body });
    if (await this.behave(response, this.asked.length)) return;
    if (request.url !== "/v1/chat/completions") return refuse(response, 404, "no such page");

    const messages = body.messages.map(({ role, content }) => ({ role, content: content ?? "" }));
    const prompt = messages.pop()?.content ?? "";
    const options = { maxTokens: body.max_tokens, stop: body.stop };
    const stream = this.#model.stream(
      { prompt, messages, thinking: false, emitted: [], options: clean(options) },
      new AbortController().signal,
    );
    begin(response);
    for (;;) {
      const { done, value } = await stream.next();
      if (!done) {
        say(response, { choices: [{ index: 0, delta: deltaOf(value), finish_reason: null }] });
        continue;
      }
      say(response, { choices: [{ index: 0, delta: {}, finish_reason: value.reason }] });
      const usage = { prompt_tokens: value.promptTokens, completion_tokens: value.completionTokens };
      say(response, { choices: [], usage });
      response.end("data: [DONE]\n\n");
      return;
    }
  }
}

/** Begins a stream. */
export function begin(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(": hello\n\n");
}

/** Says one event. */
export function say(response: ServerResponse, chunk: object): void {
  response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

/** Says a piece of an answer. */
export function sayText(response: ServerResponse, content: string): void {
  say(response, { choices: [{ index: 0, delta: { content } }] });
}

/** Refuses a request. */
export function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ error: { message } }));
}

function deltaOf(piece: Piece): object {
  if (typeof piece === "string") return { content: piece };
  if ("reasoning" in piece) return { reasoning_content: piece.reasoning };
  return "refusal" in piece ? piece : { tool_calls: piece.toolCalls };
}

function clean<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request.setEncoding("utf8")) text += part;
  return text;
}
