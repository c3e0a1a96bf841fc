import { describe, expect, test } from "vitest";
import { compileGlob } from "../../src/dirty-arbiter/glob.ts";

// What Python's fnmatch says of each.
describe("a pattern for keys", () => {
  test.for<[pattern: string, matching: string[], others: string[]]>([
    ["user:1", ["user:1"], ["user:10", "user:", "USER:1", ""]],
    ["user:*", ["user:", "user:1", "user:a/b", "user:\n"], ["xuser:1", "user"]],
    ["*", ["", "anything", "a\nb"], []],
    ["*:1", ["a:1", ":1", "a:1:1"], ["a:12"]],
    ["a*b*c", ["abc", "axbxc", "abbcc", "abcbc"], ["ab", "acb", "abcx"]],
    ["**a**", ["a", "bab"], ["", "b"]],
    ["a?c", ["abc", "a?c", "a😀c"], ["ac", "abbc"]],
    ["?", ["é", "😀"], ["", "ab"]],
    ["[abc]", ["a", "b", "c"], ["d", "", "ab"]],
    ["[a-c]x", ["ax", "bx"], ["dx", "-x"]],
    ["[!a-c]x", ["dx", "😀x"], ["ax", "x"]],
    ["[]]", ["]"], ["[", ""]],
    ["[!]]", ["a"], ["]"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[-a]", ["a", "-"], ["b"]],
    ["[c-a]", [], ["a", "b", "c"]],
    ["[abc", ["[abc"], ["a"]],
    ["[*]", ["*"], ["a", ""]],
    ["a.c", ["a.c"], ["abc"]],
    ["", [""], ["a"]],
  ])("%s", ([pattern, matching, others]) => {
    const matches = compileGlob(pattern);
    expect(matching.filter((key) => !matches(key))).toEqual([]);
    expect(others.filter((key) => matches(key))).toEqual([]);
  });

  // A matcher that tries every way would be at it for longer than the universe is old.
  test("with many stars comes to its end", () => {
    const matches = compileGlob(`${"*a".repeat(500)}*b`);
    expect(matches("a".repeat(1024))).toBe(false);
  });
});
