/**
 * Turns that outlive the process that asked for them: submitted to a database, run by a worker, watched and answered from
 * anywhere.
 *
 * @module effect-codex/durable
 */
export type { DurableAnswer, DurableApprovalFilter, DurableApprovals } from "./ClientApprovals.ts"
export { Durable, type DurableTurnFilter, type SubmitOptions } from "./Durable.ts"
export { DurableCrash, type CrashStep, type CrashTarget } from "./DurableCrash.ts"
export { DurableInput, DurableThreadOptions, Recovery } from "./DurableInput.ts"
export { DurableApproval, DurableApprovalStatus, DurableTurnRecord } from "./DurableRecords.ts"
export * as DurableThread from "./DurableThread.ts"
export { Pruned, type RetentionPolicy } from "./store/Pruning.ts"
export { DurableTurnStatus } from "./store/Rows.ts"
export { DurableRunner, RunnerEvent, type RunnerOptions } from "./runner/DurableRunner.ts"
export { Engines, type EngineOptions } from "./runner/Engines.ts"
export { Workspace, type WorkspaceRequest } from "./runner/Workspace.ts"
