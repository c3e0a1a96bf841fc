import type { FastifyRequest } from "fastify";
import { wholeNumber } from "./models/whole-number.ts";

const MIB = 1024 * 1024;

/** The most bytes that the body of a request may have. */
export interface BodyLimits {
  /** On `/chat` and `/chat/sync`. */
  readonly chat: number;
  /** On the routes of `/v1`, where a conversation may hold long documents. */
  readonly v1: number;
}

/**
 * Reads the limits.
 *
 * | variable | default | what |
 * |---|---|---|
 * | `CHAT_BODY_MIB` | `1` | the most MiB that a body may have on `/chat` and `/chat/sync` |
 * | `CHAT_V1_BODY_MIB` | `16` | the same on `/v1` |
 *
 * What a request says crosses to the model in one message, which has room for 48 MiB.
 *
 * @throws Error that names a variable that is no whole number from 1 to 48.
 */
export function bodyLimits(env: NodeJS.ProcessEnv): BodyLimits {
  return {
    chat: wholeNumber(env, "CHAT_BODY_MIB", 1, 1, 48) * MIB,
    v1: wholeNumber(env, "CHAT_V1_BODY_MIB", 16, 1, 48) * MIB,
  };
}

/** The limit of a request's route, as a message says it. */
export function bodyLimitOf({ routeOptions }: FastifyRequest): string {
  return `${routeOptions.bodyLimit / MIB} MiB`;
}
