/** One `codex app-server` of a supervisor. It has a session of its own and outlives the supervisor. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { closeSync, lstatSync } from "node:fs"
import { join } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import * as AppServerProcess from "../engine/app-server/AppServerProcess.ts"
import * as ChildEnvironment from "../engine/app-server/ChildEnvironment.ts"
import * as CodexBinary from "../engine/app-server/CodexBinary.ts"
import * as CommandEnvironment from "../engine/app-server/CommandEnvironment.ts"
import * as ThreadActivity from "../engine/ThreadActivity.ts"
import * as ErrorMapping from "../engine/app-server/ErrorMapping.ts"
import * as SocketLink from "../engine/app-server/SocketLink.ts"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import * as ProcessTree from "../internal/ProcessTree.ts"
import * as SafeFile from "../internal/SafeFile.ts"
import * as TimeSlices from "../internal/TimeSlices.ts"
import * as CodexProgram from "./CodexProgram.ts"
import * as CodexSockets from "./CodexSockets.ts"
import * as HostLog from "./HostLog.ts"
import type { HostSettings } from "./HostSettings.ts"
import type { Generation } from "./HostState.ts"

/** How long processes may take to end after SIGTERM, in milliseconds. */
const killAfter = 2000
/** How long a supervisor waits until a Codex that it takes over answers. */
const adoptTimeout = Duration.seconds(5)
/** How often to look whether a process that another supervisor started still runs, and at its stderr. */
const lookEvery = Duration.millis(250)

/** What happens in a Codex now. */
export interface Load {
  readonly threads: number
  readonly runningTurns: number
  /** Absent where the system does not show connections. */
  readonly clients?: number
}

export interface HostedCodex {
  readonly generation: () => Generation
  readonly change: (changes: Partial<Generation>) => void
  /** Completes when the process has ended, with how it ended. */
  readonly exited: Deferred.Deferred<string>
  /** Returns what happens in it now; `undefined` if it does not answer. */
  readonly inspect: Effect.Effect<Load | undefined>
  /** Lets Codex refuse new turns, and end when its running turns have ended. */
  readonly drain: Effect.Effect<void>
  /** Ends the process and all commands that it started, and removes its files. */
  readonly end: Effect.Effect<void>
  /** Stops observing it. The process goes on. */
  readonly release: Effect.Effect<void>
}

/** What the Codex processes of a supervisor share. */
export interface HostContext {
  readonly directory: string
  readonly settings: HostSettings
  readonly log: HostLog.HostLog
  readonly mask: (text: string) => string
  readonly me: ProcessIdentity.Owner
  /** Called after a generation has changed. */
  readonly save: () => void
}

const decodeLoaded = Schema.decodeUnknownOption(
  Schema.Struct({
    data: Schema.Array(Schema.String),
    nextCursor: Schema.optionalKey(Schema.NullOr(Schema.String))
  })
)

const socketOf = ({ directory }: HostContext, { socket }: Generation): string => join(directory, socket)
const stderrOf = ({ id }: Generation): string => `codex-${id}.stderr`

/** Removes the link to a socket, and the socket that it leads to, which Codex leaves behind when it is killed. */
const removeSocket = (path: string): void => {
  const target = CodexSockets.realPath(path)
  try {
    const isSocket = lstatSync(target, { throwIfNoEntry: false })?.isSocket() === true
    if (isSocket && target !== path && CodexSockets.countConnections(target) === 0) SafeFile.remove(target)
  } catch {
    // Another user's, or a link that leads elsewhere.
  }
  SafeFile.remove(path)
}

const isLive = (process: ProcessIdentity.Owner, me: ProcessIdentity.Owner): Effect.Effect<boolean> =>
  Effect.map(ProcessIdentity.state(process, me), (state) => state === "live")

/** Ends a Codex that may have no supervisor, with the commands that it started, and removes its files. */
export const endGeneration = Effect.fnUntraced(function* (
  directory: string,
  generation: Generation,
  me: ProcessIdentity.Owner
) {
  const { mark, process: owner } = generation
  const live = owner !== undefined && (yield* isLive(owner, me))
  const pid = owner?.pid ?? -1
  if (ProcessTree.isSupported) yield* ProcessTree.end({ pid, mark, hasExited: () => !live }, killAfter)
  else if (live) yield* endGroup(owner, me)
  removeSocket(join(directory, generation.socket))
  SafeFile.remove(join(directory, stderrOf(generation)))
})

