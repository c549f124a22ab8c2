/**
 * Codex with promises, async iterators and `AbortSignal`, for scripts without Effect.
 *
 * @module effect-codex/promise
 */
export * from "../domain/CodexError.ts"
export type { EventLine as ThreadEvent, ItemLine as ThreadItem } from "../domain/EventJson.ts"
export * as Approval from "../Approval.ts"
export * as Review from "../domain/Review.ts"
export { ItemId, ThreadId, TurnId } from "../domain/Ids.ts"
export { PromiseCodex as Codex } from "./PromiseCodex.ts"
export type {
  ApproveRequest as Approve,
  CodexOptions,
  ConfigValue,
  Input,
  PromiseThreadOptions as ThreadOptions,
  PromiseTurnOptions as TurnOptions,
  UserInput
} from "./PromiseOptions.ts"
export { PromiseThread as Thread, type PromiseTurn as Turn, type StreamedTurn } from "./PromiseThread.ts"
export { type PromiseTool as Tool, tool, type ToolDefinition } from "./PromiseTool.ts"
