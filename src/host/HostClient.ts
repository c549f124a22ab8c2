/** Finds the host of a directory, or starts it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import type * as Transport from "../engine/app-server/Transport.ts"
import * as HostTelemetry from "../instrumentation/HostTelemetry.ts"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import * as CodexSockets from "./CodexSockets.ts"
import * as ControlSocket from "./ControlSocket.ts"
import * as HostDirectory from "./HostDirectory.ts"
import * as HostSettings from "./HostSettings.ts"
import * as HostState from "./HostState.ts"
import * as HostUpgrade from "./HostUpgrade.ts"
import * as SupervisorProcess from "./SupervisorProcess.ts"

/** Where a Codex of a host listens. */
export interface Located {
  readonly directory: string
  readonly generation: HostState.Generation
  readonly path: string
}

const lookEvery = "20 millis"

/** Returns the state of a host whose supervisor runs. */
export const running = Effect.fnUntraced(function* (directory: string, me: ProcessIdentity.Owner) {
  const state = yield* HostState.read(directory)
  if (state === undefined) return undefined
  const status = yield* ProcessIdentity.state(state.supervisor, me)
  if (status === "elsewhere")
    return yield* HostDirectory.badHost(
      directory,
      "its host runs in another container or on another machine; choose another directory"
    )
  return status === "live" ? state : undefined
})

/** Returns where a Codex listens, if it answers. */
const usable = Effect.fnUntraced(function* (
  directory: string,
  generation: HostState.Generation | undefined,
  me: ProcessIdentity.Owner
) {
  if (generation?.process === undefined || !generation.ready) return undefined
  if ((yield* ProcessIdentity.state(generation.process, me)) !== "live") return undefined
  const path = join(directory, generation.socket)
  if (!CodexSockets.belongsTo(path, generation.process.pid))
    return yield* new CodexError.EngineUnreachable({
      reason: "Refused",
      endpoint: path,
      detail: "another process listens on the socket of the engine host"
    })
  return { directory, generation, path }
})

/** Updates a host. Another program may have done so meanwhile. */
const apply = Effect.fnUntraced(function* (
  options: HostSettings.EngineHostOptions,
  upgrade: Exclude<HostUpgrade.Upgrade, { readonly _tag: "None" }>,
  { directory, generation }: Located
) {
  if (upgrade._tag === "Supervisor") {
    const report = yield* SupervisorProcess.start(HostSettings.make(options, directory, "replace"))
    if (report._tag === "Failed") return yield* startError(report.error)
    return
  }
  const { codexPath } = upgrade
  const reply = yield* ControlSocket.send(directory, {
    method: "drain",
    codexPath,
    generation: generation.id
  }).pipe(
    Effect.mapError(
      (detail) =>
        new CodexError.EngineUnreachable({
          reason: "NotConnected",
          endpoint: join(directory, "host.sock"),
          detail
        })
    )
  )
  if (reply._tag === "Failed") return yield* startError(reply.error)
})

/**
 * Returns where the Codex of a host listens, and waits until it answers. Starts the host if it does not run; fails then if
 * `mayStart` is false.
 */
export const locate = (
  options: HostSettings.EngineHostOptions,
  mayStart = true
): Effect.Effect<Located, Transport.ConnectError> =>
  Effect.gen(function* () {
    const directory = yield* HostDirectory.open(options.dir)
    const me = yield* ProcessIdentity.self
    const settings = HostSettings.make(options, directory, "start")
    let lastFailure = ""
    const look: Effect.Effect<Located, Transport.ConnectError> = Effect.gen(function* () {
      const state = yield* running(directory, me)
      if (state === undefined) {
        if (!mayStart)
          return yield* new CodexError.EngineStartFailed({
            reason: "Exited",
            detail: "the engine host was stopped"
          })
        const report = yield* SupervisorProcess.start(settings)
        if (report._tag === "Failed") return yield* startError(report.error)
        if (report._tag === "Other")
          lastFailure =
            "another supervisor has the directory, and its state file is missing or damaged; run effect-codex host stop"
      } else {
        if (HostSettings.isSpecific(options) && state.settings !== HostSettings.digest(settings))
          return yield* new CodexError.EngineStartFailed({
            reason: "HostConflict",
            path: directory,
            detail: "it runs with another config or env"
          })
        const found = yield* usable(directory, HostState.current(state), me)
        if (found !== undefined) {
          const upgrade = yield* HostUpgrade.check(options, directory, state, found.generation)
          if (upgrade._tag === "None") return found
          yield* apply(options, upgrade, found)
          return yield* look
        }
        lastFailure = state.failure ?? lastFailure
      }
      yield* Effect.sleep(lookEvery)
      return yield* look
    })
    const isRunning = (yield* running(directory, me)) !== undefined
    return yield* Effect.timeoutOption(look, HostSettings.startTimeoutOf(options)).pipe(
      Effect.flatMap(
        Option.match({
          onSome: Effect.succeed,
          onNone: () =>
            Effect.fail(
              new CodexError.EngineStartFailed({
                reason: "Timeout",
                detail: lastFailure === "" ? "the engine host has no Codex that answers" : lastFailure
              })
            )
        })
      ),
      HostTelemetry.operation(isRunning ? "attach" : "start")
    )
  })

/** Whether a Codex of a host runs. Starts and creates nothing. */
export const hasCodex = (dir: string): Effect.Effect<boolean, CodexError.EngineStartFailed> =>
  Effect.gen(function* () {
    const directory = yield* HostDirectory.find(dir)
    const state = directory === undefined ? undefined : yield* HostState.read(directory)
    const me = yield* ProcessIdentity.self
    for (const { process: owner } of state?.generations ?? [])
      if (owner !== undefined && (yield* ProcessIdentity.state(owner, me)) !== "gone") return true
    return false
  })

/** Returns the socket of a certain Codex of a host; `undefined` if it has ended. */
export const locateGeneration = (options: HostSettings.EngineHostOptions, id: number) =>
  Effect.gen(function* () {
    const directory = yield* HostDirectory.open(options.dir)
    const state = yield* HostState.read(directory)
    const generation = state?.generations.find((each) => each.id === id)
    return generation === undefined
      ? undefined
      : (yield* usable(directory, generation, yield* ProcessIdentity.self))?.path
  })

/** Whether a Codex of a host refuses new turns. */
export const isDraining = (options: HostSettings.EngineHostOptions, id: number) =>
  Effect.map(draining(options), (ids) => ids.includes(id))

/** Returns the ids of the Codex processes that refuse new turns and finish their running ones. */
export const draining = (options: HostSettings.EngineHostOptions) =>
  Effect.gen(function* () {
    const state = yield* HostState.read(yield* HostDirectory.open(options.dir))
    return (state?.generations ?? []).flatMap(({ draining, id }) => (draining ? [id] : []))
  })

/** Fails with the error of a supervisor. */
export const startError = (error: CodexError.CodexError): Effect.Effect<never, Transport.ConnectError> => {
  switch (error._tag) {
    case "CodexNotFound":
    case "CodexVersionUnsupported":
    case "EngineStartFailed":
    case "EngineUnreachable":
      return Effect.fail(error)
    default:
      return Effect.fail(new CodexError.EngineStartFailed({ reason: "Exited", detail: error.message }))
  }
}

/** How long a host may take to answer a request. */
export const answerTimeout = Duration.seconds(10)

/** How long a host may take to start a new Codex. */
export const drainTimeout = (options: HostSettings.EngineHostOptions): Duration.Duration =>
  Duration.sum(HostSettings.startTimeoutOf(options), answerTimeout)
