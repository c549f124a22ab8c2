/** Wraps an engine and records its inputs and outputs without changing them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import * as ThreadInfo from "../../domain/ThreadInfo.ts"
import * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import * as CassetteFile from "./CassetteFile.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import * as RecordedNotifications from "./RecordedNotifications.ts"
import * as Normalizer from "./Normalizer.ts"
import { toJson } from "./Normalizer.ts"
import * as ResetTimes from "./ResetTimes.ts"
import * as ThreadLog from "./ThreadLog.ts"
import * as ThreadRecorder from "./ThreadRecorder.ts"
import * as TurnRecorder from "./TurnRecorder.ts"

/** How a recording removes secrets. */
export interface Scrubbing {
  /** Removes secrets from a JSON value before it is written. */
  readonly scrub: (value: unknown) => unknown
  /** Adds the secrets among these variables. They are removed from everything that is written afterwards. */
  readonly addSecretsFrom: (environment: Readonly<Record<string, string | undefined>>) => void
}

export interface RecorderOptions extends Scrubbing {
  /** Whether a program continues or dies when its recording cannot be written. */
  readonly onError: "warn" | "fail"
  /** `none` writes every time as 0, so that two recordings of one program are equal. */
  readonly times: "recorded" | "none"
  readonly engine: string | undefined
}

type Service = Engine.Engine["Service"]

