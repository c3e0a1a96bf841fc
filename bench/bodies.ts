const MIB = 1024 * 1024;

/** A body that costs its reader as much as a body of its kind can. */
export interface Body {
  /** What it is, for the table. */
  readonly title: string;
  readonly path: string;
  readonly text: string;
  /** What it is answered with. */
  readonly status: number;
}

const CHAT = "/chat/sync";
const V1 = "/v1/chat/completions";
const HELLO = '{"role":"user","content":"hello"}';

/** A request with these fields that is right but for them. */
const withFields = (fields: string) => `{"messages":[${HELLO}],"max_tokens":1,${fields}}`;
const withMessages = (messages: readonly object[]) => JSON.stringify({ messages, max_tokens: 1 });
const keys = (count: number, before = "") =>
  Array.from({ length: count }, (_, at) => `"${before}key ${at}":1`).join(",");
/** Repeats an item as often as a body of `bytes` bytes has room for it. */
const fill = (item: string, bytes: number) =>
  item.repeat(Math.floor((bytes - 200) / Buffer.byteLength(item)));
const say = (content: string) => `{"messages":[{"role":"user","content":"${content}"}],"max_tokens":1}`;
const parts = (messages: number, each: number, part: unknown) =>
  withMessages(Array(messages).fill({ role: "user", content: Array(each).fill(part) }));

/** The worst bodies that are known, near the limits on bytes, values, keys or items. */
export function worstBodies(): Body[] {
  const large = 16 * MIB;
  const body = (title: string, text: string, status: number, path = V1): Body => ({
    title,
    path,
    text,
    status,
  });
  return [
    body("340 messages of 1,000 wrong parts", parts(340, 1000, 1), 400),
    body("140 messages of 1,000 wrong parts", parts(140, 1000, 1), 400),
    body(
      "14 messages of 1,000 parts, the last one wrong",
      parts(14, 1000, { type: "text", text: "a" }).replace(/"a"(?=\}\]\}\])/, "1"),
      400,
    ),
    body(
      "2,000 messages of 10 tool calls",
      withMessages(Array(2000).fill({ role: "assistant", content: "a", tool_calls: Array(10).fill({}) })),
      200,
    ),
    body(
      "2,000 messages of 33 tool calls",
      withMessages(Array(2000).fill({ role: "assistant", content: "a", tool_calls: Array(33).fill({}) })),
      400,
    ),
    body("a tool of 29,000 keys", withFields(`"tools":[{"type":"function",${keys(29_000)}}]`), 400),
    body(
      "a tool of 70,000 lists",
      withFields(`"tools":[{"type":"function","x":[${"[],".repeat(70_000)}1]}]`),
      400,
    ),
    body(
      "a schema of 29,000 properties",
      withFields(
        `"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"properties":{${keys(29_000)}}}}}`,
      ),
      400,
    ),
    body(
      "an enum of 100,000 texts",
      withFields(
        `"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"enum":[${'"text",'.repeat(100_000)}"last"]}}}`,
      ),
      400,
    ),
    body(
      "4 stop texts of 4 MB",
      withFields(`"stop":${JSON.stringify(Array(4).fill("a".repeat(4_000_000)))}`),
      400,
    ),
    body("brackets to 16 MiB", `{"messages":${fill("[", large)}`, 400),
    body("70,000 brackets that close", `{"messages":${"[".repeat(70_000)}${"]".repeat(70_000)}}`, 400),
    body("140,000 wrong items", `{"messages":[${"1,".repeat(140_000)}1]}`, 400),
    body("a million numbers", withFields(`"x":[${"1,".repeat(1_000_000)}1]`), 400),
    body("149,000 numbers", withFields(`"x":[${"1.5,".repeat(149_000)}1]`), 200),
    body("29,000 keys", withFields(keys(29_000)), 200),
    body("29,000 long keys, 14 MiB", withFields(`"x":{${keys(29_000, "k".repeat(490))}}`), 200),
    body("29,000 times one key", withFields(`${'"a":1,'.repeat(29_000)}"b":1`), 200),
    body("one text of 16 MiB", say(fill("a", large)), 200),
    body("one text of 16 MiB, of escapes", say(fill("\\n", large)), 200),
    body("one text of 16 MiB, in Chinese", say(fill("漢", large)), 200),
    body("a text of 16 MiB without its end", `{"messages":"${fill("\\n", large)}`, 400),
    body("149,000 token ids", JSON.stringify({ prompt: Array(149_000).fill(1) }), 400, "/v1/completions"),
    body(
      "2,048 inputs of 8 KB",
      JSON.stringify({ input: Array(2048).fill("a".repeat(8000)) }),
      400,
      "/v1/embeddings",
    ),
    body(
      "149,000 wrong messages on /chat",
      `{"prompt":"hi","messages":[${"1,".repeat(149_000)}1]}`,
      422,
      CHAT,
    ),
    body("brackets to 1 MiB on /chat", `{"prompt":${fill("[", MIB)}`, 422, CHAT),
    body("29,000 keys on /chat", `{"prompt":"hi",${keys(29_000)}}`, 200, CHAT),
  ];
}
