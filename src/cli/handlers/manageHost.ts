/** `effect-codex host`: starts, serves, shows, drains and stops the engine host of a directory. */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CodexError from "../../domain/CodexError.ts"
import * as EngineHost from "../../host/EngineHost.ts"
import * as HostDirectory from "../../host/HostDirectory.ts"
import * as HostSettings from "../../host/HostSettings.ts"
import * as Supervisor from "../../host/Supervisor.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { code } from "../ExitCode.ts"
import { ExitWith } from "../CommandEnd.ts"
import type { HostInput, HostServeInput, HostStartInput } from "../commands/hostCommand.ts"
import * as Inputs from "../Inputs.ts"
import * as Output from "../Output.ts"

/** Prints the error of a host and maps it to its exit code. */
const reported = <A, R>(effect: Effect.Effect<A, CodexError.CodexError, R>) =>
  effect.pipe(
    Effect.catch((error) =>
      Effect.andThen(
        Output.printError(`${error._tag}: ${error.message}`),
        Effect.fail(new ExitWith({ code: CodexError.exitCode(error) }))
      )
    ),
    Effect.provide(OtlpLayer)
  )

const span = (millis: number): string => Duration.format(Duration.seconds(Math.round(millis / 1000)))

/** Describes a host: a line about the host, and one for each Codex. */
export const describe = (status: EngineHost.HostStatus, now: number): ReadonlyArray<string> => {
  const { clients, failure, generations, libraryVersion, pid, restarts, retryAt, runningTurns, threads } =
    status
  const counts = [
    ...(clients === undefined ? [] : [`clients: ${clients}`]),
    `threads: ${threads}`,
    `running turns: ${runningTurns}`,
    `restarts: ${restarts}`
  ]
  return [
    `running: pid ${pid}, effect-codex ${libraryVersion}, up ${span(status.uptimeMillis)}`,
    counts.join(", "),
    ...generations.map((each) =>
      printableLine(
        [
          `generation ${each.id}: codex ${each.codexVersion ?? "?"}`,
          ...(each.pid === undefined ? [] : [`pid ${each.pid}`]),
          `up ${span(now - each.startedAt)}`,
          ...(each.draining ? [`drains, running turns: ${each.runningTurns ?? "?"}`] : []),
          each.socket
        ].join(", "),
        600
      )
    ),
    ...(retryAt === undefined ? [] : [`codex starts again in ${span(Math.max(0, retryAt - now))}`]),
    ...(failure === undefined ? [] : [printableLine(failure, 600)])
  ]
}

const print = (status: EngineHost.HostStatus, json: boolean) =>
  json
    ? Console.log(jsonLine({ running: true, ...status }))
    : Output.printLines(describe(status, status.startedAt + status.uptimeMillis))

export const start = Effect.fnUntraced(function* ({ config, dir, idleTimeout, json }: HostStartInput) {
  yield* Inputs.validateOverrides(config)
  const status = yield* reported(
    EngineHost.start({
      dir,
      config,
      ...(Option.isNone(idleTimeout) ? {} : { idleTimeout: idleTimeout.value })
    })
  )
  yield* print(status, json)
})

export const serve = Effect.fnUntraced(function* ({ config, dir, drainDeadline, json }: HostServeInput) {
  yield* Inputs.validateOverrides(config)
  const directory = yield* reported(HostDirectory.open(dir))
  const deadline = Option.getOrElse(drainDeadline, () => 60_000)
  const printReady = Effect.flatMap(EngineHost.status(directory), (found) =>
    Option.isNone(found) ? Effect.void : print(found.value, json)
  )
  const fork = Effect.runForkWith(yield* Effect.context())
  const end = yield* Supervisor.run(HostSettings.makeService({ config }, directory, deadline), ({ _tag }) => {
    if (_tag === "Ready") fork(Effect.ignore(printReady))
  }).pipe(Effect.scoped, reported)
  if (end !== "other") return
  yield* Output.printError("Another program keeps the directory of the host.")
  return yield* new ExitWith({ code: code.failed })
})

export const status = Effect.fnUntraced(function* ({ dir, json }: HostInput) {
  const found = yield* reported(EngineHost.status(dir))
  if (Option.isSome(found)) return yield* print(found.value, json)
  yield* json ? Console.log(jsonLine({ running: false })) : Console.error("The host does not run.")
  return yield* new ExitWith({ code: code.failed })
})

export const drain = Effect.fnUntraced(function* ({ dir, json }: HostInput) {
  yield* print(yield* reported(EngineHost.drain({ dir })), json)
})

export const stop = Effect.fnUntraced(function* ({ dir, json }: HostInput) {
  const stopped = yield* reported(EngineHost.stop(dir))
  yield* json
    ? Console.log(jsonLine({ stopped }))
    : Console.error(stopped ? "The host has ended." : "The host does not run.")
})
