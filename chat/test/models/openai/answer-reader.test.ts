import { describe, expect, it } from "vitest";
import type { Finish, Piece, ToolCall } from "../../../src/models/model.ts";
import { AnswerReader } from "../../../src/models/openai/answer-reader.ts";
import { mergeToolCalls } from "../../../src/v1/tool-calls.ts";

/** A chunk of an answer, with what its only choice says. */
const chunk = (delta: unknown, more: object = {}) => ({
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const text = (content: unknown) => chunk({ content });
const call = (...calls: unknown[]) => chunk({ tool_calls: calls });
const end = (finish_reason: unknown) => chunk({}, { finish_reason });
const DONE = "[DONE]";

interface Read {
  readonly pieces: Piece[];
  readonly finish?: Finish;
  readonly failure?: string;
}

/** Reads events: objects become JSON, and texts are data as they stand. */
function read(events: readonly unknown[], names: readonly string[] = []): Read {
  const answer = new AnswerReader();
  const pieces: Piece[] = [];
  try {
    for (const [at, event] of events.entries()) {
      const data = typeof event === "string" ? event : JSON.stringify(event);
      pieces.push(...answer.take({ data, event: names[at] }));
      if (answer.failure !== undefined) throw answer.failure;
      if (answer.done) break;
    }
    const { pieces: rest, finish } = answer.end(() => 7);
    return { pieces: [...pieces, ...rest], finish };
  } catch (error) {
    return { pieces, failure: error instanceof Error ? error.message : String(error) };
  }
}

const words = (pieces: readonly Piece[]) => pieces.filter((piece) => typeof piece === "string").join("");
const thoughts = (pieces: readonly Piece[]) =>
  pieces.map((piece) => (typeof piece === "object" && "reasoning" in piece ? piece.reasoning : "")).join("");

/** As `id: name arguments`, in their order. */
function calls({ pieces }: Read): string[] {
  return mergeToolCalls(pieces).map(({ id, type, function: said }) => {
    expect(type).toBe("function");
    const { name, arguments: args } = said as { name: string; arguments: string };
    return `${/^call_[0-9a-f]{24}$/.test(String(id)) ? "own" : id}: ${name} ${args}`;
  });
}

const A = { id: "a", type: "function", function: { name: "f1", arguments: '{"a":1}' } };
const B = { id: "b", type: "function", function: { name: "f2", arguments: '{"b":2}' } };
const AB = ['a: f1 {"a":1}', 'b: f2 {"b":2}'];
const begun = (fields: object) =>
  call({ index: 0, id: "a", function: { name: "f1", arguments: "" }, ...fields });
const more = (fields: object, args: unknown) => call({ ...fields, function: { arguments: args } });

describe("the tool calls of an upstream", () => {
  it.each<[string, readonly unknown[], readonly string[]]>([
    [
      "as OpenAI sends them",
      [begun({}), more({ index: 0 }, '{"a"'), more({ index: 0 }, ":1}")],
      [AB[0] ?? ""],
    ],
    [
      "whose id and name are repeated as empty texts",
      [begun({}), call({ index: 0, id: "", type: "", function: { name: "", arguments: '{"a":1}' } })],
      [AB[0] ?? ""],
    ],
    [
      "whose id and name are repeated as null",
      [begun({}), call({ index: 0, id: null, type: null, function: { name: null, arguments: '{"a":1}' } })],
      [AB[0] ?? ""],
    ],
    [
      "whose id and name are repeated in each part",
      [
        call({ ...A, index: 0, function: { name: "f1", arguments: '{"a"' } }),
        call({ ...A, index: 0, function: { name: "f1", arguments: ":1}" } }),
      ],
      [AB[0] ?? ""],
    ],
    [
      "whose id is another one in each part",
      [
        call({ index: 0, id: "a", function: { name: "f1", arguments: "" } }),
        call({ index: 0, id: "x", function: { arguments: '{"a"' } }),
        call({ index: 0, id: "y", function: { name: "f1", arguments: ":1}" } }),
      ],
      [AB[0] ?? ""],
    ],
    ["without an index, in one chunk", [call(A, B)], AB],
    ["without an index, in two chunks", [call(A), call(B)], AB],
    [
      "without an index, in parts",
      [
        call({ id: "a", function: { name: "f1" } }),
        more({}, '{"a":1}'),
        call({ id: "b", function: { name: "f2" } }),
        more({}, '{"b":2}'),
      ],
      AB,
    ],
    ["with one index for two ids", [call({ ...A, index: 0 }), call({ ...B, index: 0 })], AB],
    [
      "with one index for two ids and no name yet",
      [call({ ...A, index: 0 }), call({ index: 0, id: "b" }), call({ index: 0, function: B.function })],
      AB,
    ],
    [
      "with one index, no ids and the same name",
      [
        call({ index: 0, function: { name: "f", arguments: '{"a":1}' } }),
        call({ index: 0, function: { name: "f", arguments: '{"a":2}' } }),
      ],
      ['own: f {"a":1}', 'own: f {"a":2}'],
    ],
    ["that start at 1", [call({ ...A, index: 1 }), call({ ...B, index: 2 })], AB],
    ["whose index is a text", [call({ ...A, index: "0" }), call({ ...B, index: "1" })], AB],
    [
      "that come in turns",
      [
        call(
          { index: 0, id: "a", function: { name: "f1" } },
          { index: 1, id: "b", function: { name: "f2" } },
        ),
        more({ index: 0 }, '{"a"'),
        more({ index: 1 }, '{"b"'),
        more({ index: 0 }, ":1}"),
        more({ index: 1 }, ":2}"),
      ],
      AB,
    ],
    [
      "with one id for both",
      [call({ ...A, index: 0 }), call({ ...B, index: 1, id: "a" })],
      ['a: f1 {"a":1}', 'own: f2 {"b":2}'],
    ],
    [
      "without ids",
      [call({ function: A.function }, { function: B.function })],
      ['own: f1 {"a":1}', 'own: f2 {"b":2}'],
    ],
    [
      "whose id comes late",
      [
        call({ index: 0, function: { name: "f1" } }),
        call({ index: 0, id: "a" }),
        more({ index: 0 }, '{"a":1}'),
      ],
      [AB[0] ?? ""],
    ],
    [
      "whose name comes late",
      [
        call({ index: 0, id: "a" }),
        more({ index: 0 }, '{"a"'),
        call({ index: 0, function: { name: "f1", arguments: ":1}" } }),
      ],
      [AB[0] ?? ""],
    ],
    [
      "with arguments as an object",
      [
        call({ ...A, function: { name: "f1", arguments: { a: 1 } } }),
        call({ ...B, function: { name: "f2", arguments: { b: 2 } } }),
      ],
      AB,
    ],
    [
      "with arguments as an object, in parts",
      [
        call({ ...A, index: 0, function: { name: "f1", arguments: { a: 1 } } }),
        more({ index: 0 }, { c: [2] }),
      ],
      ['a: f1 {"a":1,"c":[2]}'],
    ],
    [
      "that begin with an empty object",
      [
        call({ ...A, index: 0, function: { name: "f1", arguments: "{}" } }),
        more({ index: 0 }, '{"a"'),
        more({ index: 0 }, ":1}"),
      ],
      [AB[0] ?? ""],
    ],
    [
      "without arguments",
      [
        call({ index: 0, id: "a", function: { name: "f1" } }),
        call({ index: 1, id: "b", function: { name: "f2", arguments: null } }),
      ],
      ["a: f1 {}", "b: f2 {}"],
    ],
    [
      "that come once more when they are whole",
      [begun({}), more({ index: 0 }, '{"a":1}'), call({ ...A, index: 0 })],
      [AB[0] ?? ""],
    ],
    [
      "that come once more in a message",
      [call({ ...A, index: 0 }), { choices: [{ delta: null, message: { content: null, tool_calls: [A] } }] }],
      [AB[0] ?? ""],
    ],
    [
      "only in a message",
      [
        text(""),
        { choices: [{ index: 0, message: { role: "assistant", content: null, tool_calls: [A, B] } }] },
      ],
      AB,
    ],
    ["as one call and no list", [chunk({ tool_calls: A })], [AB[0] ?? ""]],
    [
      "without a function around them",
      [call({ id: "a", type: "function", name: "f1", arguments: '{"a":1}' })],
      [AB[0] ?? ""],
    ],
    [
      "as the old function_call",
      [
        chunk({ function_call: { name: "f1", arguments: "" } }),
        chunk({ function_call: { arguments: '{"a":1}' } }),
      ],
      ['own: f1 {"a":1}'],
    ],
    [
      "between parts that say nothing",
      [call({}), call(null), call({ index: 0 }), call({ ...A, index: 0 }), call({ index: 1 }), call("?")],
      [AB[0] ?? ""],
    ],
  ])("%s come out once each", (_what, events, expected) => {
    for (const ending of [[end("tool_calls")], [end("stop")], [end("function_call"), DONE], [DONE]]) {
      const answer = read([...events, ...ending]);
      expect(calls(answer)).toEqual(expected);
      expect(answer.finish?.reason).toBe("tool_calls");
      const parts = answer.pieces.flatMap((piece) =>
        typeof piece === "object" && "toolCalls" in piece ? piece.toolCalls : [],
      );
      expectOrder(parts);
    }
  });

  it("are passed on as they come, where they come in parts", () => {
    const { pieces } = read([
      begun({}),
      more({ index: 0 }, '{"a"'),
      more({ index: 0 }, ":1}"),
      end("tool_calls"),
    ]);
    expect(pieces).toEqual([
      { toolCalls: [{ index: 0, id: "a", type: "function", function: { name: "f1", arguments: "" } }] },
      { toolCalls: [{ index: 0, function: { arguments: '{"a"' } }] },
      { toolCalls: [{ index: 0, function: { arguments: ":1}" } }] },
    ]);
  });

  it("keep what else an upstream wants back", () => {
    const signed = { ...A, index: 0, extra_content: { google: { thought_signature: "s" } } };
    expect(mergeToolCalls(read([call(signed), DONE]).pieces)).toMatchObject([
      { extra_content: signed.extra_content },
    ]);
  });

  it("of tools that take text have it as it came", () => {
    const custom = { index: 0, id: "a", type: "custom", custom: { name: "sh", input: "ls" } };
    expect(read([call(custom), DONE]).pieces).toEqual([{ toolCalls: [custom] }]);
  });

  it("without a name make an answer fail, unless the limit cut it off", () => {
    expect(read([call({ id: "a", function: { arguments: "{}" } }), DONE]).failure).toMatch(
      /does not say which/,
    );
    const cut = read([
      call({ index: 0, id: "a", function: { name: "f1", arguments: '{"a"' } }),
      end("length"),
    ]);
    expect(calls(cut)).toEqual(['a: f1 {"a"']);
    expect(cut.finish?.reason).toBe("length");
  });
});

/** Each call begins with its id and name, and the indices count from 0. */
function expectOrder(parts: readonly ToolCall[]): void {
  let next = 0;
  for (const { index, id, type } of parts) {
    if (index === next) {
      expect(id).toEqual(expect.any(String));
      expect(type).toBe("function");
      next++;
    } else {
      expect(index).toBeLessThan(next);
      expect(id).toBeUndefined();
    }
  }
}

describe("what an upstream took", () => {
  const whole = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
  it.each<[string, readonly unknown[], number, number]>([
    ["at the end", [text("abcd"), end("stop"), { choices: [], usage: whole }], 3, 5],
    [
      "in a text's place",
      [text("abcd"), end("stop"), { choices: [], usage: { prompt_tokens: "3", completion_tokens: "5" } }],
      3,
      5,
    ],
    [
      "beside each chunk",
      [
        { ...text("abcd"), usage: { ...whole, completion_tokens: 1 } },
        { ...end("stop"), usage: whole },
      ],
      3,
      5,
    ],
    [
      "in the first chunk, without the answer's",
      [{ ...text(""), usage: { prompt_tokens: 11, total_tokens: 11 } }, text("abcdefgh"), end("stop")],
      11,
      2,
    ],
    [
      "in the first chunk, as zeros",
      [
        { ...text(""), usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } },
        text("abcd"),
        end("stop"),
      ],
      7,
      1,
    ],
    ["in the middle", [text("abcd"), { choices: [], usage: whole }, text("abcdefgh"), end("stop")], 3, 7],
    [
      "without completion_tokens",
      [text("abcd"), end("stop"), { choices: [], usage: { prompt_tokens: 3, total_tokens: 3 } }],
      3,
      1,
    ],
    [
      "without prompt_tokens",
      [text("abcd"), end("stop"), { choices: [], usage: { completion_tokens: 5 } }],
      7,
      5,
    ],
    [
      "as a sum",
      [text("abcd"), end("stop"), { choices: [], usage: { prompt_tokens: 3, total_tokens: 8 } }],
      3,
      5,
    ],
    [
      "by other names",
      [text("abcd"), end("stop"), { choices: [], usage: { input_tokens: 3, output_tokens: 5 } }],
      3,
      5,
    ],
    ["inside the choice", [text("abcd"), chunk({}, { finish_reason: "stop", usage: whole })], 3, 5],
    ["as Groq does", [text("abcd"), { ...end("stop"), x_groq: { usage: whole } }], 3, 5],
    ["not", [text("abcd"), end("stop")], 7, 1],
    ["as null", [text("abcd"), end("stop"), { choices: [], usage: null }], 7, 1],
    ["as nothing", [text("abcd"), end("stop"), { choices: [], usage: {} }], 7, 1],
    ["as a list", [text("abcd"), end("stop"), { usage: [] }], 7, 1],
    [
      "wrongly",
      [text("abcd"), end("stop"), { choices: null, usage: { prompt_tokens: -1, completion_tokens: "many" } }],
      7,
      1,
    ],
  ])("may stand %s", (_what, events, promptTokens, completionTokens) => {
    const { pieces, finish, failure } = read([...events, DONE]);
    expect(failure).toBeUndefined();
    expect(words(pieces)).toMatch(/^abcd/);
    expect(finish).toEqual({ reason: "stop", promptTokens, completionTokens });
  });
});

describe("what an upstream says", () => {
  it.each<[string, unknown]>([
    ["a text", text("ok")],
    [
      "a list of parts",
      text([
        { type: "text", text: "o" },
        { type: "text", text: "k" },
      ]),
    ],
    ["a part and no list", text({ type: "text", text: "ok" })],
    ["a list of texts", text(["o", "k"])],
    [
      "output parts, among others",
      text([{ type: "output_text", text: "ok" }, { type: "reference", reference_ids: [1] }, null]),
    ],
    ["a delta of text", { choices: [{ index: 0, delta: "ok" }] }],
    ["a choice's text", { choices: [{ index: 0, text: "ok" }] }],
    ["a text beside the same delta", { choices: [{ index: 0, text: "ok", delta: { content: "ok" } }] }],
    ["a text without choices", { text: "ok" }],
    ["content without choices", { content: "ok", stop: false }],
    ["a message", { choices: [{ message: { role: "assistant", content: "ok" } }] }],
    ["a choice and no list", { choices: { delta: { content: "ok" } } }],
    [
      "a second choice too",
      {
        choices: [
          { index: 1, delta: { content: "no" } },
          { index: 0, delta: { content: "ok" } },
        ],
      },
    ],
    ["a choice whose index is a text", { choices: [{ index: "0", delta: { content: "ok" } }] }],
    [
      "everything else null",
      {
        ...chunk({
          role: null,
          content: "ok",
          tool_calls: null,
          function_call: null,
          refusal: null,
          reasoning_content: null,
          audio: null,
        }),
        usage: null,
        error: null,
      },
    ],
    ["an error of nothing", { ...text("ok"), error: { code: null, message: "" } }],
  ])("may be %s", (_what, event) => {
    const nothing = chunk({
      role: null,
      content: null,
      tool_calls: null,
      refusal: null,
      reasoning_content: null,
    });
    const { pieces, finish } = read([
      text(""),
      event,
      nothing,
      chunk(null),
      chunk([]),
      {},
      end("stop"),
      DONE,
    ]);
    expect(words(pieces)).toBe("ok");
    expect(finish?.reason).toBe("stop");
  });

  it.each<[string, unknown]>([
    ["reasoning_content", chunk({ reasoning_content: "hm", content: null })],
    ["reasoning", chunk({ reasoning: "hm", reasoning_content: "" })],
    ["both", chunk({ reasoning: "hm", reasoning_content: "hm" })],
    ["thinking", chunk({ thinking: "hm" })],
    ["reasoning_details", chunk({ reasoning_details: [{ type: "reasoning.text", text: "hm" }] })],
    ["a part", text([{ type: "thinking", thinking: "hm" }])],
    [
      "parts of a part",
      text([
        {
          type: "thinking",
          thinking: [
            { type: "text", text: "h" },
            { type: "text", text: "m" },
          ],
        },
      ]),
    ],
    ["a reasoning part", text([{ type: "reasoning", text: "hm" }])],
  ])("may be a thought as %s", (_what, event) => {
    const { pieces } = read([event, text("ok"), end("stop")]);
    expect([thoughts(pieces), words(pieces)]).toEqual(["hm", "ok"]);
  });

  it("may be a choice that has another number, in all that has one", () => {
    const choice = (delta: object, more: object = {}) => ({ choices: [{ delta, ...more }] });
    const events = [choice({ content: "o" }, { index: 1 }), choice({ content: "no" }, { index: 2 })];
    const rest = [choice({ content: "k" }), choice({}, { index: 1, finish_reason: "length" })];
    const { pieces, finish } = read([...events, ...rest]);
    expect([words(pieces), finish?.reason]).toEqual(["ok", "length"]);
  });

  it("may be a refusal", () => {
    for (const event of [chunk({ refusal: "no" }), text([{ type: "refusal", refusal: "no" }])]) {
      expect(read([event, end("stop")]).pieces).toEqual([{ refusal: "no" }]);
    }
  });

  it("may be said once more at the end, and does not come twice", () => {
    const message = { role: "assistant", content: "ok", reasoning_content: "hm" };
    const repeated = { choices: [{ index: 0, delta: {}, message, finish_reason: "stop" }] };
    const { pieces } = read([chunk({ reasoning_content: "hm" }), text("o"), text("k"), repeated, DONE]);
    expect([thoughts(pieces), words(pieces)]).toEqual(["hm", "ok"]);
  });

  it("may come in messages instead of deltas", () => {
    const message = (content: string) => ({ choices: [{ message: { content } }] });
    expect(words(read([message("o"), message("k"), DONE]).pieces)).toBe("ok");
  });

  it("may go on behind its end", () => {
    expect(words(read([text("o"), end("stop"), text("k"), DONE, DONE]).pieces)).toBe("ok");
  });

  it.each<[string, string | undefined]>([
    ["ping", "ping"],
    ['{"type":"ping"}', "ping"],
    ["", undefined],
    ["  ", undefined],
    ["null", undefined],
    ["ping", undefined],
    [": keep-alive", undefined],
    ["keep-alive", undefined],
    ["{}", undefined],
    ["[]", undefined],
    ['{"choices":[]}', undefined],
    ["whatever that is", "server.status"],
  ])("is not %j of an event %j", (data, name) => {
    const { pieces, failure } = read(
      [data, text("ok"), data, end("stop"), data, DONE],
      [name ?? "", "", name ?? "", "", name ?? ""],
    );
    expect(failure).toBeUndefined();
    expect(words(pieces)).toBe("ok");
  });
});

describe("an upstream ends", () => {
  it.each<[unknown, Finish["reason"]]>([
    ["stop", "stop"],
    ["eos", "stop"],
    ["end_turn", "stop"],
    ["STOP", "stop"],
    ["whatever", "stop"],
    [{ type: "stop", matched: 2 }, "stop"],
    ["length", "length"],
    ["max_tokens", "length"],
    ["MAX_TOKENS", "length"],
    [{ type: "length" }, "length"],
    ["content_filter", "content_filter"],
    ["SAFETY", "content_filter"],
    ["tool_use", "stop"],
    ["tool_calls", "stop"],
  ])("with %j as %s", (reason, expected) => {
    expect(read([text("ok"), end(reason)]).finish?.reason).toBe(expected);
  });

  it.each<[string, readonly unknown[]]>([
    ["without a reason, with [DONE]", [text("ok"), DONE]],
    ["with an empty reason, with [DONE]", [text("ok"), end(""), DONE]],
    ["with a reason, without [DONE]", [text("ok"), end("stop")]],
    ["with a reason in its last chunk", [chunk({ content: "ok" }, { finish_reason: "stop" })]],
    ["without a word, where it says so", [end("stop"), DONE]],
    ["with nonsense behind its reason", [text("ok"), end("stop"), "<html>"]],
  ])("%s, and has answered", (_what, events) => {
    expect(read(events)).toMatchObject({ finish: { reason: "stop" } });
  });

  it.each<[string, readonly unknown[], string, RegExp]>([
    ["early", [text("half")], "half", /broke off in mid-answer/],
    ["with an empty reason", [text("half"), end("")], "half", /broke off in mid-answer/],
    ["with nothing but [DONE]", [DONE], "", /without an answer/],
    ["with a role and [DONE]", [chunk({ role: "assistant", content: "" }), DONE], "", /without an answer/],
    ["with the calls that it speaks of nowhere", [end("tool_calls"), DONE], "", /without an answer/],
    ["with the reason error", [text("half"), end("error"), DONE], "half", /says that it failed/],
    [
      "with the reason error beside text",
      [chunk({ content: "half" }, { finish_reason: "error" }), DONE],
      "half",
      /says that it failed/,
    ],
    ["with the reason abort", [text("half"), end("abort"), DONE], "half", /says that it failed/],
    [
      "with an error object",
      [text("half"), { object: "error", message: "no memory" }, DONE],
      "half",
      /no memory/,
    ],
    ["with an error", [text("half"), { error: { message: "no memory" } }], "half", /no memory/],
    ["with an error as text", [text("half"), { error: "no memory" }], "half", /no memory/],
    [
      "with an error beside a choice",
      [text("half"), { ...end("stop"), error: { code: 502, message: "no memory" } }, DONE],
      "half",
      /no memory/,
    ],
    [
      "with an error behind its reason",
      [text("half"), end("stop"), { error: "no memory" }, DONE],
      "half",
      /no memory/,
    ],
    [
      "with Anthropic's error",
      [text("half"), { type: "error", error: { type: "api_error" } }],
      "half",
      /api_error/,
    ],
    ["with Gemini's error", [[{ error: { code: 500, status: "INTERNAL" } }]], "", /INTERNAL/],
    ["with a message and no answer", [{ message: "Internal Server Error" }], "", /Internal Server Error/],
    ["with FastAPI's detail", [{ detail: "Internal Server Error" }], "", /Internal Server Error/],
    ["with a page", ["<html>"], "", /not a chunk: <html>/],
    ["with a number", ["42"], "", /not a chunk: 42/],
    ["with half a chunk", [text("half"), '{"choices":[{"delta"', DONE], "half", /not a chunk/],
  ])("%s, and has failed", (_what, events, expected, failure) => {
    const answer = read(events);
    expect(answer.failure).toMatch(failure);
    expect(words(answer.pieces)).toBe(expected);
  });

  it("with an event that is named error, and has failed", () => {
    expect(read(['{"message":"no memory"}'], ["error"]).failure).toMatch(/no memory/);
    expect(read(["no memory"], ["error"]).failure).toMatch(/no memory/);
  });

  it.each<[object, object]>([
    [{ code: 429 }, { reason: "upstream_busy" }],
    [{ type: "overloaded_error" }, { reason: "upstream_busy" }],
    [{ code: "insufficient_quota" }, { reason: "upstream_auth" }],
    [{ code: 402 }, { reason: "upstream_auth" }],
    [{ code: 400, message: "prompt too long" }, { reason: "upstream_failed" }],
    [{ code: "context_length_exceeded" }, { details: { code: "context_length_exceeded" } }],
    [{ type: "exceed_context_size_error", code: 400 }, { details: { code: "context_length_exceeded" } }],
  ])("in a stream with %j, and it is what that says", (error, expected) => {
    const answer = new AnswerReader();
    answer.take({ data: JSON.stringify({ error }) });
    expect(answer.failure).toMatchObject(expected);
  });
});

it("an event that the end of a stream cuts off is dropped, and harms no answer", () => {
  const cut = (...before: readonly unknown[]) => {
    const answer = new AnswerReader();
    for (const event of before) answer.take({ data: JSON.stringify(event) });
    answer.take({ data: '{"choices":[{"del', isCut: true });
    return answer;
  };
  expect(cut(text("half")).failure).toBeUndefined();
  expect(() => cut(text("half")).end(() => 1)).toThrow(/broke off/);
  expect(cut(text("ok"), end("stop")).end(() => 1).finish.reason).toBe("stop");
  const last = new AnswerReader();
  last.take({ data: JSON.stringify(text("ok")) });
  last.take({ data: DONE, isCut: true });
  expect(last.done).toBe(true);
});
