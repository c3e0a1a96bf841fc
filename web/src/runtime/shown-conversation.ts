const HASH = /^#\/c\/([\w-]{1,64})$/;

/** The id of the conversation that the page's address names. */
export function shownConversation(): string | undefined {
  return HASH.exec(location.hash)?.[1];
}

/** Puts a conversation into the page's address, as a step that Back goes back over. */
export function showConversation(id: string | undefined): void {
  if (shownConversation() !== id) location.hash = hashOf(id);
}

/** Takes a conversation that is not there out of the page's address, without a step. */
export function forgetConversation(id: string): void {
  if (shownConversation() !== id) return;
  history.replaceState(history.state, "", hashOf(undefined));
  // Only a change of the hash by the user, or by assignment, is an event of its own.
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Calls back when the address changes, until the function that it returns is called. */
export function onShownConversation(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

function hashOf(id: string | undefined): string {
  return id === undefined ? "#/" : `#/c/${id}`;
}
