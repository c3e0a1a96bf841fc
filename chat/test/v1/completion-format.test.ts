import { describe, expect, it } from "vitest";
import { ChatFormat, type CompletionFormat, TextFormat } from "../../src/v1/completion-format.ts";

const FINISH = { reason: "length", promptTokens: 3, completionTokens: 2 } as const;

/** The stream of an answer, with its id and its time replaced. */
function stream(format: CompletionFormat): string {
  const pieces = [{ reasoning: "Hm" }, 'a "b"\n', { toolCalls: [{ index: 0, id: "call_1" }] }];
  return (format.begin() + pieces.map((piece) => format.piece(piece)).join("") + format.end(FINISH))
    .replaceAll(/"id":"(chatcmpl|cmpl)-[0-9a-f]{32}"/g, '"id":"ID"')
    .replaceAll(/"created":\d{10}/g, '"created":1');
}

const HEAD = `data: {"id":"ID","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":null,"choices":[`;
const chunk = (delta: string, reason = "null", usage = "") =>
  `${HEAD}{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}]${usage}}\n\n`;

describe("a chat completion", () => {
  it("is streamed to the letter", () => {
    expect(stream(new ChatFormat({ model: "m" }))).toBe(
      chunk('{"role":"assistant","content":""}') +
        chunk('{"reasoning_content":"Hm"}') +
        chunk('{"content":"a \\"b\\"\\n"}') +
        chunk('{"tool_calls":[{"index":0,"id":"call_1"}]}') +
        chunk("{}", '"length"'),
    );
  });

  it("says what it took where that is wanted, and has null for it before", () => {
    const nothing = ',"usage":null';
    expect(stream(new ChatFormat({ model: "m", includeUsage: true }))).toBe(
      chunk('{"role":"assistant","content":""}', "null", nothing) +
        chunk('{"reasoning_content":"Hm"}', "null", nothing) +
        chunk('{"content":"a \\"b\\"\\n"}', "null", nothing) +
        chunk('{"tool_calls":[{"index":0,"id":"call_1"}]}', "null", nothing) +
        chunk("{}", '"length"', nothing) +
        `${HEAD}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n`,
    );
  });

  it("has one id and one time to its end, and another answer another id", () => {
    const ids = [new ChatFormat({ model: "m" }), new ChatFormat({ model: "m" })].map((format) => {
      const events = format.begin() + format.piece("a") + format.end(FINISH);
      const found = [...events.matchAll(/"id":"(.*?)","object":"[\w.]+","created":(\d+)/g)];
      expect(found).toHaveLength(3);
      expect(new Set(found.map(([text]) => text)).size).toBe(1);
      return found[0]?.[1];
    });
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("in one piece has its thinking and its tool calls beside its text", () => {
    const pieces = [
      { reasoning: "H" },
      { reasoning: "m" },
      { toolCalls: [{ index: 0, id: "c", type: "function", function: { name: "f", arguments: '{"a"' } }] },
      { toolCalls: [{ index: 0, function: { arguments: ":1}" } }] },
    ];
    const whole = new ChatFormat({ model: "m" }).whole(pieces, { ...FINISH, reason: "tool_calls" });
    expect(whole).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: "chat.completion",
      created: expect.any(Number),
      model: "m",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: null,
            refusal: null,
            reasoning_content: "Hm",
            tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
          },
          logprobs: null,
          finish_reason: "tool_calls",
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      system_fingerprint: null,
    });
  });
});

it("a text completion is streamed to the letter, and says nothing of what was thought", () => {
  const head = `data: {"id":"ID","object":"text_completion","created":1,"model":"m","system_fingerprint":null,"choices":[`;
  expect(stream(new TextFormat({ model: "m", includeUsage: true }))).toBe(
    `${head}{"text":"a \\"b\\"\\n","index":0,"logprobs":null,"finish_reason":null}],"usage":null}\n\n` +
      `${head}{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],"usage":null}\n\n` +
      `${head}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n`,
  );
});
