/**
 * Finds what a user most likely meant by a name that does not exist.
 *
 * @param prefix what all the names begin with, which tells nothing about how near they are.
 * @returns ` (did you mean NAME?)`, ready to follow a message, or nothing where no known name is near.
 */
export function didYouMean(unknown: string, known: readonly string[], prefix = ""): string {
  const word = plain(unknown.slice(prefix.length));
  let best: string | undefined;
  let least = Math.floor(word.length / 3) + 1;
  for (const name of known) {
    const distance = distanceBetween(word, plain(name.slice(prefix.length)));
    if (distance < least) [best, least] = [name, distance];
  }
  return best === undefined ? "" : ` (did you mean ${best}?)`;
}

/** `graceful_timeout`, `--graceful-timeout` and `gracefulTimeout` are the same word in another habit. */
function plain(name: string): string {
  return name.replace(/[-_]/g, "").toLowerCase();
}

/** A word that was begun right is nearer than any slip of the keys. */
function distanceBetween(unknown: string, name: string): number {
  return unknown.length >= 3 && name.startsWith(unknown) ? 1 : editDistance(unknown, name);
}

/** The number of letters to insert, drop or change, with two swapped neighbours counted as one change. */
function editDistance(from: string, to: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(
        at(current, column - 1) + 1,
        at(previous, column) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      );
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped && row > 1 && column > 1) cost = Math.min(cost, at(older, column - 2) + 1);
      current.push(cost);
    }
    older = previous;
    previous = current;
  }
  return at(previous, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
