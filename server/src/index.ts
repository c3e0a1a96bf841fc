/**
 * The public API of Tsunicorn, all of it.
 */
export { defineConfig, type TsunicornConfig } from "./config/define-config.ts";
export type { ExitedWorker, HookServer, Hooks, HookWorker, ServerWorker } from "./config/hooks.ts";
export type { Settings } from "./config/settings.ts";
export { DirtyApp } from "./dirty/app.ts";
export type { CallOptions, ResumeOptions } from "./dirty/call-options.ts";
export { DirtyClient, getDirtyClient } from "./dirty/client.ts";
export type { DirtyAppStatus, DirtyStatus } from "./dirty/dirty-host.ts";
export type { DirtyRequest } from "./dirty/request.ts";
export {
  type Stash,
  type StashEntryOptions,
  type StashInfo,
  type StashTable,
  stash,
} from "./dirty/stash.ts";
export type { StashTableOptions } from "./dirty/stash-table-options.ts";
export { dirty } from "./dirty/typed-client.ts";
export type { DirtyActions, DirtyAppClient, DirtyResult, DirtyStream } from "./dirty/types.ts";
export { getLogger } from "./process/logger.ts";
export {
  DirtyAppError,
  DirtyAppNotFoundError,
  DirtyCancelledError,
  DirtyConnectionError,
  DirtyDrainingError,
  DirtyError,
  DirtyNoWorkersAvailableError,
  DirtyProtocolError,
  DirtyQueueFullError,
  DirtyQueueTimeoutError,
  type DirtyStatusCode,
  DirtyStreamGoneError,
  DirtyStreamNotFoundError,
  DirtyTimeoutError,
  DirtyWorkerError,
  StashError,
  StashFullError,
  StashTableNotFoundError,
} from "./protocol/errors.ts";
export { createStreamId } from "./protocol/stream-id.ts";
