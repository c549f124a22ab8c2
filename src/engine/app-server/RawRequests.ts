/** Sends the requests of the caller, and ends what a request started when the caller no longer waits for it. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as RequestEndings from "./RequestEndings.ts"

export interface RawRequests {
  /** Without `timeout`, a method that may take long has no deadline, and any other has that of the connection. */
  readonly send: (
    method: string,
    params: unknown,
    timeout?: Duration.Input | undefined
  ) => Effect.Effect<unknown, JsonRpcConnection.RpcRequestError>
}

/** How long the end of a request may hold up its caller. */
const endGrace = "2 seconds"
/** How long to wait for the reply to a request that its caller left. */
const replyGrace = "30 seconds"

// Codex refuses to end what it has not started yet: it refuses `turn/interrupt` before `turn/started`.
const endSchedule = Schedule.exponential("50 millis").pipe(Schedule.upTo({ times: 5 }))

/** Makes the sender for a connection. What it does in the background ends with the scope. */
export const make = (
  connection: JsonRpcConnection.Connection,
  requestTimeout: Duration.Duration,
  scope: Scope.Scope
): RawRequests => {
  let commands = 0

  const end = (request: RequestEndings.EndRequest | undefined): Effect.Effect<void> =>
    request === undefined
      ? Effect.void
      : connection
          .request(request.method, request.params ?? {}, { timeout: "5 seconds" })
          .pipe(
            Effect.retry({ schedule: endSchedule, while: (error) => error._tag === "RpcError" }),
            Effect.ignore
          )

  /** Runs an effect that continues in the background if it takes longer than its caller may wait. */
  const inBackground = (effect: Effect.Effect<void>) =>
    Effect.forkIn(effect, scope, { startImmediately: true }).pipe(
      Effect.flatMap(Fiber.await),
      Effect.timeoutOption(endGrace),
      Effect.asVoid
    )

  const wasLeft = (exit: Exit.Exit<unknown, JsonRpcConnection.RpcRequestError>) =>
    Exit.isFailure(exit) &&
    (Cause.hasInterrupts(exit.cause) ||
      exit.cause.reasons.some(
        (reason) => Cause.isFailReason(reason) && reason.error._tag === "RequestTimeout"
      ))

  return {
    send: (method, given, timeout) =>
      Effect.suspend(() => {
        const ending = RequestEndings.of(method)
        const params = RequestEndings.withProcessId(method, given, `effect-codex-${++commands}`)
        const isLong = RequestEndings.isUnlimited(method)
        const limit = Duration.fromInputUnsafe(timeout ?? (isLong ? Infinity : requestTimeout))
        let sent: number | undefined
        const onSend = (id: number) => void (sent = id)
        const abandoned = () => (sent === undefined ? undefined : { id: sent, params })

        if (ending === undefined) return connection.request(method, params, { timeout: limit, isLong })

        if (ending._tag === "Now")
          return connection.request(method, params, { timeout: limit, isLong, onSend }).pipe(
            Effect.onExit((exit) => {
              const request = wasLeft(exit) ? abandoned() : undefined
              return request === undefined ? Effect.void : inBackground(end(ending.end(request)))
            })
          )

        // The reply names what has to be ended, so the request itself goes on when its caller leaves.
        return Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const replying = yield* connection
              .request(method, params, { timeout: Infinity, isLong, onSend })
              .pipe(Effect.forkIn(scope, { startImmediately: true }))
            const endReply = Effect.flatMap(Fiber.await(replying), (reply) => {
              const request = abandoned()
              return Exit.isSuccess(reply) && request !== undefined
                ? end(ending.end(request, reply.value))
                : Effect.void
            })
            return yield* restore(JsonRpcConnection.withTimeout(method, limit, Fiber.join(replying))).pipe(
              Effect.onExit((exit) => {
                if (!wasLeft(exit)) return Effect.void
                const stop = Fiber.interrupt(replying)
                return sent === undefined
                  ? stop
                  : inBackground(Effect.timeoutOrElse(endReply, { duration: replyGrace, orElse: () => stop }))
              })
            )
          })
        )
      })
  }
}
