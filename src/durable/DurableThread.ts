/** A durable thread: a conversation whose turns are submitted to a database. */
import * as Effect from "effect/Effect"
import type { InvalidRequest } from "../domain/EngineErrors.ts"
import type { KeyReused, StorageUnavailable } from "../domain/StorageErrors.ts"
import { Durable, type DurableTurnFilter, type SubmitOptions } from "./Durable.ts"
import type { DurableInput, DurableThreadOptions } from "./DurableInput.ts"
import type { DurableTurnRecord } from "./DurableRecords.ts"

/**
 * A durable thread. Its turns run one at a time, in the order of their submission, whichever process submits them.
 * @since 0.1.0
 * @category models
 */
export interface DurableThread {
  readonly id: string
  /** Adds a turn to the queue of the thread and returns at once. */
  readonly submit: (
    input: DurableInput,
    options: Omit<SubmitOptions, "thread">
  ) => Effect.Effect<DurableTurnRecord, InvalidRequest | KeyReused | StorageUnavailable>
  /** Returns the turns of the thread, the newest first. */
  readonly turns: (
    filter?: Omit<DurableTurnFilter, "thread">
  ) => Effect.Effect<ReadonlyArray<DurableTurnRecord>, StorageUnavailable>
}

/**
 * Returns a handle of a durable thread. The application chooses the id, such as that of a ticket or a chat; the thread comes
 * into being with its first turn. `options` hold for every turn that does not name others.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { DurableThread } from "effect-codex/durable"
 *
 * const answerTicket = (ticket: string, message: string, messageId: string) =>
 *   Effect.gen(function* () {
 *     const thread = yield* DurableThread.make(`ticket-${ticket}`, { cwd: "/srv/app", sandbox: "read-only" })
 *     return yield* thread.submit(message, { key: messageId })
 *   })
 * ```
 */
export const make = (
  id: string,
  options: DurableThreadOptions = {}
): Effect.Effect<DurableThread, never, Durable> =>
  Effect.map(Durable, (durable) => ({
    id,
    submit: (input, turn) => durable.submit(input, { ...options, ...turn, thread: id }),
    turns: (filter) => durable.turns({ ...filter, thread: id })
  }))
