import { describe, expect, test } from "vitest";
import { tokenize } from "../../chat/src/models/tokenize.ts";
import { AnswerCheck } from "../answer-check.ts";
import { KnownText } from "../known-text.ts";
import { Random } from "../random.ts";

const mine = new KnownText(new Random("mine"), "a1", { words: 40 });
const other = new KnownText(new Random("mine"), "a2", { words: 40 });
const DONE = "data: [DONE]\n\n";
const WORDS = mine.tokens.flatMap((token, index) => (token.startsWith("a1-") ? [index] : []));
/** Where some word in the middle stands, and where the next does. */
const [AT = 0, NEXT = 0] = WORDS.slice(20);

function stream(tokens: readonly string[], numbered = false, after = 0): string {
  return tokens
    .map(
      (token, index) =>
        `${numbered ? `id: ${after + index + 1}\n` : ""}data: {"token": ${JSON.stringify(token)}}\n\n`,
    )
    .join("");
}

function check(bytes: string, { numbered = false, after = 0, pieces = 7 } = {}): AnswerCheck {
  const made = new AnswerCheck(mine, numbered, after);
  for (let at = 0; at < bytes.length; at += pieces) made.feed(bytes.slice(at, at + pieces));
  made.close();
  return made;
}

const whole = (tokens: readonly string[]) => stream(tokens) + DONE;

