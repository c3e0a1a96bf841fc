import { Conversations } from "./conversations.ts";
import { Messages } from "./messages.ts";
import { PendingAnswers } from "./pending-answers.ts";
import { type Storage, storage } from "./storage.ts";

/** All that the browser keeps of the chat. */
export interface ChatStore {
  readonly storage: Storage;
  readonly conversations: Conversations;
  readonly messages: Messages;
  readonly pending: PendingAnswers;
}

/** The store in this storage. */
export function createChatStore(storage: Storage): ChatStore {
  return {
    storage,
    conversations: new Conversations(storage),
    messages: new Messages(storage),
    pending: new PendingAnswers(storage),
  };
}

/** The page's store. */
export const chatStore: ChatStore = createChatStore(storage);
