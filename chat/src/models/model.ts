/** Something that was said in a conversation. */
export interface Message {
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
}

/** What a model is asked for. */
export interface GenerateRequest {
  /** The user's message, as sent. */
  readonly prompt: string;
  /** What was said before the prompt, oldest first; empty where a conversation begins. */
  readonly messages: readonly Message[];
  /** Whether the answer begins with a visible thinking phase. */
  readonly thinking: boolean;
  /**
   * The tokens of this answer that its reader has already, from a worker that died while it made them. Empty
   * where the answer begins.
   */
  readonly emitted: readonly string[];
}

/** The one interface that every model of the chat stands behind. */
export interface Model {
  /**
   * Streams the answer to one request. Joined, the tokens are the exact text.
   *
   * A request with `emitted` tokens is in mid-answer: the stream begins with the token after them. It repeats
   * none, it leaves none out, and it does not take again the time that they took. A model that draws its tokens
   * at random reads them as the beginning of its own answer and goes on from there, so it must look at the
   * tokens, and not only at their number. The thinking phase counts: its tokens are emitted like all others.
   *
   * @param request what to answer.
   * @param signal ends the stream at once when aborted: the iteration then throws the signal's reason, so
   *   that an answer cut short is never taken for a whole one.
   */
  stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<string, void, undefined>;
}
