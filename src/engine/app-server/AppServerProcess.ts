/** One `codex app-server`: from spawn to its last breath. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { homedir } from "node:os"
import * as CodexError from "../../domain/CodexError.ts"
import * as CodexLaunch from "../../internal/CodexLaunch.ts"
import { oneLine } from "../../internal/TerminalText.ts"
import { version } from "../../internal/version.ts"
import * as CodexBinary from "./CodexBinary.ts"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as ChildEnvironment from "./ChildEnvironment.ts"
import * as Protocol from "./Protocol.ts"

export interface ProcessOptions {
  /** The codex to run; default: `CODEX_PATH`, then the package `@openai/codex`, then `PATH`. */
  readonly codexPath?: string | undefined
  /** Overrides of Codex's configuration, as `-c key=value` takes them. */
  readonly config?: ReadonlyArray<string> | undefined
  /** Variables for Codex beside those it is allowed anyway; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** How long Codex may take to start; default 10 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /** How long any one request may take; default 30 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /** Who we say we are. */
  readonly clientName?: string | undefined
}

/** Why nothing more will be heard of a process. */
export type ProcessEnd = CodexError.EngineExited | CodexError.ProtocolError

export interface Process {
  readonly connection: JsonRpcConnection.Connection
  readonly version: string | undefined
  /** Whether it makes sense to ask it for anything; `false` from the moment that its end is certain. */
  readonly isUsable: () => boolean
  /** Why it no longer answers. */
  readonly end: () => ProcessEnd
  /** Ends it now, in-flight commands included; it is gone when this returns. */
  readonly kill: Effect.Effect<void>
}

export type ProcessListener = Omit<JsonRpcConnection.Host, "onUnparsable"> & {
  /** Called once, before anything that was waiting for an answer fails. */
  readonly onExit: (error: ProcessEnd) => void
}

const maxStderrLength = 4096
const stopGrace = Duration.seconds(2)
const drainGrace = Duration.millis(250)

const decodeInitialized = Schema.decodeUnknownOption(Protocol.Initialized)

const exitError = (exit: Exit.Exit<number, unknown>, stderr: string): CodexError.EngineExited => {
  if (Exit.isSuccess(exit)) return new CodexError.EngineExited({ code: exit.value, stderr })
  // A process that a signal ended has no exit code: the spawner fails, and names the signal in its text only.
  const signal = /SIG[A-Z0-9]+/.exec(Cause.pretty(exit.cause))?.[0]
  return new CodexError.EngineExited(signal === undefined ? { stderr } : { signal, stderr })
}

const readConfigurations = Effect.fnUntraced(function* (options: ProcessOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = options.env?.["CODEX_HOME"] ?? process.env["CODEX_HOME"] ?? path.join(homedir(), ".codex")
  const file = yield* Effect.orElseSucceed(fs.readFileString(path.join(home, "config.toml")), () => "")
  return [file, ...(options.config ?? [])]
})

