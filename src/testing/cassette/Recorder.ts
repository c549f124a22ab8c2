/** Wraps an engine and records its inputs and outputs without changing them. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Approval from "../../Approval.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as ThreadInfo from "../../domain/ThreadInfo.ts"
import * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import * as AttachmentPaths from "./AttachmentPaths.ts"
import * as CassetteFile from "./CassetteFile.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import * as RecordedNotifications from "./RecordedNotifications.ts"
import * as Normalizer from "./Normalizer.ts"
import { toJson } from "./Normalizer.ts"
import * as SecretAnswers from "./SecretAnswers.ts"

export interface RecorderOptions {
  /** Removes secrets from a JSON value before it is written. */
  readonly scrub: (value: unknown) => unknown
  /** Whether a program continues or dies when its recording cannot be written. */
  readonly onError: "warn" | "fail"
  /** `none` writes every time as 0, so that two recordings of one program are equal. */
  readonly times: "recorded" | "none"
  readonly engine: string | undefined
}

type Service = Engine.Engine["Service"]

/** The lines of a turn that has not ended. */
type TurnLines = ReadonlyArray<CassetteFormat.CassetteLine>

const round = (milliseconds: number) => Math.round(milliseconds * 1000) / 1000

/** Scrubs the joined text of all deltas of an item, because a secret may be split across deltas. */
const scrubDeltas = (lines: TurnLines, scrub: (value: unknown) => unknown): TurnLines => {
  const texts = new Map<string, Array<number>>()
  const out = [...lines]
  const deltaOf = (line: CassetteFormat.CassetteLine | undefined) =>
    line?._tag === "Event" && "delta" in line.event ? line.event : undefined
  for (const [index, line] of lines.entries()) {
    const event = deltaOf(line)
    if (event === undefined) continue
    const key = `${event._tag} ${event.itemId}`
    const indexes = texts.get(key)
    if (indexes === undefined) texts.set(key, [index])
    else indexes.push(index)
  }
  for (const indexes of texts.values()) {
    const whole = indexes.map((index) => deltaOf(lines[index])?.delta ?? "").join("")
    const scrubbed = scrub(whole)
    if (scrubbed === whole) continue
    for (const [position, index] of indexes.entries()) {
      const event = deltaOf(lines[index])
      if (event !== undefined) {
        out[index] = { _tag: "Event", event: { ...event, delta: position === 0 ? String(scrubbed) : "" } }
      }
    }
  }
  return out
}

