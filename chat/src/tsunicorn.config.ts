import { defineConfig } from "tsunicorn";

/** How the chat is served; each setting can be overridden by its flag or TSUNICORN_* variable. */
export default defineConfig({
  name: "chat",
  bind: ["0.0.0.0:8000"],
  workers: 2,
  dirtyApps: ["./chat-app.ts:ChatApp"],
  dirtyWorkers: 1,
  dirtyTimeout: 60,
});
