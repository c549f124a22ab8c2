/** Promises and streams that end when an `AbortSignal` is aborted. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** The signal of a stream is aborted. */
export class Aborted extends Data.TaggedError("Aborted") {}

/** Fails when the signal is aborted. */
const aborted = (signal: AbortSignal | undefined): Effect.Effect<never, Aborted> =>
  signal === undefined
    ? Effect.never
    : Effect.callback((resume) => {
        const abort = () => resume(Effect.fail(new Aborted()))
        if (signal.aborted) return abort()
        signal.addEventListener("abort", abort, { once: true })
        return Effect.sync(() => signal.removeEventListener("abort", abort))
      })

/**
 * Ends a stream when the signal is aborted, also while its reader does something else: a fiber runs the stream, so that its
 * resources are released at once. The reader then receives the few values that were ready, and `Aborted`.
 */
export const untilAborted = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  signal: AbortSignal | undefined
): Stream.Stream<A, E | Aborted, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const ready = yield* Queue.bounded<A, E | Aborted | Cause.Done>(1)
      yield* Stream.runForEach(stream, (value) => Queue.offer(ready, value)).pipe(
        Effect.raceFirst(aborted(signal)),
        Effect.onExit((exit) =>
          Exit.isSuccess(exit) ? Queue.end(ready) : Queue.failCause(ready, exit.cause)
        ),
        Effect.forkScoped({ startImmediately: true })
      )
      return Stream.fromQueue(ready)
    })
  )

/** Rejects with the reason of the signal as soon as it is aborted. The work behind the promise goes on. */
export const unlessAborted = <A>(promise: Promise<A>, signal: AbortSignal | undefined): Promise<A> => {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener("abort", abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort))
  })
}
