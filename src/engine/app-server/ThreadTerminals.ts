/** The background terminals of one handle to a thread. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Terminal from "../../domain/Terminal.ts"
import type * as Engine from "../Engine.ts"
import type * as AppServerSession from "./AppServerSession.ts"
import * as BackgroundTerminals from "./BackgroundTerminals.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import type { RpcRequestError } from "./JsonRpcConnection.ts"

/** How many characters of output wait for a slow consumer. */
const maxWaitingOutput = 1024 * 1024

interface Handle {
  /** The thread has another id on a process on which it had to start again. */
  readonly current: () => { readonly session: AppServerSession.Session; readonly threadId: ThreadId }
  /** Completes when the scope of the handle closes. */
  readonly closed: Deferred.Deferred<never, CodexError.TurnInterrupted>
  readonly closedError: () => CodexError.InvalidRequest
}

/** Returns the events of a thread from now on. Output for which a slow consumer has no room is dropped with a mark. */
const events = (
  registry: BackgroundTerminals.Registry,
  threadId: ThreadId
): Stream.Stream<Terminal.TerminalEvent> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Queue.unbounded<Terminal.TerminalEvent, Cause.Done>()
      let waiting = 0
      let omitted = 0
      const unsubscribe = registry.subscribe(threadId, (event) => {
        if (event?._tag !== "TerminalOutput") {
          if (event === undefined) Queue.endUnsafe(queue)
          else Queue.offerUnsafe(queue, event)
          return
        }
        if (waiting + event.delta.length > maxWaitingOutput) {
          omitted += event.delta.length
          return
        }
        const mark = omitted === 0 ? "" : `\n[effect-codex omitted ${omitted} characters]\n`
        omitted = 0
        const delta = mark + event.delta
        waiting += delta.length
        Queue.offerUnsafe(queue, { ...event, delta })
      })
      yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
      return Stream.fromQueue(queue).pipe(
        Stream.tap((event) =>
          Effect.sync(() => {
            if (event._tag === "TerminalOutput") waiting -= event.delta.length
          })
        )
      )
    })
  )

export const make = ({ closed, closedError, current }: Handle): Engine.EngineTerminals => {
  /** Sends a request if the thread is open. The commands of a process that has ended have ended with it. */
  const request = <A>(
    method: string,
    ended: A,
    send: (
      process: AppServerSession.Session["process"],
      threadId: ThreadId
    ) => Effect.Effect<A, RpcRequestError>
  ): Effect.Effect<A, CodexError.RequestError> =>
    Effect.suspend((): Effect.Effect<A, CodexError.RequestError> => {
      if (Deferred.isDoneUnsafe(closed)) return Effect.fail(closedError())
      const { session, threadId } = current()
      const { process } = session
      if (!process.isUsable()) return Effect.succeed(ended)
      return Effect.mapError(send(process, threadId), (error) =>
        ErrorMapping.fromRpcError(method, error, process.end)
      )
    })

  return {
    list: request("thread/backgroundTerminals/list", [], BackgroundTerminals.list),
    terminate: (processId) =>
      request("thread/backgroundTerminals/terminate", false, (process, threadId) =>
        BackgroundTerminals.terminate(process, threadId, processId)
      ),
    clean: request("thread/backgroundTerminals/clean", undefined, BackgroundTerminals.clean),
    watch: Stream.suspend(() => {
      if (Deferred.isDoneUnsafe(closed)) return Stream.fail(closedError())
      const { session, threadId } = current()
      return session.process.isUsable()
        ? Stream.interruptWhen(events(session.terminals, threadId), Effect.ignore(Deferred.await(closed)))
        : Stream.empty
    })
  }
}
