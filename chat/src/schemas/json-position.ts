// The tokens of JSON, each anchored where the scan stands. A string that is not closed, or holds a bad escape
// or a bare control character, does not match: the error is then where the string begins.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what JSON forbids here
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/**
 * Finds where a text stops being JSON. JSON.parse tells so only for some errors, and in words.
 *
 * It keeps a stack of its own, because a megabyte of `[` must not overflow the call stack.
 *
 * @returns the index of the first character that cannot stand where it does (the text's length if it ends too
 *   early), or `undefined` if the text is JSON.
 */
export function findJsonError(text: string): number | undefined {
  const open: ("[" | "{")[] = [];
  let at = 0;
  const skip = (token: RegExp) => {
    token.lastIndex = at;
    if (!token.test(text)) return false;
    at = token.lastIndex;
    return true;
  };
  const next = (char: string) => {
    skip(SPACE);
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const key = () => {
    skip(SPACE);
    return skip(STRING) && next(":");
  };

  for (;;) {
    // A value is due.
    if (next("[")) {
      if (!next("]")) {
        open.push("[");
        continue;
      }
    } else if (next("{")) {
      if (!next("}")) {
        open.push("{");
        if (!key()) return at;
        continue;
      }
    } else if (!skip(STRING) && !skip(SCALAR)) {
      return at;
    }
    // A value has ended: close what it ends, or go on to the next one.
    for (;;) {
      const inside = open.at(-1);
      if (inside === undefined) {
        skip(SPACE);
        return at === text.length ? undefined : at;
      }
      if (next(",")) {
        if (inside === "{" && !key()) return at;
        break;
      }
      if (!next(inside === "[" ? "]" : "}")) return at;
      open.pop();
    }
  }
}
