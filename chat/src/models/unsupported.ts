import { DirtyAppError } from "tsunicorn";
import type { GenerateOptions } from "./model.ts";

/** The name by which {@link UnsupportedRequestError} is known on the other side of the wire. */
export const UNSUPPORTED = "UnsupportedRequestError";

/**
 * A request that this model can never answer, so that its sender has to change it. Unlike of all other errors of a
 * model, its message is for the client.
 */
export class UnsupportedRequestError extends DirtyAppError {
  override readonly expected = true;

  /**
   * @param message what is not supported, for the client that sent the request.
   * @param param the field of OpenAI's API that asks for it, such as `tools`.
   * @param code for programs: `unsupported_parameter`, `context_length_exceeded` …
   */
  constructor(message: string, param?: string, code = "unsupported_parameter") {
    super(message, { details: param === undefined ? { code } : { code, param } });
    // Also when a bundler renames classes.
    this.name = UNSUPPORTED;
  }
}

/** What a model can do beside answering in text. */
export interface Abilities {
  readonly tools?: boolean;
  readonly json?: boolean;
}

/**
 * Refuses a request for what a model cannot do.
 *
 * @throws UnsupportedRequestError that names it.
 */
export function refuseUnsupported(
  options: GenerateOptions | undefined,
  { tools, json }: Abilities = {},
): void {
  // Tools that must not be called need no support.
  if (options?.tools !== undefined && options.toolChoice !== "none" && tools !== true) {
    throw new UnsupportedRequestError("This model does not support tools.", "tools");
  }
  if (options?.json !== undefined && json !== true) {
    throw new UnsupportedRequestError("This model does not support JSON output.", "response_format");
  }
}
