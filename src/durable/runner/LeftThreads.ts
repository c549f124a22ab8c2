/**
 * Ends what an engine still runs of threads that have moved to another engine. An engine that no worker reached for a while
 * can come back, and would do the same work a second time.
 */
import * as Effect from "effect/Effect"
import * as Policy from "../../approval/Policy.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as ThreadActivity from "../../engine/ThreadActivity.ts"
import * as ToolJournal from "../../tool/ToolJournal.ts"
import type { Store } from "../store/Store.ts"
import type { RunnerThreads } from "./ThreadOpening.ts"

type Threads = Pick<RunnerThreads, "request" | "resume">

/** Starts no tool, and gives no answer. */
const nothing: ToolJournal.ToolJournal = {
  find: () => Effect.never,
  begin: () => Effect.never,
  done: () => Effect.never
}

/** Interrupts the running turn of a thread. Meanwhile its approvals get no answer, and its tools are called with `journal`. */
export const interrupt = (
  threads: Pick<Threads, "resume">,
  id: ThreadId,
  journal: ToolJournal.ToolJournal = nothing
): Effect.Effect<void, CodexError.StartError> =>
  Effect.flatMap(threads.resume(id, {}), ({ interrupt }) => interrupt).pipe(
    Effect.scoped,
    Effect.provideService(Policy.Current, () => Effect.never),
    Effect.provideService(ToolJournal.Current, journal)
  )

/** Interrupts the turn of a thread if the engine runs one. A thread that the engine has not loaded stays so. */
const endTurn = (threads: Threads, id: ThreadId) =>
  threads.request("thread/read", { threadId: id, includeTurns: false }).pipe(
    Effect.flatMap((reply) => (ThreadActivity.isActive(reply) ? interrupt(threads, id) : Effect.void)),
    // The engine does not know the thread.
    Effect.catchTag("InvalidRequest", () => Effect.void)
  )

/** Ends what the engine still runs of threads that have moved. It is asked again about those that fail. */
export const end = (
  { engines }: Pick<Store["Service"], "engines">,
  { name, threads }: { readonly name: string; readonly threads: Threads }
): Effect.Effect<void, CodexError.StartError | StorageUnavailable> =>
  Effect.flatMap(engines.left(name), (ids) =>
    Effect.forEach(ids, (id) => Effect.andThen(endTurn(threads, id), engines.forgetLeft(name, id)), {
      discard: true
    })
  )