/** Ends a process group where the system does not show the environment of processes. */
const endGroup = Effect.fnUntraced(function* (owner: ProcessIdentity.Owner, me: ProcessIdentity.Owner) {
  const signal = (name: NodeJS.Signals) =>
    Effect.sync(() => {
      try {
        process.kill(-owner.pid, name)
      } catch {
        // It has ended.
      }
    })
  yield* signal("SIGTERM")
  yield* isLive(owner, me).pipe(
    Effect.repeat({ until: (live) => !live, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOption(killAfter)
  )
  yield* signal("SIGKILL")
})

/** Observes a process, which may be one that another supervisor has started. */
const observe = Effect.fnUntraced(function* (
  context: HostContext,
  initial: Generation,
  stderr: HostLog.StderrFile
): Effect.fn.Return<
  HostedCodex & { readonly connected: Effect.Effect<void, CodexError.EngineStartFailed> },
  never,
  Scope.Scope
> {
  let generation = initial
  const scope = yield* Scope.fork(yield* Effect.scope)
  const exited = yield* Deferred.make<string>()
  const path = socketOf(context, initial)
  const { mask, me } = context
  let link: SocketLink.SocketLink | undefined
  const firstLink = yield* Deferred.make<void, CodexError.EngineStartFailed>()

  const open = yield* SocketLink.make(
    { path, clientName: "effect-codex-host", requestTimeout: "10 seconds" },
    { mask, onNotification: () => {}, onRequest: () => {} },
    TimeSlices.make(),
    scope
  )
  // The connection shows at once when the process ends, and answers how much runs in it.
  const connect = Effect.forever(
    Effect.gen(function* () {
      const opened = yield* Effect.retry(open, {
        schedule: Schedule.spaced("20 millis"),
        while: (error) => error._tag === "EngineUnreachable"
      })
      link = opened
      generation = {
        ...generation,
        ready: true,
        ...(opened.codexVersion === undefined ? {} : { codexVersion: opened.codexVersion })
      }
      context.save()
      yield* Deferred.succeed(firstLink, undefined)
      yield* Deferred.await(opened.broken)
      link = undefined
      yield* Scope.close(opened.scope, Exit.void)
    })
  ).pipe(
    Effect.catch((error) =>
      Deferred.fail(
        firstLink,
        new CodexError.EngineStartFailed({ reason: "Rejected", detail: error.message })
      )
    )
  )
  yield* Effect.forkIn(connect, scope, { startImmediately: true })

  const look = Effect.gen(function* () {
    stderr.read()
    const { process: owner } = generation
    if (owner !== undefined && !(yield* isLive(owner, me)))
      yield* Deferred.succeed(exited, "it ended without a supervisor")
  })
  yield* Effect.forkIn(Effect.repeat(look, Schedule.spaced(lookEvery)), scope)
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => stderr.close())
  )

  const inspect = Effect.gen(function* () {
    if (link === undefined) return undefined
    const { connection } = link
    const threads: Array<string> = []
    let cursor: string | null | undefined
    do {
      const page = decodeLoaded(yield* connection.request("thread/loaded/list", { cursor: cursor ?? null }))
      if (Option.isNone(page)) return undefined
      threads.push(...page.value.data)
      cursor = page.value.nextCursor
    } while (cursor !== undefined && cursor !== null)
    const statuses = yield* Effect.forEach(
      threads,
      (threadId) => Effect.option(connection.request("thread/read", { threadId })),
      { concurrency: 8 }
    )
    const connections = CodexSockets.countConnections(path)
    return {
      threads: threads.length,
      runningTurns: statuses.filter((status) => Option.exists(status, ThreadActivity.isActive)).length,
      ...(connections === undefined ? {} : { clients: Math.max(0, connections - 1) })
    }
  }).pipe(Effect.orElseSucceed(() => undefined))

  return {
    generation: () => generation,
    change: (changes) => {
      generation = { ...generation, ...changes }
      context.save()
    },
    exited,
    inspect,
    connected: Deferred.await(firstLink),
    drain: Effect.gen(function* () {
      const { process: owner } = generation
      if (owner === undefined || !(yield* isLive(owner, me))) return
      yield* Effect.sync(() => process.kill(owner.pid, "SIGTERM")).pipe(Effect.exit)
    }),
    end: Effect.suspend(() => endGeneration(context.directory, generation, me)).pipe(
      Effect.ensuring(Scope.close(scope, Exit.void))
    ),
    release: Scope.close(scope, Exit.void)
  }
})