export const make = Effect.fnUntraced(function* (path: string, inner: Service, options: RecorderOptions) {
  const normalizer = Normalizer.make("record")
  const { isOpen, write } = yield* CassetteFile.make(path, options.onError)
  const openThreads = new Map<string, RecordedThread>()
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
    encode: (value: A) => unknown = (value) => value
  ): Effect.Effect<A, E> =>
    Effect.onExit(request, (exit) =>
      writeLine(() => {
        if (Exit.isSuccess(exit)) onSuccess(exit.value)
        const outcome = CassetteFormat.outcome(Exit.map(exit, encode))
        return { _tag: "Asked", method, args: args.map(toJson), outcome }
      })
    )

  /** Records one turn, and writes it when it ends. */
  const recordTurn = (
    thread: RecordedThread,
    head: () => Pick<CassetteFormat.LineOf<"Turn">, "how" | "input" | "options">,
    handlers: Engine.Handlers,
    run: (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>
  ) =>
    Effect.gen(function* () {
      if (!isOpen()) return yield* run(handlers)
      const clock = yield* Clock.Clock
      const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
      const turn = ++turns
      const startedAt = now()
      const lines: Array<CassetteFormat.CassetteLine> = []
      let last = 0
      let asks = 0
      const elapsed = (at: number): number => {
        last = options.times === "none" ? 0 : Math.max(last, round(at - startedAt))
        return last
      }
      const append = (line: (at: number) => CassetteFormat.Entry) => {
        const at = elapsed(now())
        const index = lines.push(line(at)) - 1
        return (other: (at: number) => CassetteFormat.Entry) => void (lines[index] = other(at))
      }
      thread.append = append

      const questions = new Map<string, Approval.ApprovalRequest>()
      const maskAnswers = (event: Turn.EngineEvent): Turn.EngineEvent => {
        if (event._tag === "ApprovalRequested") questions.set(event.request.id, event.request)
        return event._tag === "ApprovalDecided"
          ? { ...event, decision: SecretAnswers.mask(questions.get(event.requestId), event.decision) }
          : event
      }

      const emit = (event: Turn.EngineEvent) => {
        const at = elapsed(event.at)
        lines.push({ _tag: "Event", event: withoutVariation(maskAnswers({ ...event, at }), options.times) })
        handlers.emit(event)
      }
      const approve = (request: Approval.ApprovalRequest) =>
        Effect.suspend(() => {
          const ask = ++asks
          append((at) => ({ _tag: "Approve", at, ask, request }))
          return Effect.tap(handlers.approve(request), (result) =>
            Effect.sync(() => {
              const decision = SecretAnswers.mask(request, result)
              append((at) => ({ _tag: "Decided", at, ask, decision }))
            })
          )
        })
      const callTool = (call: Engine.EngineToolCall) =>
        Effect.suspend(() => {
          const ask = ++asks
          const { arguments: args, callId, tool } = call
          append((at) => ({ _tag: "Call", at, ask, call: { callId, tool, arguments: args } }))
          return Effect.tap(handlers.callTool(call), (output) =>
            Effect.sync(() => append((at) => ({ _tag: "Returned", at, ask, output })))
          )
        })

      // The events of sub-agents are not recorded, but their turns stay observed and end with this turn.
      const agent = handlers.agent === undefined ? {} : { agent: handlers.agent }
      return yield* run({ emit, approve, callTool, ...agent }).pipe(
        Effect.onExit((exit) =>
          write(() => {
            thread.append = undefined
            const ended: CassetteFormat.CassetteLine = {
              _tag: "Ended",
              at: elapsed(now()),
              outcome: CassetteFormat.outcome(exit)
            }
            const first: CassetteFormat.CassetteLine = {
              _tag: "Turn",
              thread: thread.number,
              turn,
              ...head()
            }
            writtenTurns++
            return scrubDeltas([first, ...lines, ended], options.scrub).map(encodeLine)
          })
        )
      )
    })

  const recordNotification = ({ method, params }: Engine.EngineNotification) => {
    const threadId = NotificationHub.threadIdOf(params)
    const append = threadId === undefined ? undefined : openThreads.get(threadId)?.append
    const line = (at: number) => ({ _tag: "Notified", at, method, params: toJson(params) }) as const
    // A file that cannot be written fails the next request too, which has a caller.
    if (append === undefined) Effect.runSync(Effect.exit(writeLine(() => line(0))))
    else append(line)
  }

  const open = (
    how: CassetteFormat.LineOf<"Opened">["how"],
    settings: Engine.EngineThreadOptions,
    of: ThreadId | undefined,
    opening: ReturnType<Service["startThread"]>
  ) =>
    Effect.gen(function* () {
      const number = ++threads
      const exit = yield* Effect.exit(opening)
      yield* writeLine(() => {
        const value = Exit.isSuccess(exit) ? exit.value : undefined
        if (of !== undefined) normalizer.nameOf(of, "thread")
        if (value !== undefined) {
          normalizer.nameOf(value.id, "thread")
          normalizer.addDirectory(value.cwd, Normalizer.directoryName(number))
        }
        const opened = value === undefined ? undefined : describe(value)
        return {
          _tag: "Opened",
          thread: number,
          how,
          ...(of === undefined ? {} : { of }),
          options: toJson(recordedOptions(settings)),
          outcome:
            opened === undefined
              ? CassetteFormat.outcome(Exit.asVoid(exit))
              : { _tag: "Success", value: opened }
        }
      })
      const thread = yield* exit
      const recorded: RecordedThread = { number, append: undefined }
      openThreads.set(thread.id, recorded)
      return wrapThread(thread, recorded)
    })

  const recordReview =
    (
      thread: RecordedThread,
      review: NonNullable<Engine.EngineThread["review"]>
    ): NonNullable<Engine.EngineThread["review"]> =>
    (target, handlers) =>
      recordTurn(
        thread,
        () => ({ how: "review", input: toJson(CassetteFormat.reviewTarget(target)) }),
        handlers,
        (handlers) => review(target, handlers)
      )

  const wrapThread = (inner: Engine.EngineThread, thread: RecordedThread): Engine.EngineThread => ({
    ...inner,
    turn: (input, settings, handlers) =>
      Effect.suspend(() => {
        AttachmentPaths.name(normalizer, input)
        return recordTurn(
          thread,
          () => ({ how: "run", input: toJson(CassetteFormat.turnInput(input)), options: toJson(settings) }),
          handlers,
          (handlers) => inner.turn(input, settings, handlers)
        )
      }),
    ...(inner.review === undefined ? {} : { review: recordReview(thread, inner.review) }),
    ...(inner.terminals === undefined
      ? {}
      : { terminals: RecordedCommands.recordTerminals(thread.number, inner.terminals, recordRequest) }),
    compact: (handlers) => recordTurn(thread, () => ({ how: "compact" }), handlers, inner.compact),
    steer: (input) =>
      Effect.suspend(() => {
        const { append } = thread
        AttachmentPaths.name(normalizer, input)
        const given = toJson(CassetteFormat.turnInput(input))
        const steered = (outcome: CassetteFormat.RecordedOutcome) => (at: number) =>
          ({ _tag: "Steered", at, input: given, outcome }) as const
        // Append the line first: events that follow from the input may precede its answer.
        const replace = append?.(steered({ _tag: "Interrupted" }))
        return Effect.onExit(inner.steer(input), (exit) => {
          const outcome = CassetteFormat.outcome(exit)
          return replace === undefined
            ? writeLine(() => ({ _tag: "Asked", method: "steer", args: [thread.number, given], outcome }))
            : Effect.sync(() => replace(steered(outcome)))
        })
      })
  })

  return Engine.Engine.of({
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
    startThread: (settings) => open("start", settings, undefined, inner.startThread(settings)),
    resumeThread: (id, settings) => open("resume", settings, id, inner.resumeThread(id, settings)),
    forkThread: (id, settings) => open("fork", settings, id, inner.forkThread(id, settings)),
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
    ...(inner.exec === undefined ? {} : { exec: RecordedCommands.recordExec(inner.exec, recordRequest) }),
    request: (method, params, options) =>
      recordRequest("request", [method, params], inner.request(method, params, options))
  })
})

