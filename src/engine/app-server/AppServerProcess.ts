/** One `codex app-server` process, from spawn to exit. */
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
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { homedir } from "node:os"
import * as CodexError from "../../domain/CodexError.ts"
import * as CodexLaunch from "../../internal/CodexLaunch.ts"
import { printableLine } from "../../internal/VisibleText.ts"
import { version } from "../../internal/version.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import * as CodexBinary from "./CodexBinary.ts"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as CommandEnvironment from "./CommandEnvironment.ts"
import * as LineSplitter from "./LineSplitter.ts"
import * as LocalLog from "../../internal/LocalLog.ts"
import * as ChildEnvironment from "./ChildEnvironment.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import * as Protocol from "./Protocol.ts"
import * as TimeSlices from "../../internal/TimeSlices.ts"

export interface ProcessOptions {
  /** The codex to run; default: `CODEX_PATH`, then the package `@openai/codex`, then `PATH`. */
  readonly codexPath?: string | undefined
  /** Overrides of Codex's configuration, in the form `key=value` of its `-c` flag. */
  readonly config?: ReadonlyArray<string> | undefined
  /** Environment variables for Codex in addition to the allow-list; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * The key of OpenAI's API for this process. Codex keeps it in memory only, and uses it instead of a stored login. The
   * variable `OPENAI_API_KEY` is no login: `codex app-server` ignores it.
   */
  readonly apiKey?: Redacted.Redacted | undefined
  /** How long Codex may take to start; default 10 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /** How long a single request may take; default 30 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /** The client name that the handshake sends; default `effect-codex`. */
  readonly clientName?: string | undefined
}

/** Why a process ended. */
export type ProcessEnd = CodexError.EngineExited | CodexError.EngineUnreachable | CodexError.ProtocolError

export interface Process {
  readonly connection: JsonRpcConnection.Connection
  readonly version: string | undefined
  /** The home directory of Codex, on its machine. */
  readonly home: string | undefined
  /** Whether the process still accepts requests; `false` as soon as its end is certain. */
  readonly isUsable: () => boolean
  /** Masks secrets in a text of Codex that becomes part of an error. */
  readonly mask: (text: string) => string
  /** Returns why the process ended. */
  readonly end: () => ProcessEnd
  /** Kills the process and its running commands, and waits until the process has exited. */
  readonly kill: Effect.Effect<void>
}

export type ProcessListener = Omit<JsonRpcConnection.Host, "onUnparsable"> & {
  /** Called once, before pending requests fail. */
  readonly onExit: (error: ProcessEnd) => void
  /**
   * Called for each open thread after a broken connection works again, before the notifications that were missed. Text
   * deltas between `lostAtMs`, in milliseconds since the epoch, and now are missing forever; items are complete.
   */
  readonly onReconnected?: ((threadId: string, lostAtMs: number) => void) | undefined
  /** Returns whether this client runs a turn of the thread, and so decides its requests. */
  readonly hasTurn?: ((threadId: string) => boolean) | undefined
}

/** How long a single request may take. */
export const requestTimeoutOf = ({ requestTimeout = "30 seconds" }: ProcessOptions): Duration.Duration =>
  Duration.fromInputUnsafe(requestTimeout)

const maxStderrLength = 4096
const stopGrace = Duration.seconds(2)
const drainGrace = Duration.millis(250)
const maxDrainRounds = 20

const decodeInitialized = Schema.decodeUnknownOption(Protocol.Initialized)

/**
 * Returns the end of a text, from the start of a line if the end contains one, and otherwise from the start of a word: half
 * a secret is not recognised.
 */
const endOf = (text: string): string => {
  if (text.length <= maxStderrLength) return text
  const end = text.slice(-maxStderrLength)
  const line = end.indexOf("\n")
  const from = line >= 0 && line < end.length - 1 ? line : end.search(/\s\S/)
  return end.slice(from + 1)
}

const exitError = (exit: Exit.Exit<number, unknown>, stderr: string): CodexError.EngineExited => {
  if (Exit.isSuccess(exit)) return new CodexError.EngineExited({ code: exit.value, stderr })
  // A process killed by a signal has no exit code: the spawner fails, and names the signal only in its error text.
  const signal = /SIG[A-Z0-9]+/.exec(Cause.pretty(exit.cause))?.[0]
  return new CodexError.EngineExited(signal === undefined ? { stderr } : { signal, stderr })
}

