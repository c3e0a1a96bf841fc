import { EventSourceParserStream } from "eventsource-parser/stream";

/** One server-sent event. */
export interface StreamedEvent {
  /** "message" where the event does not say. */
  readonly type: string;
  readonly data: unknown;
}

/** Reads server-sent events whose data is JSON, as they come. Leaving the loop closes the connection. */
export async function* readEvents(response: Response): AsyncGenerator<StreamedEvent> {
  if (response.body === null) throw new Error(`status ${response.status} without a body`);
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { event = "message", data } of events) yield { type: event, data: JSON.parse(data) };
}
