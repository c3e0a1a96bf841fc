import { useSyncExternalStore } from "react";
import { chatServer } from "../server/chat-server.ts";
import { chatStore } from "../store/chat-store.ts";
import type { StorageState } from "../store/storage.ts";

const { watch } = chatServer;
const { storage } = chatStore;

/** Whether the server cannot be reached at the moment. */
export function useServerGone(): boolean {
  return useSyncExternalStore(watch.subscribe, () => watch.isGone);
}

/** Where the conversations are kept. */
export function useStorageState(): StorageState {
  return useSyncExternalStore(storage.subscribe, () => storage.state);
}
