import { createParser } from "eventsource-parser";

/** An event of a stream, or a comment. */
export interface EventPart {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  readonly data?: string;
  readonly comment?: string;
}

/**
 * What stands in a stream of server-sent events, in order.
 * @throws Error where the bytes are not written as the chat writes them: each field on one line, each line with one LF,
 *   an empty line behind each event and comment. Parsers forgive more than some clients do.
 */
export function partsOf(text: string): EventPart[] {
  const parts: EventPart[] = [];
  const parser = createParser({
    onEvent: (event) => parts.push(event),
    onComment: (comment) => parts.push({ comment }),
  });
  parser.feed(text);
  const written = parts.map(write).join("");
  if (written === text) return parts;
  let at = 0;
  while (at < text.length && text[at] === written[at]) at++;
  throw new Error(
    `not written as the chat writes: ${JSON.stringify(text.slice(Math.max(0, at - 40), at + 40))}`,
  );
}

/** The data of each event, read as JSON, but for `[DONE]` at the end. */
export function jsonOf(text: string) {
  return partsOf(text).flatMap(({ data }) =>
    data === undefined || data === "[DONE]" ? [] : [JSON.parse(data)],
  );
}

function write({ id, event, data, comment }: EventPart): string {
  if (comment !== undefined) return `: ${comment}\n\n`;
  return `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`;
}
