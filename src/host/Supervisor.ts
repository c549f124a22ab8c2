/** The supervisor of an engine host: keeps a `codex app-server` running until it is stopped or nothing needs it. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { join } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import * as FileLock from "../internal/FileLock.ts"
import * as ProcessIdentity from "../internal/ProcessIdentity.ts"
import { version } from "../internal/version.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as ControlSocket from "./ControlSocket.ts"
import * as HostDirectory from "./HostDirectory.ts"
import * as HostedCodex from "./HostedCodex.ts"
import * as HostLog from "./HostLog.ts"
import * as HostSettings from "./HostSettings.ts"
import * as HostState from "./HostState.ts"
import * as HostStatus from "./HostStatus.ts"
import * as RestartDelay from "./RestartDelay.ts"
import type { Report } from "./SupervisorProcess.ts"

/** Why a supervisor ends. After `handOver`, Codex goes on for the next supervisor. */
type End = "stop" | "idle" | "handOver"

const takeOverTimeout = Duration.seconds(5)

const acquireLock = (directory: string) =>
  Effect.try({
    try: () => FileLock.acquire(join(directory, "lock")),
    catch: (error) => HostDirectory.badHost(directory, error instanceof Error ? error.message : String(error))
  })

/** Waits for the lock of the directory, after the supervisor that holds it was asked to hand over. */
const takeOver = Effect.fnUntraced(function* (
  directory: string,
  me: ProcessIdentity.Owner,
  given: HostSettings.HostSettings
) {
  const before = yield* HostState.read(directory)
  const reply = yield* ControlSocket.send(directory, { method: "handOver" }).pipe(
    Effect.timeout(takeOverTimeout),
    Effect.option
  )
  const settings = Option.match(reply, {
    onNone: () => given,
    onSome: (reply) => HostSettings.inherit(given, reply._tag === "Done" ? reply.value : undefined)
  })
  const wait = (left: number): Effect.Effect<FileLock.FileLock | undefined, CodexError.EngineStartFailed> =>
    Effect.flatMap(acquireLock(directory), (held) =>
      held !== undefined || left === 0
        ? Effect.succeed(held)
        : Effect.andThen(
            Effect.sleep("20 millis"),
            Effect.suspend(() => wait(left - 1))
          )
    )
  const held = yield* wait(100)
  if (held !== undefined || before === undefined) return { held, settings }
  // It does not answer. Codex outlives it, so nothing is lost with it.
  if ((yield* ProcessIdentity.state(before.supervisor, me)) === "live")
    yield* Effect.ignore(Effect.try(() => process.kill(before.supervisor.pid, "SIGKILL")))
  return { held: yield* wait(100), settings }
})