/** Starts Codex and shakes hands. The process ends with the scope: politely at first, then not. */
export const start = Effect.fnUntraced(function* (
  options: ProcessOptions,
  listener: ProcessListener
): Effect.fn.Return<
  Process,
  CodexError.CodexNotFound | CodexError.CodexVersionUnsupported | CodexError.EngineStartFailed,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const binary = yield* CodexBinary.find(options.codexPath, process.env)
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const configurations = yield* readConfigurations(options)
  const makeExtra = yield* CodexLaunch.Extra
  // Before the process, so that whoever is asked is told of its end after it.
  const extra = makeExtra === undefined ? undefined : yield* makeExtra(configurations)
  const env = ChildEnvironment.select(process.env, configurations, { ...extra?.env, ...options.env })
  let stderr = ""
  let ended: ProcessEnd | undefined
  let killRequested = false
  const exited = yield* Deferred.make<ProcessEnd>()
  const finish = (error: ProcessEnd) => {
    if (ended !== undefined) return
    ended = error
    // Whoever is told may go on at once, and must find it ended.
    listener.onExit(error)
    connection.close()
    Deferred.doneUnsafe(exited, Exit.succeed(error))
  }
  const args = [
    ...binary.args,
    "app-server",
    ...[...(options.config ?? []), ...(extra?.config ?? [])].flatMap((override) => ["-c", override])
  ]
  const handle = yield* spawner
    .spawn(
      ChildProcess.make(binary.command, args, {
        env,
        extendEnv: false,
        killSignal: "SIGTERM",
        forceKillAfter: stopGrace
      })
    )
    .pipe(
      Effect.mapError(
        () => new CodexError.EngineStartFailed({ reason: "Exited", detail: `cannot run "${binary.command}"` })
      )
    )

  const fork = Effect.runForkWith(yield* Effect.context())
  const outgoing = yield* Queue.unbounded<string, Cause.Done>()
  const kill = Effect.suspend(() => {
    killRequested = true
    return Effect.ignore(handle.kill({ killSignal: "SIGKILL" })).pipe(Effect.andThen(Deferred.await(exited)))
  })

  const connection: JsonRpcConnection.Connection = JsonRpcConnection.make(
    (line) => Queue.offerUnsafe(outgoing, line),
    {
      ...listener,
      onUnparsable: () => {
        finish(
          new CodexError.ProtocolError({ detail: "codex app-server says nothing but what is no message" })
        )
        fork(kill)
      }
    },
    Duration.fromInputUnsafe(options.requestTimeout ?? "30 seconds")
  )

  yield* Stream.fromQueue(outgoing).pipe(
    Stream.encodeText,
    Stream.run(handle.stdin),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  const stderrFiber = yield* handle.stderr.pipe(
    Stream.decodeText(),
    Stream.tap((text) => Effect.sync(() => void (stderr = (stderr + text).slice(-maxStderrLength)))),
    // A line may never end: what has come is told as it came, and nothing is kept.
    Stream.runForEach((text) =>
      Effect.forEach(
        text.split("\n").filter((line) => line.trim() !== ""),
        (line) => Effect.logDebug(`codex: ${oneLine(line, 1000)}`),
        { discard: true }
      )
    ),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  const readStdout = handle.stdout.pipe(
    Stream.runForEachArray((chunks) =>
      Effect.sync(() => {
        for (const chunk of chunks) connection.receive(chunk)
      })
    ),
    Effect.ignore
  )
  const stdoutFiber = yield* Effect.forkScoped(readStdout, { startImmediately: true })
  yield* Effect.addFinalizer(() => Effect.suspend(() => JsonRpcConnection.warnSkipped(connection.counters())))
  yield* Effect.exit(handle.exitCode).pipe(
    // What the process said before it died is heard before its death is told; but a pipe that a grandchild holds open
    // never ends.
    Effect.tap(() => Effect.timeoutOption(Fiber.awaitAll([stdoutFiber, stderrFiber]), drainGrace)),
    Effect.tap((exit) => Effect.sync(() => finish(exitError(exit, stderr)))),
    Effect.forkScoped({ startImmediately: true })
  )
  // Codex ends by itself, and its commands with it, when nobody writes to it any more.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => (extra === undefined || ended !== undefined ? Effect.void : extra.settled)).pipe(
      Effect.andThen(Queue.end(outgoing)),
      Effect.andThen(Deferred.await(exited)),
      Effect.timeoutOption(stopGrace),
      // One that takes no notice is killed next, but nobody is left to see it go.
      Effect.tap(() => Effect.sync(() => finish(new CodexError.EngineExited({ stderr }))))
    )
  )

  const failOnExit = Effect.flatMap(Deferred.await(exited), (error) => {
    const detail = error._tag === "EngineExited" ? error.stderr : error.detail
    return Effect.fail(new CodexError.EngineStartFailed({ reason: "Exited", detail }))
  })
  const startTimeout = options.startTimeout ?? "10 seconds"
  const initialize = connection.request(
    "initialize",
    {
      clientInfo: { name: options.clientName ?? "effect-codex", title: "effect-codex", version },
      capabilities: {
        experimentalApi: true,
        requestAttestation: false,
        optOutNotificationMethods: Protocol.optedOutNotifications
      }
    },
    { timeout: startTimeout }
  )
  const initialized = yield* Effect.raceFirst(
    Effect.catch(initialize, (error) =>
      error._tag === "ConnectionClosed"
        ? failOnExit
        : Effect.fail(
            new CodexError.EngineStartFailed({
              reason: error._tag === "RpcError" ? "Rejected" : "Timeout",
              detail: error._tag === "RpcError" ? error.text : stderr
            })
          )
    ),
    failOnExit
  ).pipe(
    Effect.timeoutOrElse({
      duration: startTimeout,
      orElse: () => Effect.fail(new CodexError.EngineStartFailed({ reason: "Timeout", detail: stderr }))
    })
  )
  connection.notify("initialized")

  const codexVersion = Option.getOrUndefined(
    Option.flatMapNullishOr(decodeInitialized(initialized), ({ userAgent }) => CodexBinary.version(userAgent))
  )
  if (codexVersion !== undefined && CodexBinary.compare(codexVersion, CodexBinary.oldest) < 0) {
    const { command: path } = binary
    return yield* new CodexError.CodexVersionUnsupported({
      version: codexVersion,
      minimum: CodexBinary.oldest,
      path
    })
  }
  if (codexVersion !== undefined && CodexBinary.compare(codexVersion, `${CodexBinary.newest}.9999`) > 0) {
    yield* Effect.logWarning(`codex ${codexVersion} is newer than any tested with (${CodexBinary.newest})`)
  }
  return {
    connection,
    version: codexVersion,
    isUsable: () => ended === undefined && !killRequested,
    end: () => ended ?? new CodexError.EngineExited({ stderr }),
    kill
  }
})
