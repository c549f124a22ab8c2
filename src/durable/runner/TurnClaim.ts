/** Takes a durable turn for a runner, and leaves it to the next one, with the span of the attempt. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as DurableTelemetry from "../../instrumentation/DurableTelemetry.ts"
import type * as Signal from "../../instrumentation/Signal.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type { ThreadRow, TurnRow } from "../store/Rows.ts"
import type { Store } from "../store/Store.ts"

interface ClaimContext {
  readonly store: Store["Service"]
  /** Identifies the runner. */
  readonly runner: string
  readonly programVersion: string | undefined
}

interface TakenTurn {
  readonly row: TurnRow
  readonly thread: ThreadRow
  readonly telemetry: DurableTelemetry.RunTelemetry
  /** Whether the runner takes the turn over from another one, which may not know it yet. */
  readonly isTakenOver: boolean
}

/** Returns why an attempt starts, from the row before it was claimed. */
const reasonOf = (before: TurnRow, runner: string): Signal.DurableReason => {
  if (before.runner === null) return "submitted"
  if (before.leftEpoch === before.epoch) return "worker_stopped"
  return before.runner === runner ? "storage_lost" : "worker_lost"
}

/**
 * Makes the runner the owner of a turn, and starts the span of its attempt, which ends with the scope. Returns `undefined` if
 * the turn has ended or does not exist.
 */
export const take = Effect.fnUntraced(function* (
  { programVersion, runner, store }: ClaimContext,
  key: string,
  journal: number
): Effect.fn.Return<TakenTurn | undefined, StorageUnavailable, Scope.Scope> {
  const before = yield* store.turn(key)
  if (before === undefined || before.endedAt !== null) return undefined
  const thread = yield* store.thread(before.threadId)
  if (thread === undefined) return undefined
  // The span starts before the claim, because the claim stores its id.
  const reason = reasonOf(before, runner)
  const telemetry = yield* Effect.acquireRelease(
    DurableTelemetry.startRun({
      key,
      thread: thread.id,
      userHash: thread.userHash,
      team: thread.team,
      traceParent: before.traceParent,
      previous: before.attemptTrace,
      submittedAt: before.submittedAt,
      attempt: before.attempts + 1,
      reason,
      worker: runner
    }),
    (telemetry, exit) => telemetry.close(exit)
  )
  const row = yield* store.claim(key, runner, { journal, program: programVersion }, telemetry.traceParent())
  if (row === undefined) return undefined
  yield* telemetry.claimed
  return { row, thread, telemetry, isTakenOver: reason === "worker_lost" }
})

/** Leaves a turn. The next attempt then knows that no worker was lost. */
export const leave = (
  { store }: ClaimContext,
  { epoch, key }: TurnRow,
  { left }: DurableTelemetry.RunTelemetry,
  isLost: boolean
): Effect.Effect<void> => (isLost ? Effect.void : Effect.andThen(Effect.ignore(store.left(key, epoch)), left))
