type Token = string | CharacterSet | typeof ANY | typeof MANY;

interface CharacterSet {
  readonly negated: boolean;
  readonly ranges: readonly Range[];
}

/** Two characters, and all between. */
type Range = readonly [from: string, to: string];

/** Bits of a word. */
const WORD = 32;

/** `?` */
const ANY = Symbol("any");
/** `*` */
const MANY = Symbol("many");

/**
 * Compiles a pattern as Gunicorn's `keys` takes them: `*`, `?`, `[a-z]` and `[!a-z]`, each character that of the
 * key, upper and lower case apart; `[*]` stands for a star. It is matched by hand: as a regular expression, a few
 * stars could hold this process for minutes.
 *
 * A character of a key takes a step for each 32 of the pattern, whatever they are: see {@link globSteps}.
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
  const matcher = new Matcher(tokens);
  return (key) => matcher.matches(key);
}

/** Steps that a key takes to be compared with a pattern, at most. */
export function globSteps(pattern: string, key: string): number {
  return (key.length + 1) * Math.ceil((pattern.length + 1) / WORD);
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

function rangesOf(characters: readonly string[]): Range[] {
  const ranges: Range[] = [];
  for (let at = 0; at < characters.length; at++) {
    const from = characters[at] ?? "";
    const to = characters[at + 1] === "-" ? characters[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return ranges;
}

/**
 * Follows all ways through a pattern at once. A bit says whether what was read of a key matches that many tokens of the
 * pattern; the next character moves the bits of those that it fits on by one, and those in front of a star stay as well.
 */
class Matcher {
  private readonly tokens: readonly Exclude<Token, typeof MANY>[];
  /** The bits behind which a star stands. */
  private readonly stars: Uint32Array;
  private readonly state: Uint32Array;
  /** Code points at which other tokens may fit than just below. */
  private readonly bounds: readonly number[];
  /** What the characters from each bound on fit, as far as that was needed. */
  private readonly fitting: (Uint32Array | undefined)[] = [];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens.filter((token) => token !== MANY);
    const words = Math.ceil((this.tokens.length + 1) / WORD);
    this.state = new Uint32Array(words);
    this.stars = new Uint32Array(words);
    let bit = 0;
    for (const token of tokens) {
      if (token === MANY) setBit(this.stars, bit);
      else bit++;
    }
    const bounds = new Set([0]);
    for (const [from, to] of this.tokens.flatMap(rangesIn)) {
      bounds.add(codeOf(from));
      bounds.add(codeOf(to) + 1);
    }
    this.bounds = [...bounds].sort((a, b) => a - b);
  }

  matches(key: string): boolean {
    const { state, stars } = this;
    state.fill(0);
    state[0] = 1;
    for (const character of key) {
      const fitting = this.fittingOf(codeOf(character));
      let carry = 0;
      let alive = 0;
      for (let word = 0; word < state.length; word++) {
        const bits = state[word] ?? 0;
        const next = (((bits << 1) | carry) & (fitting[word] ?? 0)) | (bits & (stars[word] ?? 0));
        carry = bits >>> (WORD - 1);
        state[word] = next;
        alive |= next;
      }
      if (alive === 0) return false;
    }
    const all = this.tokens.length;
    return (((state[Math.floor(all / WORD)] ?? 0) >>> (all % WORD)) & 1) === 1;
  }

  /** The bits behind the tokens that a character fits. */
  private fittingOf(code: number): Uint32Array {
    const { bounds, fitting } = this;
    let from = 0;
    let to = bounds.length;
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if ((bounds[middle] ?? 0) <= code) from = middle;
      else to = middle;
    }
    const known = fitting[from];
    if (known !== undefined) return known;
    const made = new Uint32Array(this.state.length);
    for (const [at, token] of this.tokens.entries()) {
      if (fits(token, bounds[from] ?? 0)) setBit(made, at + 1);
    }
    fitting[from] = made;
    return made;
  }
}

function setBit(bits: Uint32Array, at: number): void {
  const word = Math.floor(at / WORD);
  bits[word] = (bits[word] ?? 0) | (1 << (at % WORD));
}

function rangesIn(token: Exclude<Token, typeof MANY>): readonly Range[] {
  if (typeof token === "string") return [[token, token]];
  return token === ANY ? [] : token.ranges;
}

function fits(token: Exclude<Token, typeof MANY>, code: number): boolean {
  if (typeof token === "string") return codeOf(token) === code;
  if (token === ANY) return true;
  const found = token.ranges.some(([from, to]) => codeOf(from) <= code && code <= codeOf(to));
  return found !== token.negated;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