/** Returns the options of a thread without the functions in them. */
export const recordedOptions = (options: Engine.EngineThreadOptions): Engine.EngineThreadOptions => ({
  ...options,
  observer: undefined
})

interface RecordedThread {
  readonly number: number
  /** Appends an entry to the running turn, and returns a function that replaces the entry. */
  append:
    | ((line: (at: number) => CassetteFormat.Entry) => (line: (at: number) => CassetteFormat.Entry) => void)
    | undefined
}

const describe = ({ cwd, id, model, provider }: Engine.EngineThread) => ({
  id,
  ...(model === undefined ? {} : { model }),
  ...(provider === undefined ? {} : { provider }),
  cwd
})

/** Sets the duration of an item to 0 and removes Codex's name of its process, because they differ in every run. */
const withoutVariation = (event: Turn.EngineEvent, times: RecorderOptions["times"]): Turn.EngineEvent => {
  if (times === "recorded" || (event._tag !== "ItemStarted" && event._tag !== "ItemCompleted")) return event
  const { item } = event
  if (item._tag === "CommandExecution" && item.processId !== undefined) {
    const { processId: _, ...others } = item
    return withoutVariation({ ...event, item: others }, times)
  }
  return "durationMillis" in item && item.durationMillis !== undefined
    ? { ...event, item: { ...item, durationMillis: 0 } }
    : event
}
