import { getHeapStatistics } from "node:v8";
import type { FastifyRequest } from "fastify";
import { wholeNumber } from "./models/whole-number.ts";

const MIB = 1024 * 1024;

/** The most that the bodies of all requests in progress may have together, in one HTTP worker. */
const MOST_IN_ALL = 256 * MIB;

/** The most bytes that the body of a request may have. */
export interface BodyLimits {
  /** On `/chat` and `/chat/sync`. */
  readonly chat: number;
  /** On the routes of `/v1`, where a conversation may hold long documents. */
  readonly v1: number;
  /** Of all requests in progress together. */
  readonly inAll: number;
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
 * All bodies together may have 256 MiB, but no more than a quarter of the heap, where they are texts of up to twice
 * their bytes; and as much as one body may have, or that would never find room.
 *
 * @param heap bytes that the heap may have.
 * @throws Error that names a variable that is not a whole number from 1 to 48.
 */
export function bodyLimits(
  env: NodeJS.ProcessEnv,
  heap: number = getHeapStatistics().heap_size_limit,
): BodyLimits {
  const chat = wholeNumber(env, "CHAT_BODY_MIB", 1, 1, 48) * MIB;
  const v1 = wholeNumber(env, "CHAT_V1_BODY_MIB", 16, 1, 48) * MIB;
  return { chat, v1, inAll: Math.max(chat, v1, Math.min(MOST_IN_ALL, Math.floor(heap / 4))) };
}

/** The limit of a request's route, as a message says it. */
export function bodyLimitOf({ routeOptions }: FastifyRequest): string {
  return `${routeOptions.bodyLimit / MIB} MiB`;
}
