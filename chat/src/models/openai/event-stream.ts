import { createParser, type ParseError } from "eventsource-parser";
import { ModelError } from "../model-error.ts";

/** The most characters of an event, or of an answer in one piece, that are kept. A chunk of an answer has some hundred. */
const MOST_KEPT = 4 * 1024 * 1024;

/** What an answer ends with, as data. */
export const DONE = "[DONE]";

/** An event of an upstream's answer. */
export interface UpstreamEvent {
  readonly data: string;
  /** Its name, where it has one. */
  readonly event?: string | undefined;
  /** Whether the stream ended without the empty line behind it, so that its data may be in part. */
  readonly isCut?: boolean;
}

/**
 * The server-sent events of an answer, those that arrived together in one list. Comments are passed over. The last event
 * may lack the empty line behind it.
 *
 * An upstream that knows no streams answers with one JSON document. It becomes one event, and {@link DONE} behind it.
 *
 * @throws ModelError `upstream_failed` where something without an end is more than is kept.
 */
export async function* eventsOf(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly UpstreamEvent[], void, undefined> {
  // It takes a byte order mark away.
  const decoder = new TextDecoder();
  let events: UpstreamEvent[] = [];
  let overflow: ParseError | undefined;
  const parser = createParser({
    maxBufferSize: MOST_KEPT,
    onEvent: (event) => events.push(event),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") overflow = error;
    },
  });
  let begun = false;
  let document: string | undefined;
  for await (const bytes of body) {
    const text = decoder.decode(bytes, { stream: true });
    if (!begun) {
      const first = text.trimStart()[0];
      if (first === undefined) continue;
      begun = true;
      // No field of an event begins like this.
      if (first === "{" || first === "[") document = "";
    }
    if (document === undefined) {
      parser.feed(text);
      if (overflow !== undefined) throw tooLong("an event", overflow);
      if (events.length === 0) continue;
      yield events;
      events = [];
    } else {
      document += text;
      if (document.length > MOST_KEPT) throw tooLong("an answer in one piece");
    }
  }
  if (document !== undefined) {
    yield [{ data: document + decoder.decode() }, { data: DONE }];
    return;
  }
  parser.feed(`${decoder.decode()}\n\n`);
  if (events.length > 0) yield events.map((event) => ({ ...event, isCut: true }));
}

function tooLong(what: string, cause?: Error): ModelError {
  return new ModelError(
    "upstream_failed",
    `the upstream sends ${what} of more than ${MOST_KEPT} characters, which is not kept`,
    { cause },
  );
}