/** Takes over a process that another supervisor has started. Waits a moment for its answer, so that its status is known. */
export const adopt = (
  context: HostContext,
  generation: Generation
): Effect.Effect<HostedCodex, never, Scope.Scope> =>
  Effect.suspend(() =>
    observe(
      context,
      generation,
      HostLog.openStderr(context.directory, stderrOf(generation), (line) => context.log.add("codex", line))
    )
  ).pipe(Effect.tap(({ connected }) => Effect.ignore(Effect.timeout(connected, adoptTimeout))))

/** Starts a Codex. `register` gets it before its process exists, so that a supervisor that dies at any point leaves its mark. */
export const start = Effect.fnUntraced(
  function* (
    context: HostContext,
    id: number,
    codexPath: string | undefined,
    register: (codex: HostedCodex) => void
  ): Effect.fn.Return<
    HostedCodex,
    CodexError.CodexNotFound | CodexError.EngineStartFailed,
    Scope.Scope | FileSystem.FileSystem | Path.Path
  > {
    const { directory, settings } = context
    const env = Object.fromEntries(
      Object.entries(settings.env).map(([name, value]) => [name, value ?? undefined])
    )
    const binary = yield* CodexBinary.find(codexPath ?? settings.codexPath, process.env)
    const configurations = yield* AppServerProcess.readConfigurations({ config: settings.config, env })
    const mark = `host-${randomBytes(12).toString("hex")}`
    const childEnv = ChildEnvironment.select(process.env, configurations, {
      ...env,
      [ProcessTree.variable]: mark
    })
    const overrides = [
      ...CommandEnvironment.overrides(childEnv, configurations),
      AppServerProcess.unloadAtOnce,
      ...settings.config
    ]
    const generation: Generation = {
      id,
      socket: `codex-${id}-${randomBytes(4).toString("hex")}.sock`,
      mark,
      ready: false,
      draining: false,
      binary: CodexProgram.fingerprint(binary),
      startedAt: Date.now()
    }
    const lines: Array<string> = []
    const stderr = HostLog.openStderr(directory, stderrOf(generation), (line) => {
      lines.push(line)
      if (lines.length > 50) lines.shift()
      context.log.add("codex", line)
    })
    const codex = yield* observe(context, generation, stderr)
    register(codex)
    const failed = (detail: string) =>
      new CodexError.EngineStartFailed({ reason: "NotExecutable", path: binary.command, detail })
    const ended = yield* Deferred.make<never, CodexError.EngineStartFailed>()
    const args = [
      ...binary.args,
      "app-server",
      ...overrides.flatMap((override) => ["-c", override]),
      "--listen",
      `unix://${socketOf(context, generation)}`
    ]
    const writer = stderr.openWriter()
    const pid = yield* Effect.callback<number, CodexError.EngineStartFailed>((resume) => {
      // A session of its own: signals of a terminal and of the supervisor's group do not reach it.
      const child = spawn(binary.command, args, {
        cwd: "/",
        detached: true,
        env: childEnv,
        stdio: ["ignore", "ignore", writer]
      })
      child.once("error", (error) => resume(Effect.fail(failed(error.message))))
      child.once("spawn", () => resume(Effect.succeed(child.pid ?? -1)))
      child.once("exit", (code, signal) => {
        stderr.read()
        const end = new CodexError.EngineExited({
          ...(code === null ? {} : { code }),
          ...(signal === null ? {} : { signal }),
          stderr: context.mask(lines.join("\n"))
        })
        const paths = { binary: binary.command, home: env["CODEX_HOME"] ?? process.env["CODEX_HOME"] ?? "" }
        Deferred.doneUnsafe(ended, Exit.fail(ErrorMapping.startFailed(end, paths)))
        Deferred.doneUnsafe(
          codex.exited,
          Exit.succeed(signal === null ? `with code ${code ?? "?"}` : `by ${signal}`)
        )
      })
    }).pipe(
      Effect.ensuring(Effect.sync(() => closeSync(writer))),
      Effect.tapError(() => codex.end)
    )
    codex.change({ process: yield* ProcessIdentity.of(pid) })
    yield* Effect.raceFirst(codex.connected, Deferred.await(ended)).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(settings.startTimeoutMillis),
        orElse: () =>
          Effect.fail(
            new CodexError.EngineStartFailed({
              reason: "Timeout",
              detail: context.mask(lines.join("\n"))
            })
          )
      }),
      Effect.tapError(() => codex.end)
    )
    return codex
  },
  Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
)
