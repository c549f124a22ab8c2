/**
 * A `codex app-server` that runs in the background, in a session of its own, and outlives the programs that use it. The first
 * program starts it, later programs find it by its directory. When a program ends or is killed, its turns go on.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { join } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import * as Engine from "../engine/Engine.ts"
import * as HostTelemetry from "../instrumentation/HostTelemetry.ts"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import * as ControlSocket from "./ControlSocket.ts"
import * as HostClient from "./HostClient.ts"
import * as HostDirectory from "./HostDirectory.ts"
import * as HostGauges from "./HostGauges.ts"
import * as HostEngine from "./HostEngine.ts"
import * as HostedCodex from "./HostedCodex.ts"
import * as Schedule from "effect/Schedule"
import type { EngineHostOptions } from "./HostSettings.ts"
import * as HostState from "./HostState.ts"
import * as HostStatus from "./HostStatus.ts"

export type { EngineHostOptions } from "./HostSettings.ts"
export { HostGeneration, HostStatus } from "./HostStatus.ts"

/**
 * Why a host cannot be used.
 * @since 0.1.0
 * @category models
 */
export type EngineHostError =
  | CodexError.CodexNotFound
  | CodexError.CodexVersionUnsupported
  | CodexError.EngineStartFailed
  | CodexError.EngineUnreachable

const unreachable = (directory: string, detail: string) =>
  new CodexError.EngineUnreachable({
    reason: "NotConnected",
    endpoint: join(directory, "host.sock"),
    detail
  })

/** How long a host may take to end everything. */
const stopTimeout = "15 seconds"
const pollEnd = Schedule.spaced("20 millis")

const ask = (directory: string, request: ControlSocket.ControlRequest, timeout: Duration.Input) =>
  ControlSocket.send(directory, request).pipe(
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail("it does not answer") }),
    Effect.mapError((detail) => unreachable(directory, detail))
  )

/**
 * Returns what the host of a directory does; `None` if it does not run. Starts nothing.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { EngineHost } from "effect-codex"
 *
 * const isBusy = Effect.map(
 *   EngineHost.status("/var/lib/my-bot/codex-host"),
 *   Option.exists(({ runningTurns }) => runningTurns > 0)
 * )
 * ```
 */
export const status = (dir: string): Effect.Effect<Option.Option<HostStatus.HostStatus>, EngineHostError> =>
  Effect.gen(function* () {
    const directory = yield* HostDirectory.find(dir)
    if (directory === undefined) return Option.none()
    const me = yield* ProcessIdentity.self
    const state = yield* HostClient.running(directory, me)
    if (state === undefined) return Option.none()
    const reply = yield* ask(directory, { method: "status" }, HostClient.answerTimeout).pipe(
      // It has ended meanwhile.
      Effect.catch((error) =>
        Effect.flatMap(HostClient.running(directory, me), (now) =>
          now === undefined ? Effect.undefined : Effect.fail(error)
        )
      )
    )
    return reply?._tag === "Done" ? HostStatus.decode(reply.value) : Option.none()
  })

/**
 * Starts the host of a directory if it does not run, and returns its status when Codex answers.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { EngineHost } from "effect-codex"
 *
 * // Before the first turn, for example when a machine starts.
 * const warm = EngineHost.start({ dir: "/var/lib/my-bot/codex-host", idleTimeout: "1 hour" })
 * ```
 */
export const start = (options: EngineHostOptions): Effect.Effect<HostStatus.HostStatus, EngineHostError> =>
  Effect.gen(function* () {
    const { directory } = yield* HostClient.locate(options)
    const found = yield* status(directory)
    return Option.isSome(found)
      ? found.value
      : yield* unreachable(directory, "the engine host ended right after its start")
  })

/**
 * Ends the host of a directory, its turns, and all commands that they started. Returns whether something ran. A host whose
 * supervisor does not answer is killed.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { EngineHost } from "effect-codex"
 *
 * const end = EngineHost.stop("/var/lib/my-bot/codex-host")
 * ```
 */
export const stop = (dir: string): Effect.Effect<boolean, EngineHostError> =>
  Effect.gen(function* () {
    const directory = yield* HostDirectory.find(dir)
    if (directory === undefined) return false
    const me = yield* ProcessIdentity.self
    const state = yield* HostState.read(directory)
    // A supervisor whose state file is damaged knows its processes nevertheless.
    if (state === undefined)
      return Option.isSome(yield* Effect.option(ask(directory, { method: "stop" }, stopTimeout)))
    const isRunning = (yield* HostClient.running(directory, me)) !== undefined
    if (isRunning) yield* Effect.ignore(ask(directory, { method: "stop" }, stopTimeout))
    const isLive = Effect.map(ProcessIdentity.state(state.supervisor, me), (status) => status === "live")
    yield* isLive.pipe(
      Effect.repeat({ until: (live) => !live, schedule: pollEnd }),
      Effect.timeoutOption("2 seconds")
    )
    if (yield* isLive) yield* Effect.ignore(Effect.try(() => process.kill(state.supervisor.pid, "SIGKILL")))
    // What a supervisor has left that was killed.
    const left = yield* HostState.read(directory)
    yield* Effect.forEach(
      left?.generations ?? [],
      (generation) => HostedCodex.endGeneration(directory, generation, me),
      { concurrency: "unbounded", discard: true }
    )
    HostState.remove(directory)
    ControlSocket.remove(directory)
    return isRunning || (left?.generations.length ?? 0) > 0
  }).pipe(HostTelemetry.operation("stop"))

/**
 * Starts a new Codex for new turns. The old one goes on until its running turns have ended. Use it after an update of Codex or
 * of its configuration. Returns the status when the new Codex answers.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { EngineHost } from "effect-codex"
 *
 * // After `npm install @openai/codex`.
 * const update = EngineHost.drain({ dir: "/var/lib/my-bot/codex-host" })
 * ```
 */
export const drain = (options: EngineHostOptions): Effect.Effect<HostStatus.HostStatus, EngineHostError> =>
  Effect.gen(function* () {
    const directory = yield* HostDirectory.open(options.dir)
    const state = yield* HostClient.running(directory, yield* ProcessIdentity.self)
    if (state === undefined) return yield* start(options)
    const { codexPath } = options
    const reply = yield* ask(
      directory,
      { method: "drain", ...(codexPath === undefined ? {} : { codexPath }) },
      HostClient.drainTimeout(options)
    )
    if (reply._tag === "Failed") return yield* HostClient.startError(reply.error)
    return yield* start({ dir: options.dir })
  }).pipe(HostTelemetry.operation("drain"))

/**
 * The engine of a host. It finds the host of `dir`, or starts it, when the first thread needs it. Running turns, waiting
 * approvals and background commands outlive this process, and a later process finds them under the ids of their threads.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Codex, EngineHost } from "effect-codex"
 *
 * const CodexLive = Codex.layer.pipe(
 *   Layer.provide(EngineHost.layer({ dir: "/var/lib/my-bot/codex-host" }))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const codex = yield* Codex
 *   const thread = yield* codex.startThread()
 *   return yield* thread.run("fix the failing test")
 * }).pipe(Effect.scoped, Effect.provide(CodexLive))
 * ```
 */
export const layer = (options: EngineHostOptions): Layer.Layer<Engine.Engine> =>
  Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      yield* HostDirectory.protect(options.dir)
      yield* HostGauges.report(status(options.dir))
      return yield* HostEngine.make(options)
    })
  )
