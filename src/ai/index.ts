export * as CodexLanguageModel from "./CodexLanguageModel.ts"
export { CodexSessions, type CodexSessionsOptions } from "./CodexSessions.ts"
export type { CodexErrorMetadata } from "./AiErrors.ts"