/** Runs until the host is stopped, is idle, or is handed over. Interruption stops the host. */
export const run = Effect.fnUntraced(function* (
  given: HostSettings.HostSettings,
  report: (report: Report) => void
): Effect.fn.Return<End | "other", CodexError.CodexError, Scope.Scope> {
  const directory = yield* HostDirectory.open(given.dir)
  const me = yield* ProcessIdentity.self
  const mask = (yield* Redaction.Current).text
  const { held, settings } = yield* Effect.acquireRelease(
    given.mode === "start"
      ? Effect.map(acquireLock(directory), (held) => ({ held, settings: given }))
      : takeOver(directory, me, given),
    ({ held }) => Effect.sync(() => held?.release())
  )
  if (held === undefined) {
    report({ _tag: "Other" })
    return "other"
  }
  const log = HostLog.make(directory, mask)
  const startedAt = Date.now()
  const done = yield* Deferred.make<End>()
  const transition = Semaphore.makeUnsafe(1)
  const scope = yield* Effect.scope
  const previous = yield* HostState.read(directory)
  let restarts = previous?.restarts ?? 0
  let retry: { readonly at: number; readonly failure: string } | undefined
  let codexes: ReadonlyArray<HostedCodex.HostedCodex> = []
  let lastId = previous?.generations.at(-1)?.id ?? 0
  let isEnding = false
  let nextPath = settings.codexPath
  /**
   * Whether the settings of the running Codex are not known: they ended with the supervisor that had them, and this one was
   * started by a program that asks for none. Such a supervisor starts no Codex.
   */
  let lacksSettings = false

  const save = () => {
    try {
      HostState.write(directory, {
        format: 1,
        supervisor: me,
        libraryVersion: version,
        isService: settings.mode === "service",
        settings: lacksSettings && previous !== undefined ? previous.settings : HostSettings.digest(settings),
        startedAt,
        restarts,
        ...(retry === undefined ? {} : { retryAt: retry.at, failure: retry.failure }),
        generations: codexes.map(({ generation }) => generation())
      })
    } catch (error) {
      log.add("host", `cannot write the state: ${String(error)}`)
    }
  }
  const context: HostedCodex.HostContext = { directory, settings, log, mask, me, save }

  const forget = (codex: HostedCodex.HostedCodex) => {
    codexes = codexes.filter((each) => each !== codex)
    save()
  }

  /** Starts the Codex that takes the next turns. */
  const startNext = (codexPath = nextPath) =>
    Effect.suspend(() => {
      let registered: HostedCodex.HostedCodex | undefined
      return HostedCodex.start(context, ++lastId, codexPath, (codex) => {
        registered = codex
        codexes = [...codexes, codex]
        save()
      }).pipe(
        Scope.provide(scope),
        Effect.tapError(() => Effect.sync(() => registered !== undefined && forget(registered))),
        Effect.tap((codex) =>
          Effect.gen(function* () {
            const { codexVersion, id, process: owner } = codex.generation()
            log.add("host", `codex ${codexVersion ?? ""} listens: generation ${id}, pid ${owner?.pid}`)
            yield* Effect.forkIn(watch(codex), scope)
          })
        )
      )
    })

  const restart = (failures: number): Effect.Effect<void> =>
    Effect.gen(function* () {
      const millis = RestartDelay.millis(failures)
      retry = { at: Date.now() + millis, failure: retry?.failure ?? "" }
      save()
      log.add("host", `codex starts again in ${millis} ms (failure ${failures})`)
      yield* Effect.sleep(millis)
      const started = yield* transition.withPermits(1)(
        Effect.suspend(() => {
          if (isEnding || codexes.some((codex) => !codex.generation().draining))
            return Effect.succeed(undefined)
          return Effect.matchEager(startNext(), {
            onFailure: (error) => error,
            onSuccess: () => undefined
          })
        })
      )
      if (started !== undefined) {
        log.add("host", `codex does not start: ${started.message}`)
        retry = { at: 0, failure: mask(started.message) }
        return yield* restart(failures + 1)
      }
      retry = undefined
      save()
    })

  const settingsUnknown = HostDirectory.badHost(
    directory,
    "the settings of its codex ended with the supervisor that had them; give the config and env of the host, or run effect-codex host stop"
  )
  const stopWithoutSettings = Effect.suspend(() => {
    log.add(
      "host",
      "the settings of codex are not known; the next program that has them starts the host again"
    )
    return finish("stop")
  })

  let failures = 0
  /** Cleans up after a Codex has ended, and starts the next one if it ended by itself. */
  const watch = (codex: HostedCodex.HostedCodex): Effect.Effect<void> =>
    Effect.gen(function* () {
      const how = yield* Deferred.await(codex.exited)
      if (isEnding) return
      const { draining, id, startedAt } = codex.generation()
      // Codex is gone: what it started has lost its turn.
      yield* codex.end
      forget(codex)
      log.add("host", `codex ended ${how}: generation ${id}${draining ? ", drained" : ""}`)
      if (draining) return
      if (lacksSettings) return yield* stopWithoutSettings
      failures = Date.now() - startedAt >= RestartDelay.stableMillis ? 1 : failures + 1
      restarts++
      yield* Effect.logWarning(`codex app-server ended ${how} and is started again`)
      yield* restart(failures)
    })

  /**
   * Waits until no turn has run in a Codex for a moment, so that its clients have the end of the last one; at most until a
   * time in milliseconds since the epoch.
   */
  const untilQuiet = (codex: HostedCodex.HostedCodex, deadline = Infinity, quiet = 0): Effect.Effect<void> =>
    Effect.gen(function* () {
      if (quiet >= 4 || Date.now() >= deadline || !codexes.includes(codex)) return
      yield* Effect.sleep("250 millis")
      const load = yield* codex.inspect
      yield* untilQuiet(codex, deadline, load?.runningTurns === 0 ? quiet + 1 : 0)
    })

  /** Codex itself would end with its last turn, before its clients get the end of the turn. */
  const endDrained = (codex: HostedCodex.HostedCodex) =>
    Effect.andThen(
      untilQuiet(codex),
      Effect.suspend(() => codex.drain)
    )

  const adopt = Effect.gen(function* () {
    for (const generation of previous?.generations ?? []) {
      const { process: owner, ready } = generation
      const state = owner === undefined ? "gone" : yield* ProcessIdentity.state(owner, me)
      if (state === "elsewhere")
        return yield* HostDirectory.badHost(
          directory,
          "its host runs in another container or on another machine; choose another directory"
        )
      if (state === "gone" || !ready) {
        yield* HostedCodex.endGeneration(directory, generation, me)
        continue
      }
      const codex = yield* HostedCodex.adopt(context, generation)
      codexes = [...codexes, codex]
      log.add("host", `codex is adopted: generation ${generation.id}, pid ${owner?.pid}`)
      yield* Effect.forkIn(watch(codex), scope)
      if (generation.draining) yield* Effect.forkIn(endDrained(codex), scope)
    }
  })

  /** Starts the next Codex, and lets those before it finish. */
  const drainCurrent = (codexPath: string | undefined, only?: number) =>
    transition.withPermits(1)(
      Effect.gen(function* () {
        const old = codexes.filter((codex) => !codex.generation().draining)
        // Another program was faster.
        if (only !== undefined && !old.some((codex) => codex.generation().id === only)) return
        if (lacksSettings) return yield* settingsUnknown
        yield* startNext(codexPath)
        nextPath = codexPath ?? nextPath
        for (const codex of old) {
          codex.change({ draining: true })
          yield* Effect.forkIn(endDrained(codex), scope)
        }
        log.add("host", `generations ${old.map((codex) => codex.generation().id).join(", ")} drain`)
      })
    )

  const status = Effect.gen(function* () {
    const loads = yield* Effect.forEach(codexes, ({ inspect }) => inspect, { concurrency: 4 })
    return HostStatus.make({
      pid: me.pid,
      startedAt,
      now: Date.now(),
      restarts,
      retry,
      directory,
      generations: codexes.map(({ generation }, index) => [generation(), loads[index]])
    })
  })

  const finish = (end: End) => Effect.asVoid(Deferred.succeed(done, end))
  let ended: Deferred.Deferred<void> | undefined
  const nothing: ControlSocket.ControlReply = { _tag: "Done", value: null }
  const handle = ({
    codexPath,
    generation,
    method
  }: ControlSocket.ControlRequest): Effect.Effect<ControlSocket.ControlReply> => {
    switch (method) {
      case "status":
        return Effect.map(status, (value) => ({ _tag: "Done", value: HostStatus.encode(value) }))
      case "drain":
        return Effect.match(drainCurrent(codexPath, generation), {
          onFailure: (error): ControlSocket.ControlReply => ({ _tag: "Failed", error }),
          onSuccess: () => nothing
        })
      case "handOver":
        return Effect.as(finish("handOver"), {
          _tag: "Done",
          value: lacksSettings ? null : HostSettings.handOver(settings)
        })
      case "stop":
        return Effect.andThen(endAll, Effect.as(finish("stop"), nothing))
    }
  }

  /** Ends everything, once. */
  const endAll = Effect.suspend(() => {
    if (ended !== undefined) return Deferred.await(ended)
    const mine = Deferred.makeUnsafe<void>()
    ended = mine
    isEnding = true
    return Effect.forEach(codexes, ({ end }) => end, { concurrency: "unbounded", discard: true }).pipe(
      Effect.andThen(
        Effect.sync(() => {
          codexes = []
          HostState.remove(directory)
          log.add("host", "stopped")
        })
      ),
      Effect.ensuring(Deferred.succeed(mine, undefined))
    )
  })

  /** Lets running turns end, and no new ones start, before the supervisor ends. */
  const finishTurns = Effect.suspend(() => {
    const { drainDeadlineMillis } = settings
    if (drainDeadlineMillis === undefined || ended !== undefined) return Effect.void
    log.add("host", `running turns may end, within ${drainDeadlineMillis} ms`)
    for (const codex of codexes) codex.change({ draining: true })
    const deadline = Date.now() + drainDeadlineMillis
    return Effect.forEach(codexes, (codex) => untilQuiet(codex, deadline), {
      concurrency: "unbounded",
      discard: true
    })
  })

  const idleTimeout = settings.idleTimeoutMillis
  const watchIdle = Effect.gen(function* () {
    if (idleTimeout === undefined) return yield* Effect.never
    let busyAt = Date.now()
    for (;;) {
      yield* Effect.sleep(Math.min(Math.max(idleTimeout / 4, 20), 15_000))
      const loads = yield* Effect.forEach(codexes, ({ inspect }) => inspect)
      const isBusy = loads.some((load) => load !== undefined && (load.threads > 0 || (load.clients ?? 0) > 0))
      if (isBusy) busyAt = Date.now()
      if (Date.now() - busyAt >= idleTimeout) return
    }
  })

  // Runs before the lock is released. Only a supervisor that hands over leaves Codex running.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isEnding = true
      return isHandedOver ? Effect.sync(save) : endAll
    })
  )
  let isHandedOver = false

  const isCurrent = previous?.settings === HostSettings.digest(settings)
  yield* adopt
  lacksSettings = codexes.length > 0 && !isCurrent && !settings.isSpecific
  save()
  yield* ControlSocket.serve(directory, handle).pipe(
    Effect.mapError((error) => HostDirectory.badHost(directory, error.message))
  )
  if (codexes.every((codex) => codex.generation().draining)) {
    // What drains goes on.
    isHandedOver = lacksSettings
    if (lacksSettings) return yield* settingsUnknown
    yield* startNext()
  } else if (!isCurrent && !lacksSettings) yield* drainCurrent(undefined)
  report({ _tag: "Ready" })
  const end = yield* Effect.raceFirst(Deferred.await(done), Effect.as(watchIdle, "idle" as const)).pipe(
    Effect.onInterrupt(() => finishTurns)
  )
  if (end === "idle") log.add("host", "nothing has used the host for a while; it ends")
  isHandedOver = end === "handOver"
  return end
})

/** Runs the supervisor and reports its end. */
export const runAndReport = (settings: HostSettings.HostSettings, report: (report: Report) => void) =>
  Effect.scoped(run(settings, report)).pipe(
    Effect.tapError((error) => Effect.sync(() => report({ _tag: "Failed", error }))),
    Effect.asVoid
  )
