/**
 * Turns that outlive the process that asked for them: submitted to a database, run by a worker, watched and answered from
 * anywhere.
 *
 * @module effect-codex/durable
 */
export { DurableInput, DurableThreadOptions, Recovery } from "./DurableInput.ts"
export { DurableTurnStatus } from "./store/Rows.ts"
