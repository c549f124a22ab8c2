/** Replays a recording: emits its events, repeats its approvals and tool calls, and compares what the program does. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ThreadId } from "../../domain/Ids.ts"
import * as ThreadAccess from "../../domain/ThreadAccess.ts"
import * as ThreadInfo from "../../domain/ThreadInfo.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import * as Engine from "../../engine/Engine.ts"
import * as JsonDiff from "./JsonDiff.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import * as RecordedNotifications from "./RecordedNotifications.ts"
import * as Normalizer from "./Normalizer.ts"
import { toJson } from "./Normalizer.ts"
import * as Recorder from "./Recorder.ts"

/** The program differs from its recording. */
export class CassetteMismatch extends Data.TaggedError("CassetteMismatch")<{
  readonly file: string
  /** The line of the expectation in the file, from 1. */
  readonly line: number | undefined
  readonly detail: string
}> {
  override get message() {
    const at = this.line === undefined ? "" : `:${this.line}`
    return `CassetteMismatch: ${this.detail}\n  recorded in ${this.file}${at}; if the change is intended, record it again`
  }
}

export interface PlayerOptions {
  /** The scrubbing of the recording. The player scrubs the program's values before it compares them. */
  readonly scrub: (value: unknown) => unknown
  /** `recorded` waits as long as the recording did, on the current clock; `instant` never waits. */
  readonly timing: "recorded" | "instant"
}

const Opened = Schema.Struct({
  id: ThreadId,
  model: Schema.optionalKey(Schema.String),
  provider: Schema.optionalKey(Schema.String),
  cwd: Schema.String
})
const decodeOpened = Schema.decodeUnknownEffect(Opened)
const decodeEntry = Schema.decodeUnknownEffect(CassetteFormat.CassetteLine)

const pageOf = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next: Schema.optionalKey(Schema.String) })
const threadPage = pageOf(ThreadInfo.ThreadInfo)
const modelPage = pageOf(ThreadInfo.Model)

/** A part of the recording, which is played at most once. */
interface Playable<A> {
  readonly value: A
  isPlayed: boolean
}
const playable = <A>(value: A): Playable<A> => ({ value, isPlayed: false })

/** A steering input that waits for its recorded outcome. */
interface Steer {
  readonly input: TurnOptions.TurnInput
  readonly done: Deferred.Deferred<void, CodexError.RequestError>
}

