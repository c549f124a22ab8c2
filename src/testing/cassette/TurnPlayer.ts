/** Replays one turn: emits its events, repeats its approvals and tool calls, and compares what the program does. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type * as ThreadSettings from "../../domain/ThreadSettings.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as AttachmentPaths from "./AttachmentPaths.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import { toJson } from "./Normalizer.ts"
import * as Replay from "./Replay.ts"
import type * as ReplayedThread from "./ReplayedThread.ts"
import * as ResetTimes from "./ResetTimes.ts"
import * as SecretAnswers from "./SecretAnswers.ts"

const decodeEntry = Schema.decodeUnknownEffect(CassetteFormat.CassetteLine)

/** Replaces the recorded ids and directories of an entry by those of this run. */
const restore = (
  { normalizer }: Replay.Replay,
  entry: CassetteFormat.Entry
): Effect.Effect<CassetteFormat.Entry> =>
  decodeEntry(normalizer.restore(toJson(CassetteFormat.encode(entry)))).pipe(
    Effect.filterOrFail(CassetteFormat.isEntry),
    Effect.orDie
  )

const unknownRequest = "the recording has an answer to a request that it does not contain"

/** The thread of a turn. */
export interface TurnThread extends Pick<ReplayedThread.ReplayedThread, "exit" | "goal" | "terminal"> {
  readonly setSettings: (settings: ThreadSettings.ThreadSettings) => void
}

const isForRunningTurn = (event: Turn.TurnEvent): event is Turn.EngineEvent =>
  event._tag !== "TurnCompleted" && event._tag !== "AgentEvent" && event._tag !== "EventsOmitted"

/** Plays a recorded turn to its end. `steers` holds the inputs with which the program steers it. */
export const play = (
  replay: Replay.Replay,
  thread: TurnThread,
  { end, entries, head, line }: CassetteFormat.RecordedTurn,
  steers: Queue.Queue<ReplayedThread.Steer>,
  handlers: Engine.Handlers
): Effect.Effect<void, CodexError.TurnError> =>
  Effect.gen(function* () {
    const { compare, mismatch, notifications, replayOutcome, sleep, waitFor } = replay
    const subject = `turn ${head.turn} of thread ${head.thread}`
    const clock = yield* Clock.Clock
    const decisions = new Map<
      number,
      readonly [Approval.ApprovalRequest, Fiber.Fiber<Approval.ApprovalDecision>]
    >()
    const calls = new Map<number, Fiber.Fiber<Engine.EngineToolOutput>>()
    /** The sub-agents that work. */
    const agents = new Map<number, Engine.AgentHandlers>()
    const startedAt = clock.currentTimeMillisUnsafe()
    const timed = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
    const handlersOf = (agent: number | undefined) =>
      (agent === undefined ? undefined : agents.get(agent)) ?? handlers
    const endAgent = (agent: number, outcome: Parameters<Engine.AgentHandlers["end"]>[0]) => {
      const ended = agents.get(agent)
      agents.delete(agent)
      ended?.end(outcome)
    }
    let at = 0
    let played = 0
    let waitsFor = ""

    const playEntry = Effect.fnUntraced(function* (recorded: CassetteFormat.Entry, entryLine: number) {
      const entry = yield* restore(replay, recorded)
      const time = CassetteFormat.timeOf(entry)
      const left = Math.max(0, time - at)
      // The program decides how long an answer takes.
      const isAnswer = ["Decided", "Returned", "Steered"].includes(entry._tag)
      if (!isAnswer) yield* sleep(left)
      at = Math.max(at, time)
      played++
      switch (entry._tag) {
        case "Event": {
          const { event } = entry
          return isForRunningTurn(event) ? handlers.emit({ ...event, at: timed() }) : undefined
        }
        case "AgentStarted": {
          const { agent, threadId, turnId } = entry
          const started = handlers.agent?.({ threadId, turnId })
          return started === undefined ? undefined : void agents.set(agent, started)
        }
        case "AgentEmitted": {
          const { agent, event } = entry
          return isForRunningTurn(event) ? agents.get(agent)?.emit({ ...event, at: timed() }) : undefined
        }
        case "AgentEnded": {
          const { agent, outcome } = entry
          const isFailed = outcome._tag === "Failure" && Replay.isTurnError(outcome.error)
          return endAgent(agent, isFailed ? outcome.error : "completed")
        }
        case "Settings":
          return thread.setSettings(entry.settings)
        case "Goal":
          return thread.goal(entry.goal)
        case "Terminal":
          return yield* thread.terminal(entry.event)
        case "Exited":
          return entry.outcome._tag === "Failure" && Replay.isTurnError(entry.outcome.error)
            ? thread.exit(entry.outcome.error)
            : undefined
        case "Notified":
          return notifications.play(entry, clock.currentTimeMillisUnsafe())
        case "Approve": {
          const { agent, ask, request } = entry
          const fiber = Effect.forkScoped(handlersOf(agent).approve(request), { startImmediately: true })
          return void decisions.set(ask, [request, yield* fiber])
        }
        case "Call": {
          const { agent, ask, call } = entry
          const fiber = Effect.forkScoped(handlersOf(agent).callTool(call), { startImmediately: true })
          return void calls.set(ask, yield* fiber)
        }
        case "Decided": {
          const pending = decisions.get(entry.ask)
          if (pending === undefined) return yield* mismatch(entryLine, unknownRequest)
          const [request, fiber] = pending
          const decision = SecretAnswers.mask(request, yield* waitFor(left, Fiber.join(fiber)))
          const expected = recorded._tag === "Decided" ? recorded.decision : undefined
          return yield* compare(subject, entryLine, expected, decision, "decision")
        }
        case "Returned": {
          const calling = calls.get(entry.ask)
          if (calling === undefined) return yield* mismatch(entryLine, unknownRequest)
          const expected = recorded._tag === "Returned" ? recorded.output : undefined
          const output = yield* waitFor(left, Fiber.join(calling))
          return yield* compare(subject, entryLine, expected, output, "output")
        }
        case "Steered": {
          waitsFor = " while it waited to be steered"
          const { done, input } = yield* waitFor(left, Queue.take(steers))
          waitsFor = ""
          AttachmentPaths.bind(replay.normalizer, input, entry.input)
          yield* compare(subject, entryLine, entry.input, CassetteFormat.turnInput(input), "input")
          const outcome = replayOutcome(entry.outcome, () => Effect.void, Replay.isRequestError)
          return yield* Effect.asVoid(Deferred.complete(done, outcome))
        }
      }
    })

    const all = Effect.gen(function* () {
      for (const [index, recorded] of entries.entries()) yield* playEntry(recorded, line + 1 + index)
      const left = Math.max(0, end.at - at)
      // The program interrupted the turn in the recording, so it must do so again.
      if (end.outcome._tag === "Interrupted") return yield* waitFor(left, Effect.never)
      yield* sleep(left)
      played++
    })
    yield* Effect.onInterrupt(all, () =>
      Effect.sync(() => {
        for (const agent of agents.keys()) endAgent(agent, new CodexError.TurnInterrupted({ by: "caller" }))
        if (end.outcome._tag !== "Interrupted")
          replay.reportInterrupted(
            `${subject} was interrupted after ${played} of ${entries.length + 1} of its lines${waitsFor}`
          )
      })
    )
    const outcome = replay.hasRelativeTimes ? ResetTimes.shiftOutcome(end.outcome, startedAt) : end.outcome
    return yield* replayOutcome(outcome, () => Effect.void, Replay.isTurnError)
  }).pipe(Effect.scoped)
