/** The route under test. */
export const CHAT = "/chat";

/** A request that both sides understand. Which answer it gets does not matter: its length is set. */
export const PROMPT = JSON.stringify({ prompt: "Please explain how this works" });
