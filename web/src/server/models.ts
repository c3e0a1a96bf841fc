import { type ChatServer, chatServer, request } from "./chat-server.ts";
import { member } from "./json.ts";

const WITHIN_MS = 10_000;

/**
 * The names of the server's models, the default first. None where the server cannot be reached, or is an older
 * one that does not tell.
 */
export async function listModels(signal: AbortSignal, server: ChatServer = chatServer): Promise<string[]> {
  try {
    const response = await request(server, "v1/models", { signal, headersWithinMs: WITHIN_MS });
    if (!response.ok) return [];
    const data = member(await response.json(), "data");
    if (!Array.isArray(data)) return [];
    const ids = data.map((model: unknown) => member(model, "id"));
    return ids.filter((id): id is string => typeof id === "string" && id !== "");
  } catch {
    return [];
  }
}
