// The tokens of JSON, each anchored where the scan stands, but for strings.
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const SPACE = /[ \t\n\r]*/y;
/** By its code: whether a character may stand behind a backslash, but for `u`. */
const ESCAPED = codesOf('"\\/bfnrt');
/** By its code: whether a character is a hexadecimal digit. */
const HEX = codesOf("0123456789abcdefABCDEF");

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** JSON forbids what is below in a string. */
const FIRST_FREE = 0x20;

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
    return string() && next(":");
  };
  // A string that is not closed, or holds a bad escape or a bare control character, is wrong, and the error stands where
  // the string begins. It is read by hand: a regular expression with a choice in its loop keeps a step for each
  // character, and gives up within a few MiB.
  const string = () => {
    if (text.charCodeAt(at) !== QUOTE) return false;
    for (let end = at + 1; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === QUOTE) {
        at = end + 1;
        return true;
      }
      if (code < FIRST_FREE) return false;
      if (code !== BACKSLASH) continue;
      end++;
      const escaped = text.charCodeAt(end);
      if (ESCAPED[escaped] === 1) continue;
      if (escaped !== LETTER_U) return false;
      for (let digit = 0; digit < 4; digit++) {
        if (HEX[text.charCodeAt(++end)] !== 1) return false;
      }
    }
    return false;
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
    } else if (!string() && !skip(SCALAR)) {
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

function codesOf(characters: string): Uint8Array {
  const codes = new Uint8Array(128);
  for (const character of characters) codes[character.charCodeAt(0)] = 1;
  return codes;
}
