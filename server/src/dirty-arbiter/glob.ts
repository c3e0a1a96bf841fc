type Token = string | CharacterSet | typeof ANY | typeof MANY;

interface CharacterSet {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [from: string, to: string])[];
}

/** `?` */
const ANY = Symbol("any");
/** `*` */
const MANY = Symbol("many");

/**
 * Compiles a pattern as Gunicorn's `keys` takes them: `*`, `?`, `[a-z]` and `[!a-z]`, each character that of the
 * key, upper and lower case apart; `[*]` stands for a star. It is matched by hand: as a regular expression, a few
 * stars could hold this process for minutes.
 * @returns whether a key matches the whole pattern.
 */
export function compileGlob(pattern: string): (key: string) => boolean {
  const tokens = parse(pattern);
  if (tokens.every((token) => typeof token === "string")) return (key) => key === pattern;
  const [last] = tokens.slice(-1);
  const head = tokens.slice(0, -1);
  if (last === MANY && head.every((token) => typeof token === "string")) {
    const prefix = head.join("");
    return (key) => key.startsWith(prefix);
  }
  return (key) => matches(tokens, key);
}

function parse(pattern: string): Token[] {
  const characters = [...pattern];
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "?") tokens.push(ANY);
    else if (character === "*") {
      if (tokens.at(-1) !== MANY) tokens.push(MANY);
    } else if (character === "[") {
      const negated = characters[at + 1] === "!";
      const from = at + (negated ? 2 : 1);
      // A bracket that closes right behind the opening one is a member of the set.
      const end = characters.indexOf("]", from + 1);
      if (end === -1) {
        tokens.push("[");
      } else {
        tokens.push({ negated, ranges: rangesOf(characters.slice(from, end)) });
        at = end;
      }
    } else tokens.push(character);
  }
  return tokens;
}

function rangesOf(characters: readonly string[]): [from: string, to: string][] {
  const ranges: [string, string][] = [];
  for (let at = 0; at < characters.length; at++) {
    const from = characters[at] ?? "";
    const to = characters[at + 1] === "-" ? characters[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return ranges;
}

// Goes back to the last star only: what an earlier one took does not matter once a later one was reached.
function matches(tokens: readonly Token[], key: string): boolean {
  let at = 0;
  let token = 0;
  let star = -1;
  let resume = 0;
  while (at < key.length) {
    const expected = tokens[token];
    const character = characterAt(key, at);
    if (expected === MANY) {
      star = token++;
      resume = at;
    } else if (expected !== undefined && fits(expected, character)) {
      token++;
      at += character.length;
    } else if (star !== -1) {
      resume += characterAt(key, resume).length;
      at = resume;
      token = star + 1;
    } else return false;
  }
  while (tokens[token] === MANY) token++;
  return token === tokens.length;
}

function fits(token: Exclude<Token, typeof MANY>, character: string): boolean {
  if (typeof token === "string") return token === character;
  if (token === ANY) return true;
  const code = character.codePointAt(0) ?? 0;
  const found = token.ranges.some(
    ([from, to]) => (from.codePointAt(0) ?? 0) <= code && code <= (to.codePointAt(0) ?? 0),
  );
  return found !== token.negated;
}

function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at) ?? 0;
  return code > 0xffff ? text.slice(at, at + 2) : (text[at] ?? "");
}
