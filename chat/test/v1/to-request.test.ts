import { describe, expect, it } from "vitest";
import { ChatCompletionRequest, CompletionRequest } from "../../src/v1/schemas.ts";
import { chatToRequest, completionToRequest } from "../../src/v1/to-request.ts";

const chat = (body: object) => chatToRequest(ChatCompletionRequest.parse({ messages: [HI], ...body }));
const HI = { role: "user", content: "hi" };

describe("a chat completion asks a model", () => {
  it("for no more than was sent", () => {
    expect(chat({})).toEqual({ prompt: "hi", messages: [], thinking: false, options: {} });
    const nothing = { temperature: null, stop: null, max_tokens: null, tools: [], response_format: null };
    expect(chat(nothing)).toEqual(chat({}));
  });

  it("for all that was sent, by our names", () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    const schema = { type: "object" };
    const { options } = chat({
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      stop: "\n",
      max_tokens: 5,
      max_completion_tokens: 9,
      frequency_penalty: 1,
      presence_penalty: -1,
      reasoning_effort: "high",
      tools,
      tool_choice: "auto",
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "n", schema } },
    });
    expect(options).toEqual({
      temperature: 0.5,
      topP: 0.9,
      seed: 7,
      stop: ["\n"],
      maxTokens: 9,
      frequencyPenalty: 1,
      presencePenalty: -1,
      effort: "high",
      tools,
      toolChoice: "auto",
      parallelToolCalls: false,
      json: schema,
    });
    expect(chat({ response_format: { type: "json_object" } }).options).toEqual({ json: {} });
    const strict = { type: "json_schema", json_schema: { name: "n", schema, strict: true } };
    expect(chat({ response_format: strict }).options).toEqual({ json: schema, jsonStrict: true });
    expect(chat({ response_format: { type: "text" } }).options).toEqual({});
  });

  it("with the last message of the user as the prompt, and all others before it", () => {
    const parts = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    const { prompt, messages } = chat({
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "assistant", content: null, tool_calls: [{ id: "c" }] },
        { role: "tool", content: "4", tool_call_id: "c" },
        { role: "user", content: parts },
      ],
    });
    expect(prompt).toBe("ab");
    expect(messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "assistant", content: "", toolCalls: [{ id: "c" }] },
      { role: "tool", content: "4", toolCallId: "c" },
    ]);
  });

  it("without a prompt where a conversation does not end with one", () => {
    for (const last of [
      { role: "assistant", content: "Once" },
      { role: "user", content: "" },
    ]) {
      expect(chat({ messages: [HI, last] })).toMatchObject({ prompt: "", messages: [HI, last] });
    }
  });

  it.each([
    [{}, false],
    [{ reasoning_effort: "low" }, true],
    [{ reasoning_effort: "none" }, false],
    [{ thinking: true }, true],
    [{ reasoning_effort: "high", thinking: false }, false],
  ])("to think where that is wanted: %j", (body, thinking) => {
    expect(chat(body).thinking).toBe(thinking);
  });
});

it("a completion asks a model to go on with a text", () => {
  for (const prompt of ["Once upon", ["Once upon"]]) {
    expect(completionToRequest(CompletionRequest.parse({ prompt, max_tokens: 3 }))).toEqual({
      prompt: "Once upon",
      messages: [],
      thinking: false,
      options: { maxTokens: 3, raw: true },
    });
  }
});