/** Returns the home directory of Codex: its configuration, its rules, its login and its threads. */
export const homeOf = (options: Pick<ProcessOptions, "env">, path: Path.Path): string =>
  options.env?.["CODEX_HOME"] ?? process.env["CODEX_HOME"] ?? path.join(homedir(), ".codex")

/** Returns the TOML texts that configure Codex: its `config.toml`, and the overrides. */
export const readConfigurations = Effect.fnUntraced(function* (
  options: Pick<ProcessOptions, "config" | "env">
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = homeOf(options, path)
  const file = yield* Effect.orElseSucceed(fs.readFileString(path.join(home, "config.toml")), () => "")
  return [file, ...(options.config ?? [])]
})

/**
 * Lets Codex unload a thread when its last handle closes. By default Codex keeps it for 30 minutes, with the commands that
 * run in it and the permissions that were granted for the session, and would use them when the thread is resumed.
 */
export const unloadAtOnce = "thread_unload_delay_secs=0"

/** Keeps a login out of the files of Codex. */
const loginInMemory = 'cli_auth_credentials_store="ephemeral"'

/** Starts Codex and performs the handshake. When the scope closes, the process gets the end of its input, then SIGTERM, then SIGKILL. */
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
  // Before the process starts, so that the provider's finalizer runs after the process has ended.
  const extra = makeExtra === undefined ? undefined : yield* makeExtra(configurations)
  const env = ChildEnvironment.select(process.env, configurations, { ...extra?.env, ...options.env })
  const redaction = yield* Redaction.Current
  const mask = (text: string): string => redaction.text(text)
  let stderr = ""
  const decoder = new TextDecoder()
  const stderrLines = LineSplitter.make(maxStderrLength)
  let ended: ProcessEnd | undefined
  let killRequested = false
  const exited = yield* Deferred.make<ProcessEnd>()
  const finish = (error: ProcessEnd) => {
    if (ended !== undefined) return
    ended = error
    // A listener may continue synchronously and must find the process ended, so `ended` is set first.
    listener.onExit(error)
    connection.close()
    Deferred.doneUnsafe(exited, Exit.succeed(error))
  }
  const hidden = CommandEnvironment.overrides(env, configurations)
  // After the caller's overrides, because it also repeats what they exclude.
  const hiddenExtra = CommandEnvironment.hiding(Object.keys(extra?.env ?? {}), [...hidden, ...configurations])
  const args = [
    ...binary.args,
    "app-server",
    ...[
      ...hidden,
      unloadAtOnce,
      ...(options.config ?? []),
      ...(options.apiKey === undefined ? [] : [loginInMemory]),
      ...(extra?.config ?? []),
      ...hiddenExtra
    ].flatMap((override) => ["-c", override])
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
        ({ reason }) =>
          new CodexError.EngineStartFailed({
            reason: "NotExecutable",
            path: binary.command,
            detail: reason.cause instanceof Error ? reason.cause.message : reason.message
          })
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
      mask,
      onUnparsable: () => {
        finish(
          new CodexError.ProtocolError({
            detail: `codex app-server sent ${JsonRpcConnection.maxConsecutiveMalformed} consecutive lines that are not JSON-RPC messages`
          })
        )
        fork(kill)
      }
    },
    requestTimeoutOf(options)
  )

  yield* Stream.fromQueue(outgoing).pipe(
    Stream.encodeText,
    Stream.run(handle.stdin),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  const stderrFiber = yield* handle.stderr.pipe(
    Stream.tap((chunk) =>
      Effect.sync(() => void (stderr = endOf(stderr + decoder.decode(chunk, { stream: true }))))
    ),
    // Log whole lines only: redaction does not recognise half of a secret. A line that never ends is not logged.
    Stream.concat(Stream.succeed(new TextEncoder().encode("\n"))),
    Stream.runForEach((chunk) =>
      Effect.forEach(
        stderrLines.push(chunk),
        (line) => LocalLog.localOnly(Effect.logDebug(`codex: ${printableLine(line, Infinity)}`)),
        { discard: true }
      )
    ),
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  const slices = TimeSlices.make()
  let chunksRead = 0
  const readStdout = handle.stdout.pipe(
    Stream.runForEachArray((chunks) =>
      Effect.forEach(
        chunks,
        (chunk) => {
          chunksRead++
          return slices.run(connection.receiveLines(chunk))
        },
        { discard: true }
      )
    ),
    Effect.ignore
  )
  /** Waits for the output that has arrived: until no more arrives for a while, and for a few seconds at most. */
  const drain = (rounds: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const before = chunksRead
      return Effect.timeoutOption(Fiber.awaitAll([stdoutFiber, stderrFiber]), drainGrace).pipe(
        Effect.flatMap((done) =>
          Option.isSome(done) || rounds === 1 || (chunksRead === before && !slices.isRunning())
            ? Effect.void
            : drain(rounds - 1)
        )
      )
    })
  const stdoutFiber = yield* Effect.forkScoped(readStdout, { startImmediately: true })
  yield* Effect.addFinalizer(() => Effect.suspend(() => JsonRpcConnection.warnSkipped(connection.counters())))
  yield* Effect.exit(handle.exitCode).pipe(
    // Process the output that arrived before the exit before reporting the exit. The wait is bounded, because a
    // grandchild can keep the pipe open indefinitely.
    Effect.tap(() => drain(maxDrainRounds)),
    Effect.tap((exit) => Effect.sync(() => finish(exitError(exit, mask(stderr))))),
    Effect.forkScoped({ startImmediately: true })
  )
  // Codex exits, and ends its commands, when its stdin closes.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => (extra === undefined || ended !== undefined ? Effect.void : extra.settled)).pipe(
      Effect.andThen(Queue.end(outgoing)),
      Effect.andThen(Deferred.await(exited)),
      Effect.timeoutOption(stopGrace),
      // The spawner's finalizer kills a process that ignores this. By then nothing observes the exit, so report it now.
      Effect.tap(() => Effect.sync(() => finish(new CodexError.EngineExited({ stderr: mask(stderr) }))))
    )
  )

  const paths = { binary: binary.command, home: homeOf(options, yield* Path.Path) }
  const failOnExit = Effect.flatMap(Deferred.await(exited), (end) =>
    Effect.fail(ErrorMapping.startFailed(end, paths))
  )
  const startTimeout = options.startTimeout ?? "10 seconds"
  const initialize = connection.request(
    "initialize",
    {
      clientInfo: { name: options.clientName ?? "effect-codex", title: "effect-codex", version },
      capabilities: {
        experimentalApi: true,
        requestAttestation: false
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
              detail: error._tag === "RpcError" ? error.text : mask(stderr)
            })
          )
    ),
    failOnExit
  ).pipe(
    Effect.timeoutOrElse({
      duration: startTimeout,
      orElse: () => Effect.fail(new CodexError.EngineStartFailed({ reason: "Timeout", detail: mask(stderr) }))
    })
  )
  connection.notify("initialized")
  if (options.apiKey !== undefined)
    yield* Effect.mapError(
      connection.request("account/login/start", { type: "apiKey", apiKey: Redacted.value(options.apiKey) }),
      (error) =>
        new CodexError.EngineStartFailed({
          reason: error._tag === "RpcError" ? "Rejected" : "Timeout",
          detail: error._tag === "RpcError" ? mask(error.text) : mask(stderr)
        })
    )

  const server = Option.getOrUndefined(decodeInitialized(initialized))
  const codexVersion = server === undefined ? undefined : CodexBinary.version(server.userAgent)
  if (codexVersion !== undefined && CodexBinary.isTooOld(codexVersion)) {
    const { command: path } = binary
    return yield* new CodexError.CodexVersionUnsupported({
      version: codexVersion,
      minimum: CodexBinary.oldest,
      path
    })
  }
  if (codexVersion !== undefined && CodexBinary.isUntested(codexVersion)) {
    yield* Effect.logWarning(
      `codex ${codexVersion} is newer than the newest tested version (${CodexBinary.newest})`
    )
  }
  return {
    connection,
    version: codexVersion,
    home: server?.codexHome,
    isUsable: () => ended === undefined && !killRequested,
    mask,
    end: () => ended ?? new CodexError.EngineExited({ stderr: mask(stderr) }),
    kill
  }
})
