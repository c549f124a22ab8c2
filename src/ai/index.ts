/**
 * Codex as a language model for programs that use `effect/ai`.
 *
 * @module effect-codex/ai
 */
export * as CodexLanguageModel from "./CodexLanguageModel.ts"
export { CodexSessions, type CodexSessionsOptions } from "./CodexSessions.ts"
export type { CodexErrorMetadata } from "./AiErrors.ts"
