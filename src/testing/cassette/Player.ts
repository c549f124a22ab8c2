/** Replays a recording: emits its events, repeats its approvals and tool calls, and compares what the program does. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as CodexError from "../../domain/CodexError.ts"
import { ThreadId } from "../../domain/Ids.ts"
import * as ThreadSettings from "../../domain/ThreadSettings.ts"
import * as ThreadInfo from "../../domain/ThreadInfo.ts"
import * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import * as JsonDiff from "./JsonDiff.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import * as Normalizer from "./Normalizer.ts"
import * as Replay from "./Replay.ts"
import * as ReplayedThread from "./ReplayedThread.ts"
import * as ResetTimes from "./ResetTimes.ts"
import * as ThreadPlayer from "./ThreadPlayer.ts"
import * as ThreadRecorder from "./ThreadRecorder.ts"

const Opened = Schema.Struct({
  id: ThreadId,
  model: Schema.optionalKey(Schema.String),
  provider: Schema.optionalKey(Schema.String),
  cwd: Schema.String,
  goals: Schema.optionalKey(Schema.Boolean),
  settings: Schema.optionalKey(ThreadSettings.ThreadSettings)
})
const decodeOpened = Schema.decodeUnknownEffect(Opened)

const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next: Schema.optionalKey(Schema.String) })
const threadPage = pageOf(ThreadInfo.ThreadInfo)
const modelPage = pageOf(ThreadInfo.Model)

const playable = <A>(value: A): Replay.Playable<A> => ({ value, isPlayed: false })

export const make = Effect.fnUntraced(function* (
  file: string,
  recording: CassetteFormat.Recording,
  options: Replay.PlayerOptions
) {
  const replay = yield* Replay.make(file, recording, options)
  const { compare, mismatch, normalize, normalizer, notifications, replayOutcome, turns } = replay
  const scope = yield* Effect.scope
  const threads = new Map<ThreadId, ReplayedThread.ReplayedThread>()
  const opened = recording.opened.map(playable)
  const asked = recording.asked.map(playable)

  yield* Effect.addFinalizer((exit) => {
    if (exit._tag === "Failure") return Effect.void
    const candidates = [
      ...turns.flatMap(({ isPlayed, value: { head, line } }) =>
        isPlayed ? [] : [`turn ${head.turn} of thread ${head.thread} (line ${line}) was not played`]
      ),
      ...opened.flatMap(({ isPlayed, value }) =>
        isPlayed ? [] : [`the ${value.how} of thread ${value.thread} (line ${value.line}) was not played`]
      ),
      ...asked.flatMap(({ isPlayed, value }) =>
        isPlayed ? [] : [`${value.method} (line ${value.line}) was not requested`]
      ),
      ...replay.interruptedTurns()
    ]
    return candidates.length === 0
      ? Effect.void
      : mismatch(undefined, `the program ended before the recording:\n  ${candidates.join("\n  ")}`)
  })

  const open = (
    how: CassetteFormat.LineOf<"Opened">["how"],
    settings: Engine.EngineThreadOptions,
    of: ThreadId | undefined
  ): Effect.Effect<Engine.EngineThread, CodexError.StartError, Scope.Scope> =>
    Effect.suspend(() => {
      // Threads that open concurrently may come in any order, so match them by their options.
      const candidates = opened.filter(({ isPlayed, value }) => !isPlayed && value.how === how)
      const matches = ({ value }: (typeof candidates)[number]) =>
        JsonDiff.first(value.options, normalize(ThreadRecorder.recordedOptions(settings)), "") === undefined
      const found = candidates.find(matches) ?? candidates[0]
      if (found === undefined)
        return mismatch(undefined, `the program calls ${how} for more threads than the recording`)
      found.isPlayed = true
      const { line, of: from, options: expected, outcome, thread } = found.value
      const subject = `the ${how} of thread ${thread}`
      if (of !== undefined && from !== undefined && !isRecordedId(of)) normalizer.bind(of, from)
      normalizer.addDirectory(settings.cwd ?? process.cwd(), Normalizer.directoryName(thread))
      return compare(
        subject,
        line,
        from,
        of === undefined ? undefined : normalizer.nameOf(of, "thread"),
        "of"
      ).pipe(
        Effect.andThen(compare(subject, line, expected, ThreadRecorder.recordedOptions(settings), "options")),
        Effect.andThen(
          replayOutcome(outcome, (value) => Effect.orDie(decodeOpened(value)), Replay.isStartError)
        ),
        Effect.ensuring(notifications.playAfter(line)),
        Effect.flatMap((value) => openHandle(thread, value, settings))
      )
    })

  const openHandle = Effect.fnUntraced(function* (
    number: number,
    value: typeof Opened.Type,
    { observer, sandbox }: Engine.EngineThreadOptions
  ) {
    const thread = threads.get(value.id) ?? ReplayedThread.make(replay, scope)
    threads.set(value.id, thread)
    const [handle, pending] = ThreadPlayer.make(replay, { number, value, sandbox, thread, replayRequest })
    if (observer !== undefined)
      yield* Effect.acquireRelease(
        Effect.sync(() => thread.observers.add(observer)),
        () => Effect.sync(() => thread.observers.delete(observer))
      )
    thread.add(pending)
    yield* thread.act
    return handle
  })

  const replayRequest: Replay.RequestPlayer = (method, args, value, isExpected) =>
    Effect.suspend(() => {
      const candidates = asked.filter(({ isPlayed, value }) => !isPlayed && value.method === method)
      const given = args.map((arg) => arg ?? null)
      const matches = ({ value }: (typeof candidates)[number]) =>
        JsonDiff.first(value.args, normalize(given), "") === undefined
      const found = candidates.find(matches) ?? candidates[0]
      if (found === undefined) {
        const formatted = given.map((arg) => JSON.stringify(normalize(arg)))
        return mismatch(
          undefined,
          `the program requests ${method}(${formatted.join(", ")}), which is not in the recording`
        )
      }
      found.isPlayed = true
      const { args: expected, line, outcome, took = 0 } = found.value
      const shifted = (now: number) =>
        replay.hasRelativeTimes ? ResetTimes.shiftReply(method, args, outcome, now) : outcome
      const id = threadIdOf(given)
      const name = threadIdOf(expected)
      // The program has this id from elsewhere, such as its own storage. Map it to the recorded one.
      if (id !== undefined && name !== undefined && !isRecordedId(id)) normalizer.bind(id, name)
      return compare(method, line, expected, given, "args").pipe(
        Effect.andThen(replay.sleep(took)),
        Effect.andThen(Clock.currentTimeMillis),
        Effect.flatMap((now) => replayOutcome(shifted(now), value, isExpected)),
        Effect.ensuring(notifications.playAfter(line))
      )
    })
  const request = <A>(
    method: string,
    args: ReadonlyArray<unknown>,
    value: (value: unknown) => Effect.Effect<A>
  ) => replayRequest(method, args, value, Replay.isStartError)
  const constVoid = () => Effect.void
  const decodeAs =
    <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
    (value: unknown): Effect.Effect<S["Type"]> =>
      Effect.orDie(Schema.decodeUnknownEffect(schema)(value))

  return Engine.Engine.of({
    ready: Effect.suspend(() =>
      asked.some(({ isPlayed, value }) => !isPlayed && value.method === "ready")
        ? request("ready", [], constVoid)
        : Effect.void
    ),
    startThread: (settings) => open("start", settings, undefined),
    resumeThread: (id, settings) => open("resume", settings, id),
    forkThread: (id, settings) => open("fork", settings, id),
    listThreads: (filter, cursor) =>
      Effect.map(request("listThreads", [filter, cursor], decodeAs(threadPage)), ({ data, next }) => ({
        data,
        next
      })),
    readThread: (threadId) => request("readThread", [{ threadId }], decodeAs(ThreadInfo.ThreadHistory)),
    renameThread: (threadId, name) => request("renameThread", [{ threadId, name }], constVoid),
    archiveThread: (threadId) => request("archiveThread", [{ threadId }], constVoid),
    unarchiveThread: (threadId) => request("unarchiveThread", [{ threadId }], constVoid),
    deleteThread: (threadId) => request("deleteThread", [{ threadId }], constVoid),
    listModels: (cursor) =>
      Effect.map(request("listModels", [cursor], decodeAs(modelPage)), ({ data, next }) => ({ data, next })),
    subscribe: notifications.subscribe,
    exec: RecordedCommands.replayExec(request),
    request: (method, params) =>
      Effect.suspend(() => {
        const thread = threads.get(ThreadId.make(NotificationHub.threadIdOf(params) ?? ""))
        const replayed = request("request", [method, params], Effect.succeed)
        return thread === undefined ? replayed : Effect.andThen(thread.act, replayed)
      })
  })
})

const threadIdOf = (args: ReadonlyArray<unknown>): string | undefined => {
  const [first] = args
  return Predicate.hasProperty(first, "threadId") && typeof first.threadId === "string"
    ? first.threadId
    : undefined
}
const isRecordedId = (id: string): boolean => /^thread-\d+$/.test(id)
