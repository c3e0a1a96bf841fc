/** One server-sent event. */
export interface StreamedEvent {
  /** "message" where the event does not say. */
  readonly type: string;
  readonly data: unknown;
}

/** Reads server-sent events whose data is JSON, as they come. Leaving the loop closes the connection. */
export async function* readEvents(response: Response): AsyncGenerator<StreamedEvent> {
  if (response.body === null) throw new Error(`status ${response.status} without a body`);
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { type: field("event") ?? "message", data: JSON.parse(field("data") ?? "null") };
    }
  }
}
