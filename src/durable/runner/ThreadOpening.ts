/**
 * Opens the thread of a durable turn: a new one, the one that Codex has stored, or a copy of one whose engine is lost with its
 * machine.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Codex, ThreadOptions } from "../../Codex.ts"
import type { Budget, BudgetUsage } from "../../domain/Budget.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type { Thread } from "../../Thread.ts"
import type { ThreadRow, TurnRow } from "../store/Rows.ts"
import type { Store } from "../store/Store.ts"
import * as Rollouts from "./Rollouts.ts"
import * as SpentEarlier from "./SpentEarlier.ts"
import { Workspace } from "./Workspace.ts"

type OpenOptions = Omit<ThreadOptions, "tools">

/** Opens threads of Codex. */
export interface RunnerThreads extends Pick<Codex["Service"], "home" | "request"> {
  readonly start: (options: OpenOptions) => Effect.Effect<Thread, CodexError.StartError, Scope.Scope>
  readonly resume: (
    id: ThreadId,
    options: OpenOptions
  ) => Effect.Effect<Thread, CodexError.StartError, Scope.Scope>
}

/** What opens the thread of a turn. */
export interface OpeningContext {
  readonly store: Store["Service"]
  readonly threads: RunnerThreads
  /** The name of the engine. */
  readonly engine: string
  /** What the turn has used on engines that died. */
  readonly spent: BudgetUsage
  /** Called when the engine does not have the thread, so that its history may lack attempts that have started. */
  readonly onHistoryLost: () => void
}

const budgetOf = ({ options: { budget } }: TurnRow, spent: BudgetUsage): { readonly budget?: Budget } => {
  if (budget === undefined) return {}
  const { timeMillis, ...rest } = SpentEarlier.remaining(budget, spent)
  return { budget: timeMillis === undefined ? rest : { ...rest, time: Duration.millis(timeMillis) } }
}

/** Writes the thread below the home of this engine. Returns whether the database has a copy of it. */
const copyHere = Effect.fnUntraced(function* (
  { store, threads }: OpeningContext,
  { rolloutPath }: ThreadRow,
  id: ThreadId
): Effect.fn.Return<boolean, CodexError.CodexError | StorageUnavailable> {
  if (rolloutPath === null) return false
  const home = yield* threads.home
  return home !== undefined && (yield* Rollouts.restore(store, id, rolloutPath, home))
})

/** Opens the thread of a turn. `thread` is its newest row. */
export const open = Effect.fnUntraced(function* (
  context: OpeningContext,
  row: TurnRow,
  thread: ThreadRow,
  /** Runs when the thread has moved from another engine. */
  onMoved: Effect.Effect<void>
): Effect.fn.Return<Thread, CodexError.CodexError | StorageUnavailable, Scope.Scope> {
  const { engine, store, threads } = context
  const cwd = yield* (yield* Workspace)({ thread: thread.id, cwd: row.threadOptions.cwd })
  const options = {
    // Those of the submission: a later one may have changed the options of the thread.
    ...row.threadOptions,
    cwd,
    // The budget of the thread counts a turn from its start, also one that an earlier runner started.
    ...budgetOf(row, context.spent)
  } as const
  const isHere = (thread: Thread) =>
    // Before the first turn starts, so that the next runner finds it.
    store.threadStarted(row.key, row.epoch, { codexThreadId: thread.id, engine })
  const start = Effect.tap(threads.start(options), isHere)
  const { codexThreadId: id } = thread
  if (id === null) return yield* start
  const resume = threads.resume(id, options)
  const hasMoved = thread.engine !== null && thread.engine !== engine
  // The thread may have been on this engine before, with an older conversation.
  if (hasMoved) yield* copyHere(context, thread, id)
  const opened = yield* Effect.catchIf(
    resume,
    (error) => error._tag === "InvalidRequest" && error.reason === "ThreadNotFound",
    Effect.fnUntraced(function* (error) {
      // Before the thread can be resumed: what it lacks then may have run.
      yield* store.historyLost(row.key, row.epoch)
      context.onHistoryLost()
      if (!hasMoved && (yield* copyHere(context, thread, id))) return yield* resume
      // Codex stores a thread with its first turn: an engine or its machine died before.
      return yield* (yield* store.isFirstStart(row)) ? start : Effect.fail(error)
    })
  )
  if (hasMoved) yield* Effect.andThen(isHere(opened), onMoved)
  return opened
})