export const make = Effect.fnUntraced(function* (
  file: string,
  recording: CassetteFormat.Recording,
  options: PlayerOptions
) {
  const normalizer = Normalizer.make("play")
  const opened = recording.opened.map(playable)
  const asked = recording.asked.map(playable)
  const turns = recording.turns.map(playable)
  const interruptedTurns: Array<string> = []
  const notifications = RecordedNotifications.makePlayer(recording.notified, normalizer.restore)

  const normalize = (value: unknown): unknown => options.scrub(normalizer.normalize(toJson(value)))

  const mismatch = (line: number | undefined, detail: string) =>
    Effect.die(new CassetteMismatch({ file, line, detail }))

  /** Dies with the first difference between the recording and the program. */
  const compare = (subject: string, line: number, expected: unknown, actual: unknown, path: string) =>
    Effect.suspend(() => {
      const found = JsonDiff.first(expected, normalize(actual), path)
      return found === undefined
        ? Effect.void
        : mismatch(line, `${subject} differs from the recording\n${JsonDiff.describe(found)}`)
    })

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
      ...interruptedTurns
    ]
    return candidates.length === 0
      ? Effect.void
      : mismatch(undefined, `the program ended before the recording:\n  ${candidates.join("\n  ")}`)
  })

  /** Returns the recorded outcome. */
  const replayOutcome = <A, E extends CodexError.CodexError>(
    outcome: CassetteFormat.RecordedOutcome,
    value: (value: unknown) => Effect.Effect<A>,
    isExpected: (error: CodexError.CodexError) => error is E
  ): Effect.Effect<A, E> => {
    switch (outcome._tag) {
      case "Success":
        return value(normalizer.restore(outcome.value))
      case "Failure":
        return isExpected(outcome.error)
          ? Effect.fail(outcome.error)
          : mismatch(undefined, `${outcome.error._tag} is not an error of the recorded call`)
      // The program interrupted the call in the recording, so it must do so again.
      case "Interrupted":
        return Effect.never
      case "Died":
        return Effect.die(new Error(`the recorded call died: ${outcome.detail}`))
    }
  }

  const playTurn = (
    found: Playable<CassetteFormat.RecordedTurn>,
    steers: Queue.Queue<Steer>,
    handlers: Engine.Handlers
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.gen(function* () {
      const { end, entries, head, line } = found.value
      const subject = `turn ${head.turn} of thread ${head.thread}`
      const clock = yield* Clock.Clock
      const decisions = new Map<
        number,
        readonly [Approval.ApprovalRequest, Fiber.Fiber<Approval.ApprovalDecision>]
      >()
      const calls = new Map<number, Fiber.Fiber<Engine.EngineToolOutput>>()
      let at = 0
      let played = 0
      let waitsFor = ""
      yield* Effect.onInterrupt(
        Effect.gen(function* () {
          for (const [index, recorded] of entries.entries()) {
            const entryLine = line + 1 + index
            const entry = yield* restore(recorded)
            const time = CassetteFormat.timeOf(entry)
            // The program decides how long an answer takes.
            const isAnswer = ["Decided", "Returned", "Steered"].includes(entry._tag)
            if (!isAnswer && options.timing === "recorded" && time > at) yield* Effect.sleep(time - at)
            at = Math.max(at, time)
            played = index + 1
            switch (entry._tag) {
              case "Event": {
                const { event } = entry
                if (event._tag === "TurnCompleted" || event._tag === "AgentEvent") break
                if (event._tag === "EventsOmitted") break
                const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
                handlers.emit({ ...event, at: now })
                break
              }
              case "Notified":
                notifications.play(entry, clock.currentTimeMillisUnsafe())
                break
              case "Approve": {
                const { ask, request } = entry
                const fiber = Effect.forkScoped(handlers.approve(request), { startImmediately: true })
                decisions.set(ask, [request, yield* fiber])
                break
              }
              case "Call": {
                const { ask, call } = entry
                calls.set(ask, yield* Effect.forkScoped(handlers.callTool(call), { startImmediately: true }))
                break
              }
              case "Decided": {
                const pending = decisions.get(entry.ask)
                if (pending === undefined)
                  return yield* mismatch(
                    entryLine,
                    "the recording has an answer to a request that it does not contain"
                  )
                const [request, fiber] = pending
                const decision = Recorder.maskSecretAnswers(request, yield* Fiber.join(fiber))
                const expected = recorded._tag === "Decided" ? recorded.decision : undefined
                yield* compare(subject, entryLine, expected, decision, "decision")
                break
              }
              case "Returned": {
                const calling = calls.get(entry.ask)
                if (calling === undefined)
                  return yield* mismatch(
                    entryLine,
                    "the recording has an answer to a request that it does not contain"
                  )
                const expected = recorded._tag === "Returned" ? recorded.output : undefined
                yield* compare(subject, entryLine, expected, yield* Fiber.join(calling), "output")
                break
              }
              case "Steered": {
                waitsFor = " while it waited to be steered"
                const { done, input } = yield* Queue.take(steers)
                waitsFor = ""
                yield* compare(subject, entryLine, entry.input, CassetteFormat.turnInput(input), "input")
                const ends = replayOutcome(entry.outcome, () => Effect.void, isRequestError)
                yield* Deferred.complete(done, ends)
              }
            }
          }
          if (options.timing === "recorded" && end.at > at) yield* Effect.sleep(end.at - at)
          played++
        }),
        () =>
          Effect.sync(() => {
            if (end.outcome._tag !== "Interrupted")
              interruptedTurns.push(
                `${subject} was interrupted after ${played} of ${entries.length + 1} of its lines${waitsFor}`
              )
          })
      )
      return yield* replayOutcome(end.outcome, () => Effect.void, isTurnError)
    }).pipe(Effect.scoped)

  /** Replaces the recorded ids and directories of an entry by those of this run. */
  const restore = (entry: CassetteFormat.Entry): Effect.Effect<CassetteFormat.Entry> =>
    decodeEntry(normalizer.restore(toJson(CassetteFormat.encode(entry)))).pipe(
      Effect.filterOrFail(CassetteFormat.isEntry),
      Effect.orDie
    )

  const makeThread = (
    number: number,
    value: typeof Opened.Type,
    sandbox: TurnOptions.Sandbox | undefined
  ): Engine.EngineThread => {
    let running: Queue.Queue<Steer> | undefined
    const nextTurn = (
      how: CassetteFormat.LineOf<"Turn">["how"],
      given: { readonly input?: unknown; readonly options?: unknown },
      handlers: Engine.Handlers
    ): Effect.Effect<void, CodexError.TurnError> =>
      Effect.suspend(() => {
        const found = turns.find(({ isPlayed, value: { head } }) => !isPlayed && head.thread === number)
        if (found === undefined) {
          const count = turns.filter(({ value: { head } }) => head.thread === number).length
          return mismatch(
            undefined,
            `thread ${number} has ${count} recorded turns, and the program runs one more: ${JSON.stringify(normalize(given.input ?? null))}`
          )
        }
        found.isPlayed = true
        const { head, line } = found.value
        const subject = `turn ${head.turn} of thread ${head.thread}`
        return compare(subject, line, head.how, how, "how").pipe(
          Effect.andThen(compare(subject, line, head.input, given.input, "input")),
          Effect.andThen(compare(subject, line, head.options, given.options, "options")),
          Effect.andThen(
            Effect.acquireUseRelease(
              Effect.tap(Queue.unbounded<Steer>(), (steers) => Effect.sync(() => void (running = steers))),
              (steers) => Effect.ensuring(playTurn(found, steers, handlers), notifications.playAfter(line)),
              (steers) =>
                Effect.gen(function* () {
                  running = undefined
                  for (const { done } of yield* Queue.clear(steers)) {
                    const detail = `${subject} is steered more often than in the recording`
                    yield* Deferred.complete(done, mismatch(line, detail))
                  }
                })
            )
          )
        )
      })
    return {
      id: value.id,
      model: value.model,
      provider: value.provider,
      cwd: value.cwd,
      access: () => ThreadAccess.make(value.cwd, sandbox ?? "read-only"),
      turn: (input, settings, handlers) =>
        nextTurn("run", { input: CassetteFormat.turnInput(input), options: settings }, handlers),
      terminals: RecordedCommands.replayTerminals(number, (method, args, value) =>
        replayRequest(method, args, value, isRequestError)
      ),
      compact: (handlers) => nextTurn("compact", {}, handlers),
      review: (target, handlers) =>
        nextTurn("review", { input: CassetteFormat.reviewTarget(target) }, handlers),
      steer: (input) =>
        Effect.suspend(() => {
          if (running === undefined)
            return replayRequest(
              "steer",
              [number, CassetteFormat.turnInput(input)],
              () => Effect.void,
              isRequestError
            )
          const done = Deferred.makeUnsafe<void, CodexError.RequestError>()
          return Effect.andThen(Queue.offer(running, { input, done }), Deferred.await(done))
        })
    }
  }

  const open = (
    how: CassetteFormat.LineOf<"Opened">["how"],
    settings: Engine.EngineThreadOptions,
    of: ThreadId | undefined
  ): Effect.Effect<Engine.EngineThread, CodexError.StartError> =>
    Effect.suspend(() => {
      // Threads that open concurrently may come in any order, so match them by their options.
      const candidates = opened.filter(({ isPlayed, value }) => !isPlayed && value.how === how)
      const matches = ({ value }: (typeof candidates)[number]) =>
        JsonDiff.first(value.options, normalize(Recorder.recordedOptions(settings)), "") === undefined
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
        Effect.andThen(compare(subject, line, expected, Recorder.recordedOptions(settings), "options")),
        Effect.andThen(
          replayOutcome(
            outcome,
            (value) =>
              Effect.orDie(
                Effect.map(decodeOpened(value), (value) => makeThread(thread, value, settings.sandbox))
              ),
            isStartError
          )
        ),
        Effect.ensuring(notifications.playAfter(line))
      )
    })

  const replayRequest = <A, E extends CodexError.CodexError>(
    method: string,
    args: ReadonlyArray<unknown>,
    value: (value: unknown) => Effect.Effect<A>,
    isExpected: (error: CodexError.CodexError) => error is E
  ): Effect.Effect<A, E> =>
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
      const { args: expected, line, outcome } = found.value
      const id = threadIdOf(given)
      const name = threadIdOf(expected)
      // The program has this id from elsewhere, such as its own storage. Map it to the recorded one.
      if (id !== undefined && name !== undefined && !isRecordedId(id)) normalizer.bind(id, name)
      return compare(method, line, expected, given, "args").pipe(
        Effect.andThen(replayOutcome(outcome, value, isExpected)),
        Effect.ensuring(notifications.playAfter(line))
      )
    })
  const request = <A>(
    method: string,
    args: ReadonlyArray<unknown>,
    value: (value: unknown) => Effect.Effect<A>
  ) => replayRequest(method, args, value, isStartError)
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
    request: (method, params) => request("request", [method, params], Effect.succeed)
  })
})

const threadIdOf = (args: ReadonlyArray<unknown>): string | undefined => {
  const [first] = args
  return Predicate.hasProperty(first, "threadId") && typeof first.threadId === "string"
    ? first.threadId
    : undefined
}
const isRecordedId = (id: string): boolean => /^thread-\d+$/.test(id)

const startErrors = new Set<string>([
  "CodexNotFound",
  "CodexVersionUnsupported",
  "EngineStartFailed",
  "EngineExited",
  "ProtocolError",
  "InvalidRequest",
  "ThreadBusy"
])
const isStartError = (error: CodexError.CodexError): error is CodexError.StartError =>
  startErrors.has(error._tag)
const isRequestError = (error: CodexError.CodexError): error is CodexError.RequestError =>
  ["EngineExited", "ProtocolError", "InvalidRequest", "ThreadBusy"].includes(error._tag)
const isTurnError = (error: CodexError.CodexError): error is CodexError.TurnError =>
  isRequestError(error) || !startErrors.has(error._tag)
