import type { GenerateOptions } from "../model.ts";
import type { RepeatPenalty, Token } from "./package.ts";

/**
 * How tokens become less likely that the answer has already, as OpenAI's API means it.
 *
 * @param said the answer's tokens so far; who chooses the next one adds it.
 * @param most the most tokens that the answer may have.
 * @returns undefined where a request asks for nothing of that.
 */
export function repeatPenaltyOf(
  { frequencyPenalty = 0, presencePenalty = 0 }: GenerateOptions,
  said: Token[],
  most: number,
): RepeatPenalty | undefined {
  if (frequencyPenalty === 0 && presencePenalty === 0) return undefined;
  return {
    punishTokens: () => said,
    maxPunishTokens: most,
    // llama.cpp's own penalty, which node-llama-cpp would use unless told otherwise: 1 turns it off.
    penalty: 1,
    frequencyPenalty,
    presencePenalty,
  };
}