describe("the check of an answer", () => {
  test.each([1, 2, 3, 50, 100_000])("takes the known text for whole, in pieces of %i", (pieces) => {
    const checked = check(whole(mine.tokens), { pieces });
    expect(checked).toMatchObject({ done: true, fault: undefined, tokens: mine.tokens.length });
  });

  test("takes an answer that a reader continues, with ids and comments", () => {
    const bytes = `: waiting\n\n${stream(mine.tokens.slice(5), true, 5)}${DONE}`;
    expect(check(bytes, { numbered: true, after: 5 })).toMatchObject({ done: true, fault: undefined });
  });

  test("takes places in the queue before the first token of an answer with ids", () => {
    const place = 'event: queued\ndata: {"position": 2}\n\n';
    const bytes = `${place}${stream(mine.tokens, true)}${DONE}`;
    expect(check(bytes, { numbered: true })).toMatchObject({ done: true, fault: undefined });
    expect(check(place + whole(mine.tokens)).fault).toBeDefined();
    expect(check(stream(mine.tokens, true) + place + DONE, { numbered: true }).fault).toBeDefined();
    expect(check(bytes.replace("2", "0"), { numbered: true }).fault).toBeDefined();
  });

  test("takes a right prefix with an error event", () => {
    const error = { type: "worker_died", message: "gone" };
    const checked = check(`${stream(mine.tokens.slice(0, 9))}data: ${JSON.stringify({ error })}\n\n`);
    expect(checked).toMatchObject({ fault: undefined, error, done: false, tokens: 9 });
  });

  test.each<[string, (tokens: string[]) => void, string]>([
    ["a lost word", (tokens) => tokens.splice(AT, 1), "lost"],
    ["the loss of what stands between words", (tokens) => tokens.splice(AT + 1, 1), "lost"],
    ["the loss of the first token", (tokens) => tokens.shift(), "lost"],
    ["the loss of the last token", (tokens) => tokens.pop(), "lost"],
    ["the loss of many tokens", (tokens) => tokens.splice(AT, 12), "lost"],
    ["a repeated word", (tokens) => tokens.splice(AT, 0, tokens[AT] ?? ""), "repeated"],
    ["a repeated gap", (tokens) => tokens.splice(AT + 1, 0, tokens[AT + 1] ?? ""), "repeated"],
    ["a repeated last token", (tokens) => tokens.push(tokens.at(-1) ?? ""), "repeated"],
    ["a part that came twice", (tokens) => tokens.splice(AT, 0, ...tokens.slice(AT - 6, AT)), "repeated"],
    [
      "two words that changed places",
      (tokens) => {
        [tokens[AT], tokens[NEXT]] = [tokens[NEXT] ?? "", tokens[AT] ?? ""];
      },
      "reordered",
    ],
    [
      "another client's token in the place of one",
      (tokens) => tokens.splice(AT, 1, other.tokens[AT] ?? ""),
      "foreign",
    ],
    ["another client's token beside", (tokens) => tokens.splice(AT, 0, other.tokens[AT] ?? ""), "foreign"],
    ["another client's answer", (tokens) => tokens.splice(0, tokens.length, ...other.tokens), "foreign"],
    ["an altered word", (tokens) => tokens.splice(AT, 1, `${tokens[AT]}x`), "altered"],
  ])("finds %s", (_name, spoil, wrong) => {
    const tokens = [...mine.tokens];
    spoil(tokens);
    expect(tokens).not.toEqual(mine.tokens);
    expect(check(whole(tokens)).difference?.wrong).toBe(wrong);
    expect(check(whole(tokens)).fault).toMatch(new RegExp(`^${wrong}: `));
  });

  test.each<[string, (tokens: string[]) => void, string]>([
    ["lost", (tokens) => tokens.splice(AT, 1), "lost"],
    ["repeated", (tokens) => tokens.splice(AT, 0, tokens[AT] ?? ""), "repeated"],
    ["foreign", (tokens) => tokens.splice(AT, 0, other.tokens[AT] ?? ""), "foreign"],
  ])("finds a token that is %s in an answer that was cut after it", (_name, spoil, wrong) => {
    const tokens = [...mine.tokens];
    spoil(tokens);
    const cut = new AnswerCheck(mine);
    cut.feed(stream(tokens.slice(0, NEXT + 4)));
    expect(cut.difference?.wrong).toBe(wrong);
  });

  test.each([
    ["an end without [DONE]", stream(mine.tokens)],
    ["a cut that says nothing", stream(mine.tokens.slice(0, 9))],
    ["half an event", `${stream(mine.tokens.slice(0, 9))}data: {"tok`],
    ["something after [DONE]", `${whole(mine.tokens)}data: {"token": "x"}\n\n`],
    ["something after an error", `data: {"error":{"type":"timeout","message":""}}\n\n${DONE}`],
    ["an event in another form", stream(mine.tokens).replace('{"token": ', '{"token":') + DONE],
    ["ids that the client did not ask for", stream(mine.tokens, true) + DONE],
    ["a comment where none may be", `: hello\n\n${whole(mine.tokens)}`],
    ["other line ends", whole(mine.tokens).replace("\n\n", "\r\n\r\n")],
    ["one empty line too many", whole(mine.tokens).replace("\n\n", "\n\n\n")],
    ["a field that it does not have", `retry: 1\n${whole(mine.tokens)}`],
    ["an event over two lines", whole(mine.tokens).replace('{"token"', '\ndata: {"token"')],
    ["an id at the end", stream(mine.tokens) + DONE.replace("data", "id: 1\ndata")],
  ])("finds %s", (_name, bytes) => {
    expect(check(bytes).fault).toBeDefined();
  });

  test("finds an id that is not the token's number", () => {
    expect(check(stream(mine.tokens, true, 1) + DONE, { numbered: true }).fault).toContain('"id":"2"');
    expect(
      check(stream(mine.tokens.slice(5), true, 4) + DONE, { numbered: true, after: 5 }).fault,
    ).toBeDefined();
    expect(check(whole(mine.tokens), { numbered: true }).fault).toBeDefined();
  });

  test("finds a reader that was continued at the wrong place", () => {
    const late = check(stream(mine.tokens.slice(6), true, 6) + DONE, { numbered: true, after: 5 });
    expect(late.difference?.wrong).toBe("lost");
    const early = check(stream(mine.tokens.slice(0), true) + DONE, { numbered: true, after: 5 });
    expect(early.difference?.wrong).toBe("repeated");
  });
});

test("a known text is cut by the chat as it says, and is its owner's alone", () => {
  for (let number = 0; number < 200; number++) {
    const text = new KnownText(new Random(`${number}`), `b${number}`, {
      words: 30,
      padding: number % 3 === 0 ? 50 : 0,
    });
    expect(tokenize(text.prompt)).toEqual(text.tokens);
    expect(text.tokens.filter((token) => token.startsWith(`b${number}-`))).toHaveLength(30);
  }
});

test("the same seed makes the same choices, and a part's choices are its own", () => {
  const draw = (random: Random) => Array.from({ length: 20 }, () => random.between(1, 1000));
  expect(draw(new Random("x"))).toEqual(draw(new Random("x")));
  expect(draw(new Random("x"))).not.toEqual(draw(new Random("y")));
  const used = new Random("x");
  used.next();
  expect(draw(used.fork("part"))).toEqual(draw(new Random("x").fork("part")));
});
