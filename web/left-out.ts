// Stands in for libraries that this page's libraries import, and that never run here (see vite.config.ts): a quarter of
// the first load. For streamdown: an answer's HTML is shown as text, so nothing parses it, and there is nothing to clean: every element comes
// from Markdown, and addresses are checked by src/thread/addresses.ts. Looks are plain CSS, so no classes to merge.

function mustNotRun(): never {
  throw new Error("this plugin is left out of the page's build");
}

export default mustNotRun;
export const harden = mustNotRun;
export const defaultSchema = {};
export const twMerge = (classes: string): string => classes;

// For assistant-ui: its client of a service in the cloud. Conversations stay in the browser here.
export {
  mustNotRun as AssistantCloud,
  mustNotRun as CloudEngagementReporter,
  mustNotRun as CloudMessagePersistence,
  mustNotRun as CloudRunReporter,
  mustNotRun as createFormattedPersistence,
  mustNotRun as createRunTelemetryToolCall,
  mustNotRun as deriveRunOutcome,
  mustNotRun as describeRunError,
  mustNotRun as extractAISDKRunTelemetry,
  mustNotRun as extractRunTelemetryModelId,
  mustNotRun as normalizeRunTelemetryUsage,
  mustNotRun as readAnonymousRefreshToken,
  mustNotRun as truncateRunTelemetryText,
};
