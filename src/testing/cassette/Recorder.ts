/** Writes down what an engine is asked and what it says. Never changes it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Approval from "../../Approval.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as Engine from "../../engine/Engine.ts"
import * as CassetteFile from "./CassetteFile.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as Normalizer from "./Normalizer.ts"
import { plain } from "./Normalizer.ts"

export interface RecorderOptions {
  /** What is written of a value of JSON: it has to leave out what must not get out. */
  readonly scrub: (value: unknown) => unknown
  /** What becomes of a run whose recording cannot be written: it goes on, or it dies. */
  readonly onError: "warn" | "fail"
  /** `none` writes every time as 0, for recordings that are compared with each other. */
  readonly times: "recorded" | "none"
  readonly engine: string | undefined
}

type Service = Engine.Engine["Service"]

/** What the lines of one turn are made of until its end. */
type Draft = ReadonlyArray<CassetteFormat.CassetteLine>

const mask = "[redacted]"

/**
 * Masks the answers to questions that Codex marks as secret. Scrubbing cannot recognise them, because any text may be
 * such an answer.
 */
export const maskSecretAnswers = (
  request: Approval.ApprovalRequest | undefined,
  decision: Approval.ApprovalDecision
): Approval.ApprovalDecision => {
  if (request?._tag !== "user_input" || (decision._tag !== "accept" && decision._tag !== "acceptForSession"))
    return decision
  const { given } = decision
  if (given?._tag !== "answers") return decision
  const secret = new Set(request.questions.flatMap(({ id, secret }) => (secret ? [id] : [])))
  const answers = Object.entries(given.answers).map(([id, texts]) => [
    id,
    secret.has(id) ? texts.map(() => mask) : texts
  ])
  return { ...decision, given: { _tag: "answers", answers: Object.fromEntries(answers) } }
}

const round = (milliseconds: number) => Math.round(milliseconds * 1000) / 1000

/** A secret may come in pieces: what is masked in the whole of a text is masked in its pieces. */
const wholeDeltas = (lines: Draft, scrub: (value: unknown) => unknown): Draft => {
  const texts = new Map<string, Array<number>>()
  const out = [...lines]
  const deltaOf = (line: CassetteFormat.CassetteLine | undefined) =>
    line?._tag === "Event" && "delta" in line.event ? line.event : undefined
  for (const [index, line] of lines.entries()) {
    const event = deltaOf(line)
    if (event === undefined) continue
    const key = `${event._tag} ${event.itemId}`
    texts.set(key, [...(texts.get(key) ?? []), index])
  }
  for (const indexes of texts.values()) {
    const whole = indexes.map((index) => deltaOf(lines[index])?.delta ?? "").join("")
    const seen = scrub(whole)
    if (seen === whole) continue
    for (const [position, index] of indexes.entries()) {
      const event = deltaOf(lines[index])
      if (event !== undefined) {
        out[index] = { _tag: "Event", event: { ...event, delta: position === 0 ? String(seen) : "" } }
      }
    }
  }
  return out
}

