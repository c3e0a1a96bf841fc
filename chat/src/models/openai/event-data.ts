/** The longest line that is taken; a chunk of an answer has some hundred characters. */
const MOST = 4 * 1024 * 1024;

/**
 * The data of each server-sent event of a stream. Comments and all other fields are passed over; an event that the end
 * of the stream cuts off is none.
 *
 * @throws Error where an event is longer than any should be.
 */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let held = "";
  let data: string[] = [];
  for await (const bytes of body) {
    held += decoder.decode(bytes, { stream: true });
    if (held.length > MOST) throw new Error("a line of the upstream's stream has no end");
    // A lone CR at the very end may be the first half of CRLF.
    const lines = held.split(/\r\n|\n|\r(?!$)/);
    held = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      }
    }
  }
}
