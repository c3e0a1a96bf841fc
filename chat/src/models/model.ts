/** What a model is asked for. */
export interface GenerateRequest {
  /** The user's message, as sent. */
  readonly prompt: string;
  /** Whether the answer begins with a visible thinking phase. */
  readonly thinking: boolean;
}

/** The one interface that every model of the chat stands behind. */
export interface Model {
  /**
   * Streams the answer to one request. Joined, the tokens are the exact text.
   *
   * @param request what to answer.
   * @param signal ends the stream at once when aborted: the iteration then throws the signal's reason, so
   *   that an answer cut short is never taken for a whole one.
   */
  stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<string, void, undefined>;
}
