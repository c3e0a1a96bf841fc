/**
 * The public API of Tsunicorn, all of it.
 */
export { defineConfig } from "./config/define-config.ts";
export type { Settings, TsunicornConfig } from "./config/settings.ts";
export { DirtyApp } from "./dirty/app.ts";
export type { CallOptions } from "./dirty/call.ts";
export { type DirtyAppStatus, DirtyClient, type DirtyStatus, getDirtyClient } from "./dirty/client.ts";
export type { DirtyRequest } from "./dirty/request.ts";
export { dirty } from "./dirty/typed-client.ts";
export type { DirtyActions, DirtyAppClient, DirtyResult, DirtyStream } from "./dirty/types.ts";
export { getLogger } from "./process/logger.ts";
export {
  DirtyAppError,
  DirtyAppNotFoundError,
  DirtyConnectionError,
  DirtyDrainingError,
  DirtyError,
  DirtyNoWorkersAvailableError,
  DirtyProtocolError,
  DirtyQueueFullError,
  DirtyQueueTimeoutError,
  DirtyTimeoutError,
  DirtyWorkerError,
} from "./protocol/errors.ts";
