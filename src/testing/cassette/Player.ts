/** Plays a recording: what was said is said again, what was asked is asked again, and the program has to do the same. */
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
import * as ThreadInfo from "../../domain/ThreadInfo.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import * as Engine from "../../engine/Engine.ts"
import * as JsonDiff from "./JsonDiff.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as Normalizer from "./Normalizer.ts"
import { plain } from "./Normalizer.ts"
import * as Recorder from "./Recorder.ts"

/** The program does something else than it did when it was recorded. */
export class CassetteMismatch extends Data.TaggedError("CassetteMismatch")<{
  readonly file: string
  /** Where in the file stands what was expected, counted from 1. */
  readonly line: number | undefined
  readonly detail: string
}> {
  override get message() {
    const at = this.line === undefined ? "" : `:${this.line}`
    return `CassetteMismatch: ${this.detail}\n  recorded in ${this.file}${at}; if the change is meant, record it again`
  }
}

export interface PlayerOptions {
  /** What the recording was scrubbed by: what the program does is scrubbed too before it is compared. */
  readonly scrub: (value: unknown) => unknown
  /** `recorded` waits on the clock as long as it took, `instant` never waits. */
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

/** Something of the recording that is played once. */
interface Once<A> {
  readonly value: A
  taken: boolean
}
const once = <A>(value: A): Once<A> => ({ value, taken: false })

/** Somebody steers the turn that runs, and waits for what becomes of it. */
interface Steer {
  readonly input: TurnOptions.TurnInput
  readonly done: Deferred.Deferred<void, CodexError.RequestError>
}

export const make = Effect.fnUntraced(function* (
  file: string,
  recording: CassetteFormat.Recording,
  options: PlayerOptions
) {
  const stable = Normalizer.make("play")
  const opened = recording.opened.map(once)
  const asked = recording.asked.map(once)
  const turns = recording.turns.map(once)
  const cut: Array<string> = []

  const seen = (value: unknown): unknown => options.scrub(stable.hide(plain(value)))

  const mismatch = (line: number | undefined, detail: string) =>
    Effect.die(new CassetteMismatch({ file, line, detail }))

  /** Dies with the first difference between what was recorded and what the program does. */
  const compare = (what: string, line: number, expected: unknown, actual: unknown, path: string) =>
    Effect.suspend(() => {
      const found = JsonDiff.first(expected, seen(actual), path)
      return found === undefined
        ? Effect.void
        : mismatch(line, `${what} is not what was recorded\n${JsonDiff.describe(found)}`)
    })

  yield* Effect.addFinalizer((exit) => {
    if (exit._tag === "Failure") return Effect.void
    const left = [
      ...turns.flatMap(({ taken, value: { head, line } }) =>
        taken ? [] : [`turn ${head.turn} of thread ${head.thread} (line ${line}) was not played`]
      ),
      ...opened.flatMap(({ taken, value }) =>
        taken ? [] : [`the ${value.how} of thread ${value.thread} (line ${value.line}) was not played`]
      ),
      ...asked.flatMap(({ taken, value }) =>
        taken ? [] : [`${value.method} (line ${value.line}) was not asked`]
      ),
      ...cut
    ]
    return left.length === 0
      ? Effect.void
      : mismatch(undefined, `the program is done and the recording is not:\n  ${left.join("\n  ")}`)
  })

  /** Ends as it ended when it was recorded. */
  const replayed = <A, E extends CodexError.CodexError>(
    outcome: CassetteFormat.RecordedOutcome,
    value: (value: unknown) => Effect.Effect<A>,
    isExpected: (error: CodexError.CodexError) => error is E
  ): Effect.Effect<A, E> => {
    switch (outcome._tag) {
      case "Success":
        return value(stable.show(outcome.value))
      case "Failure":
        return isExpected(outcome.error)
          ? Effect.fail(outcome.error)
          : mismatch(undefined, `${outcome.error._tag} is no error of what it was recorded for`)
      // Whoever interrupted it then has to do it again.
      case "Interrupted":
        return Effect.never
      case "Died":
        return Effect.die(new Error(`when it was recorded it died: ${outcome.detail}`))
    }
  }

  const play = (
    found: Once<CassetteFormat.RecordedTurn>,
    steers: Queue.Queue<Steer>,
    handlers: Engine.Handlers
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.gen(function* () {
      const { end, entries, head, line } = found.value
      const what = `turn ${head.turn} of thread ${head.thread}`
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
            const lineOf = line + 1 + index
            const entry = yield* shown(recorded)
            const time = CassetteFormat.timeOf(entry)
            // An answer takes as long as the program takes for it.
            const isAnswer = ["Decided", "Returned", "Steered"].includes(entry._tag)
            if (!isAnswer && options.timing === "recorded" && time > at) yield* Effect.sleep(time - at)
            at = Math.max(at, time)
            played = index + 1
            switch (entry._tag) {
              case "Event": {
                if (entry.event._tag === "TurnCompleted" || entry.event._tag === "AgentEvent") break
                const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
                handlers.emit({ ...entry.event, at: now })
                break
              }
              case "Approve": {
                const { ask, request } = entry
                const deciding = Effect.forkScoped(handlers.approve(request), { startImmediately: true })
                decisions.set(ask, [request, yield* deciding])
                break
              }
              case "Call": {
                const { ask, call } = entry
                calls.set(ask, yield* Effect.forkScoped(handlers.callTool(call), { startImmediately: true }))
                break
              }
              case "Decided": {
                const asked = decisions.get(entry.ask)
                if (asked === undefined) return yield* mismatch(lineOf, "an answer to what was not asked")
                const [request, deciding] = asked
                const decision = Recorder.maskSecretAnswers(request, yield* Fiber.join(deciding))
                const expected = recorded._tag === "Decided" ? recorded.decision : undefined
                yield* compare(what, lineOf, expected, decision, "decision")
                break
              }
              case "Returned": {
                const calling = calls.get(entry.ask)
                if (calling === undefined) return yield* mismatch(lineOf, "an answer to what was not asked")
                const expected = recorded._tag === "Returned" ? recorded.output : undefined
                yield* compare(what, lineOf, expected, yield* Fiber.join(calling), "output")
                break
              }
              case "Steered": {
                waitsFor = " while it waited to be steered"
                const { done, input } = yield* Queue.take(steers)
                waitsFor = ""
                yield* compare(what, lineOf, entry.input, input, "input")
                const ends = replayed(entry.outcome, () => Effect.void, isRequestError)
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
              cut.push(
                `${what} was interrupted after ${played} of ${entries.length + 1} of its lines${waitsFor}`
              )
          })
      )
      return yield* replayed(end.outcome, () => Effect.void, isTurnError)
    }).pipe(Effect.scoped)

  /** An entry with the ids and folders of this run. */
  const shown = (entry: CassetteFormat.Entry): Effect.Effect<CassetteFormat.Entry> =>
    decodeEntry(stable.show(plain(CassetteFormat.encode(entry)))).pipe(
      Effect.filterOrFail(CassetteFormat.isEntry),
      Effect.orDie
    )

  const threadOf = (number: number, value: typeof Opened.Type): Engine.EngineThread => {
    let running: Queue.Queue<Steer> | undefined
    const next = (
      how: CassetteFormat.Of<"Turn">["how"],
      given: { readonly input?: unknown; readonly options?: unknown },
      handlers: Engine.Handlers
    ): Effect.Effect<void, CodexError.TurnError> =>
      Effect.suspend(() => {
        const found = turns.find(({ taken, value: { head } }) => !taken && head.thread === number)
        if (found === undefined) {
          const count = turns.filter(({ value: { head } }) => head.thread === number).length
          return mismatch(
            undefined,
            `thread ${number} has ${count} recorded turns, and the program runs one more: ${JSON.stringify(seen(given.input ?? null))}`
          )
        }
        found.taken = true
        const { head, line } = found.value
        const what = `turn ${head.turn} of thread ${head.thread}`
        return compare(what, line, head.how, how, "how").pipe(
          Effect.andThen(compare(what, line, head.input, given.input, "input")),
          Effect.andThen(compare(what, line, head.options, given.options, "options")),
          Effect.andThen(
            Effect.acquireUseRelease(
              Effect.tap(Queue.unbounded<Steer>(), (steers) => Effect.sync(() => void (running = steers))),
              (steers) => play(found, steers, handlers),
              (steers) =>
                Effect.gen(function* () {
                  running = undefined
                  for (const { done } of yield* Queue.clear(steers)) {
                    const detail = `${what} is steered once more than it was when it was recorded`
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
      turn: (input, settings, handlers) => next("run", { input, options: settings }, handlers),
      compact: (handlers) => next("compact", {}, handlers),
      steer: (input) =>
        Effect.suspend(() => {
          if (running === undefined) return ask("steer", [number, input], () => Effect.void, isRequestError)
          const done = Deferred.makeUnsafe<void, CodexError.RequestError>()
          return Effect.andThen(Queue.offer(running, { input, done }), Deferred.await(done))
        })
    }
  }

  const open = (
    how: CassetteFormat.Of<"Opened">["how"],
    settings: Engine.EngineThreadOptions,
    of: ThreadId | undefined
  ): Effect.Effect<Engine.EngineThread, CodexError.StartError> =>
    Effect.suspend(() => {
      // Threads that are opened at once come in any order: the one that was asked for is the one that fits.
      const left = opened.filter(({ taken, value }) => !taken && value.how === how)
      const fits = ({ value }: (typeof left)[number]) =>
        JsonDiff.first(value.options, seen(settings), "") === undefined
      const found = left.find(fits) ?? left[0]
      if (found === undefined)
        return mismatch(undefined, `the program does one ${how} of a thread more than was recorded`)
      found.taken = true
      const { line, of: from, options: expected, outcome, thread } = found.value
      const what = `the ${how} of thread ${thread}`
      if (of !== undefined && from !== undefined && !isName(of)) stable.bind(of, from)
      stable.folder(settings.cwd ?? process.cwd(), Normalizer.folderName(thread))
      return compare(what, line, from, of === undefined ? undefined : stable.name(of, "thread"), "of").pipe(
        Effect.andThen(compare(what, line, expected, settings, "options")),
        Effect.andThen(
          replayed(
            outcome,
            (value) => Effect.orDie(Effect.map(decodeOpened(value), (value) => threadOf(thread, value))),
            isStartError
          )
        )
      )
    })

  const ask = <A, E extends CodexError.CodexError>(
    method: string,
    args: ReadonlyArray<unknown>,
    value: (value: unknown) => Effect.Effect<A>,
    isExpected: (error: CodexError.CodexError) => error is E
  ): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const left = asked.filter(({ taken, value }) => !taken && value.method === method)
      const given = args.map((arg) => arg ?? null)
      const same = ({ value }: (typeof left)[number]) =>
        JsonDiff.first(value.args, seen(given), "") === undefined
      const found = left.find(same) ?? left[0]
      if (found === undefined) {
        const words = given.map((arg) => JSON.stringify(seen(arg)))
        return mismatch(
          undefined,
          `the program asks ${method}(${words.join(", ")}), and did not when it was recorded`
        )
      }
      found.taken = true
      const { args: expected, line, outcome } = found.value
      const id = threadIdOf(given)
      const name = threadIdOf(expected)
      // An id that was kept elsewhere: it is the one of the recording.
      if (id !== undefined && name !== undefined && !isName(id)) stable.bind(id, name)
      return compare(method, line, expected, given, "args").pipe(
        Effect.andThen(replayed(outcome, value, isExpected))
      )
    })
  const told = <A>(
    method: string,
    args: ReadonlyArray<unknown>,
    value: (value: unknown) => Effect.Effect<A>
  ) => ask(method, args, value, isStartError)
  const nothing = () => Effect.void
  const as =
    <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
    (value: unknown): Effect.Effect<S["Type"]> =>
      Effect.orDie(Schema.decodeUnknownEffect(schema)(value))

  return Engine.Engine.of({
    ready: Effect.suspend(() =>
      asked.some(({ taken, value }) => !taken && value.method === "ready")
        ? told("ready", [], nothing)
        : Effect.void
    ),
    startThread: (settings) => open("start", settings, undefined),
    resumeThread: (id, settings) => open("resume", settings, id),
    forkThread: (id, settings) => open("fork", settings, id),
    listThreads: (filter, cursor) =>
      Effect.map(told("listThreads", [filter, cursor], as(threadPage)), ({ data, next }) => ({ data, next })),
    readThread: (threadId) => told("readThread", [{ threadId }], as(ThreadInfo.ThreadHistory)),
    renameThread: (threadId, name) => told("renameThread", [{ threadId, name }], nothing),
    archiveThread: (threadId) => told("archiveThread", [{ threadId }], nothing),
    unarchiveThread: (threadId) => told("unarchiveThread", [{ threadId }], nothing),
    deleteThread: (threadId) => told("deleteThread", [{ threadId }], nothing),
    listModels: (cursor) =>
      Effect.map(told("listModels", [cursor], as(modelPage)), ({ data, next }) => ({ data, next })),
    request: (method, params) => told("request", [method, params], Effect.succeed)
  })
})

const threadIdOf = (args: ReadonlyArray<unknown>): string | undefined => {
  const [first] = args
  return Predicate.hasProperty(first, "threadId") && typeof first.threadId === "string"
    ? first.threadId
    : undefined
}
const isName = (id: string): boolean => /^thread-\d+$/.test(id)

const startErrors = new Set<string>([
  "CodexNotFound",
  "CodexVersionUnsupported",
  "EngineStartFailed",
  "EngineExited",
  "ProtocolError",
  "InvalidRequest"
])
const isStartError = (error: CodexError.CodexError): error is CodexError.StartError =>
  startErrors.has(error._tag)
const isRequestError = (error: CodexError.CodexError): error is CodexError.RequestError =>
  ["EngineExited", "ProtocolError", "InvalidRequest"].includes(error._tag)
const isTurnError = (error: CodexError.CodexError): error is CodexError.TurnError =>
  isRequestError(error) || !startErrors.has(error._tag)