export const make = Effect.fnUntraced(function* (path: string, inner: Service, options: RecorderOptions) {
  // The agent and its commands can print what only Codex has in its environment.
  options.addSecretsFrom(inner.environment ?? {})
  const normalizer = Normalizer.make("record")
  const { isOpen, write } = yield* CassetteFile.make(path, options.onError)
  const logs = new Map<string, ThreadLog.ThreadLog>()
  const clock = yield* Clock.Clock
  const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
  const isTimed = options.times === "recorded"
  let threads = 0
  let turns = 0
  let writtenTurns = 0

  const encodeLine = (line: CassetteFormat.CassetteLine): unknown =>
    options.scrub(normalizer.normalize(toJson(CassetteFormat.encode(line))))
  const writeLine = (line: () => CassetteFormat.CassetteLine) => write(() => [encodeLine(line())])

  yield* writeLine(() => ({
    _tag: "Header",
    format: CassetteFormat.name,
    version: CassetteFormat.version,
    ...(options.engine === undefined ? {} : { engine: options.engine })
  }))
  yield* Effect.addFinalizer(() => writeLine(() => ({ _tag: "End", turns: writtenTurns })))

  const recordRequest = <A, E extends CodexError.CodexError>(
    method: string,
    args: ReadonlyArray<unknown>,
    request: Effect.Effect<A, E>,
    onSuccess: (value: A) => void = () => {},
    encode: (value: A) => unknown = (value) => value,
    took: () => { readonly took?: number } = () => ({})
  ): Effect.Effect<A, E> =>
    Effect.onExit(request, (exit) =>
      writeLine(() => {
        if (Exit.isSuccess(exit)) onSuccess(exit.value)
        const outcome = CassetteFormat.outcome(Exit.map(exit, encode))
        const shifted = ResetTimes.shiftReply(method, args, outcome, -now())
        return { _tag: "Asked", method, args: args.map(toJson), ...took(), outcome: shifted }
      })
    )

  const recordTimed: RecordedCommands.RecordRequest = (method, args, request) =>
    Effect.suspend(() => {
      const startedAt = now()
      const took = () => ({ took: isTimed ? ThreadLog.roundTime(now() - startedAt) : 0 })
      return recordRequest(method, args, request, undefined, undefined, took)
    })

  const recordTurn =
    (handle: ThreadRecorder.RecordedHandle): ThreadRecorder.ThreadRecording["recordTurn"] =>
    (inner, head, handlers, run) =>
      Effect.suspend(() => {
        if (!isOpen()) return run(handlers)
        const { log } = handle
        if (inner !== undefined) log.act()
        const recording: TurnRecorder.TurnRecording = {
          thread: handle.number,
          turn: ++turns,
          log,
          head,
          settings: inner?.settings,
          times: options.times,
          scrub: options.scrub,
          write: (lines) =>
            write(() => {
              writtenTurns++
              return lines().map(encodeLine)
            })
        }
        return Effect.ensuring(
          TurnRecorder.record(recording, handlers, run),
          Effect.sync(() => log.act())
        )
      })

  const recordNotification = ({ method, params }: Engine.EngineNotification) => {
    const threadId = NotificationHub.threadIdOf(params)
    const append = threadId === undefined ? undefined : logs.get(threadId)?.append
    const shifted = ResetTimes.shiftNotification(method, toJson(params), -now())
    const line = (at: number) => ({ _tag: "Notified", at, method, params: shifted }) as const
    // A file that cannot be written fails the next request too, which has a caller.
    if (append === undefined) Effect.runSync(Effect.exit(writeLine(() => line(0))))
    else append(line)
  }

  const open = (
    how: CassetteFormat.LineOf<"Opened">["how"],
    settings: Engine.EngineThreadOptions,
    of: ThreadId | undefined,
    opening: (settings: Engine.EngineThreadOptions) => ReturnType<Service["startThread"]>
  ) =>
    Effect.gen(function* () {
      const number = ++threads
      const resumed = how === "resume" && of !== undefined ? logs.get(of) : undefined
      const handle = { number, log: resumed ?? ThreadLog.make(now, isTimed) }
      const recording: ThreadRecorder.ThreadRecording = {
        handle,
        normalizer,
        record: recordRequest,
        recordTimed,
        write: writeLine,
        recordTurn: recordTurn(handle)
      }
      const { observer } = settings
      const exit = yield* Effect.exit(
        opening(
          observer === undefined
            ? settings
            : { ...settings, observer: ThreadRecorder.wrapObserver(recording, observer) }
        )
      )
      yield* writeLine(() => {
        const value = Exit.isSuccess(exit) ? exit.value : undefined
        if (of !== undefined) normalizer.nameOf(of, "thread")
        if (value !== undefined) {
          normalizer.nameOf(value.id, "thread")
          normalizer.addDirectory(value.cwd, Normalizer.directoryName(number))
        }
        return {
          _tag: "Opened",
          thread: number,
          how,
          ...(of === undefined ? {} : { of }),
          options: toJson(ThreadRecorder.recordedOptions(settings)),
          outcome:
            value === undefined
              ? CassetteFormat.outcome(Exit.asVoid(exit))
              : { _tag: "Success", value: ThreadRecorder.describe(value) }
        }
      })
      const thread = yield* exit
      handle.log = logs.get(thread.id) ?? handle.log
      logs.set(thread.id, handle.log)
      handle.log.act()
      return ThreadRecorder.wrap(thread, recording)
    })

  return Engine.Engine.of({
    ...(inner.environment === undefined ? {} : { environment: inner.environment }),
    // Record only a failed start. An opened thread already shows a successful one.
    ready: Effect.onExit(inner.ready, (exit) =>
      Exit.isSuccess(exit)
        ? Effect.void
        : writeLine(() => ({
            _tag: "Asked",
            method: "ready",
            args: [],
            outcome: CassetteFormat.outcome(exit)
          }))
    ),
    startThread: (settings) => open("start", settings, undefined, inner.startThread),
    resumeThread: (id, settings) =>
      open("resume", settings, id, (settings) => inner.resumeThread(id, settings)),
    forkThread: (id, settings) =>
      open("fork", settings, id, (observed) =>
        inner.forkThread(id, { ...observed, through: settings.through })
      ),
    listThreads: (filter, cursor) =>
      recordRequest("listThreads", [filter, cursor], inner.listThreads(filter, cursor), ({ data }) =>
        data.forEach(({ id }) => normalizer.nameOf(id, "thread"))
      ),
    readThread: (threadId) =>
      recordRequest(
        "readThread",
        [{ threadId }],
        inner.readThread(threadId),
        undefined,
        Schema.encodeSync(ThreadInfo.ThreadHistory)
      ),
    renameThread: (threadId, name) =>
      recordRequest("renameThread", [{ threadId, name }], inner.renameThread(threadId, name)),
    archiveThread: (threadId) =>
      recordRequest("archiveThread", [{ threadId }], inner.archiveThread(threadId)),
    unarchiveThread: (threadId) =>
      recordRequest("unarchiveThread", [{ threadId }], inner.unarchiveThread(threadId)),
    deleteThread: (threadId) => recordRequest("deleteThread", [{ threadId }], inner.deleteThread(threadId)),
    listModels: (cursor) => recordRequest("listModels", [cursor], inner.listModels(cursor)),
    ...(inner.subscribe === undefined
      ? {}
      : { subscribe: RecordedNotifications.recordSubscribe(inner.subscribe, recordNotification) }),
    ...(inner.exec === undefined
      ? {}
      : { exec: RecordedCommands.recordExec(inner.exec, recordRequest, options.addSecretsFrom) }),
    request: (method, params, options) =>
      Effect.suspend(() => {
        // The request may start a turn.
        logs.get(NotificationHub.threadIdOf(params) ?? "")?.act()
        return recordRequest("request", [method, params], inner.request(method, params, options))
      })
  })
})