export const make = Effect.fnUntraced(function* (path: string, inner: Service, options: RecorderOptions) {
  const stable = Normalizer.make("record")
  const { isOpen, write } = yield* CassetteFile.make(path, options.onError)
  let threads = 0
  let turns = 0
  let written = 0

  const seen = (line: CassetteFormat.CassetteLine): unknown =>
    options.scrub(stable.hide(plain(CassetteFormat.encode(line))))
  const note = (line: () => CassetteFormat.CassetteLine) => write(() => [seen(line())])

  yield* note(() => ({
    _tag: "Header",
    format: CassetteFormat.name,
    version: CassetteFormat.version,
    ...(options.engine === undefined ? {} : { engine: options.engine })
  }))
  yield* Effect.addFinalizer(() => note(() => ({ _tag: "End", turns: written })))

  const asked = <A, E extends CodexError.CodexError>(
    method: string,
    args: ReadonlyArray<unknown>,
    asking: Effect.Effect<A, E>,
    learn: (value: A) => void = () => {}
  ): Effect.Effect<A, E> =>
    Effect.onExit(asking, (exit) =>
      note(() => {
        if (Exit.isSuccess(exit)) learn(exit.value)
        return { _tag: "Asked", method, args: args.map(plain), outcome: CassetteFormat.outcome(exit) }
      })
    )

  /** One turn, written when it has ended. */
  const recordTurn = (
    thread: Recorded,
    head: () => Pick<CassetteFormat.Of<"Turn">, "how" | "input" | "options">,
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
      const since = (at: number): number => {
        last = options.times === "none" ? 0 : Math.max(last, round(at - startedAt))
        return last
      }
      const keep = (line: (at: number) => CassetteFormat.Entry) => {
        const at = since(now())
        const index = lines.push(line(at)) - 1
        return (other: (at: number) => CassetteFormat.Entry) => void (lines[index] = other(at))
      }
      thread.keep = keep

      const questions = new Map<string, Approval.ApprovalRequest>()
      const concealed = (event: Turn.EngineEvent): Turn.EngineEvent => {
        if (event._tag === "ApprovalRequested") questions.set(event.request.id, event.request)
        return event._tag === "ApprovalDecided"
          ? { ...event, decision: maskSecretAnswers(questions.get(event.requestId), event.decision) }
          : event
      }

      const emit = (event: Turn.EngineEvent) => {
        const at = since(event.at)
        lines.push({ _tag: "Event", event: untimed(concealed({ ...event, at }), options.times) })
        handlers.emit(event)
      }
      const approve = (request: Approval.ApprovalRequest) =>
        Effect.suspend(() => {
          const ask = ++asks
          keep((at) => ({ _tag: "Approve", at, ask, request }))
          return Effect.tap(handlers.approve(request), (made) =>
            Effect.sync(() => {
              const decision = maskSecretAnswers(request, made)
              keep((at) => ({ _tag: "Decided", at, ask, decision }))
            })
          )
        })
      const callTool = (call: Engine.EngineToolCall) =>
        Effect.suspend(() => {
          const ask = ++asks
          const { arguments: args, callId, tool } = call
          keep((at) => ({ _tag: "Call", at, ask, call: { callId, tool, arguments: args } }))
          return Effect.tap(handlers.callTool(call), (output) =>
            Effect.sync(() => keep((at) => ({ _tag: "Returned", at, ask, output })))
          )
        })

      return yield* run({ emit, approve, callTool }).pipe(
        Effect.onExit((exit) =>
          write(() => {
            thread.keep = undefined
            const ended: CassetteFormat.CassetteLine = {
              _tag: "Ended",
              at: since(now()),
              outcome: CassetteFormat.outcome(exit)
            }
            const first: CassetteFormat.CassetteLine = {
              _tag: "Turn",
              thread: thread.number,
              turn,
              ...head()
            }
            written++
            return wholeDeltas([first, ...lines, ended], options.scrub).map(seen)
          })
        )
      )
    })

  const open = (
    how: CassetteFormat.Of<"Opened">["how"],
    settings: object,
    of: ThreadId | undefined,
    opening: ReturnType<Service["startThread"]>
  ) =>
    Effect.gen(function* () {
      const number = ++threads
      const exit = yield* Effect.exit(opening)
      yield* note(() => {
        const value = Exit.isSuccess(exit) ? exit.value : undefined
        if (of !== undefined) stable.name(of, "thread")
        if (value !== undefined) {
          stable.name(value.id, "thread")
          stable.folder(value.cwd, Normalizer.folderName(number))
        }
        const told = value === undefined ? undefined : describe(value)
        return {
          _tag: "Opened",
          thread: number,
          how,
          ...(of === undefined ? {} : { of }),
          options: plain(settings),
          outcome:
            told === undefined ? CassetteFormat.outcome(Exit.asVoid(exit)) : { _tag: "Success", value: told }
        }
      })
      const thread = yield* exit
      return recorded(thread, { number, keep: undefined })
    })

  const recorded = (inner: Engine.EngineThread, thread: Recorded): Engine.EngineThread => ({
    ...inner,
    turn: (input, settings, handlers) =>
      recordTurn(
        thread,
        () => ({ how: "run", input: plain(input), options: plain(settings) }),
        handlers,
        (handlers) => inner.turn(input, settings, handlers)
      ),
    compact: (handlers) => recordTurn(thread, () => ({ how: "compact" }), handlers, inner.compact),
    steer: (input) =>
      Effect.suspend(() => {
        const { keep } = thread
        const given = plain(input)
        const steered = (outcome: CassetteFormat.RecordedOutcome) => (at: number) =>
          ({ _tag: "Steered", at, input: given, outcome }) as const
        // What comes of it may be said before it is answered.
        const change = keep?.(steered({ _tag: "Interrupted" }))
        return Effect.onExit(inner.steer(input), (exit) => {
          const outcome = CassetteFormat.outcome(exit)
          return change === undefined
            ? note(() => ({ _tag: "Asked", method: "steer", args: [thread.number, given], outcome }))
            : Effect.sync(() => change(steered(outcome)))
        })
      })
  })

  return Engine.Engine.of({
    // Only that it did not come up is worth a line: opening a thread says that it did.
    ready: Effect.onExit(inner.ready, (exit) =>
      Exit.isSuccess(exit)
        ? Effect.void
        : note(() => ({ _tag: "Asked", method: "ready", args: [], outcome: CassetteFormat.outcome(exit) }))
    ),
    startThread: (settings) => open("start", settings, undefined, inner.startThread(settings)),
    resumeThread: (id, settings) => open("resume", settings, id, inner.resumeThread(id, settings)),
    forkThread: (id, settings) => open("fork", settings, id, inner.forkThread(id, settings)),
    listThreads: (filter, cursor) =>
      asked("listThreads", [filter, cursor], inner.listThreads(filter, cursor), ({ data }) =>
        data.forEach(({ id }) => stable.name(id, "thread"))
      ),
    readThread: (threadId) => asked("readThread", [{ threadId }], inner.readThread(threadId)),
    renameThread: (threadId, name) =>
      asked("renameThread", [{ threadId, name }], inner.renameThread(threadId, name)),
    archiveThread: (threadId) => asked("archiveThread", [{ threadId }], inner.archiveThread(threadId)),
    unarchiveThread: (threadId) => asked("unarchiveThread", [{ threadId }], inner.unarchiveThread(threadId)),
    deleteThread: (threadId) => asked("deleteThread", [{ threadId }], inner.deleteThread(threadId)),
    listModels: (cursor) => asked("listModels", [cursor], inner.listModels(cursor)),
    request: (method, params) => asked("request", [method, params], inner.request(method, params))
  })
})

interface Recorded {
  readonly number: number
  /** Adds to the turn that runs; what it gives back puts another line in the place of that one. */
  keep:
    | ((line: (at: number) => CassetteFormat.Entry) => (line: (at: number) => CassetteFormat.Entry) => void)
    | undefined
}

const describe = ({ cwd, id, model, provider }: Engine.EngineThread) => ({
  id,
  ...(model === undefined ? {} : { model }),
  ...(provider === undefined ? {} : { provider }),
  cwd
})

/** How long something took is another in every run. */
const untimed = (event: Turn.EngineEvent, times: RecorderOptions["times"]): Turn.EngineEvent => {
  if (times === "recorded" || (event._tag !== "ItemStarted" && event._tag !== "ItemCompleted")) return event
  const { item } = event
  return "duration" in item && item.duration !== undefined
    ? { ...event, item: { ...item, duration: 0 } }
    : event
}
