/** Records one turn of an engine without changing it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Approval from "../../Approval.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import type * as ThreadSettings from "../../domain/ThreadSettings.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as ResetTimes from "./ResetTimes.ts"
import * as SecretAnswers from "./SecretAnswers.ts"
import * as ThreadLog from "./ThreadLog.ts"

/** The lines of a turn that has not ended. */
type TurnLines = ReadonlyArray<CassetteFormat.CassetteLine>

export interface TurnRecording {
  readonly thread: number
  readonly turn: number
  readonly log: ThreadLog.ThreadLog
  /** Returns what the first line has in addition to the numbers. */
  readonly head: () => Omit<CassetteFormat.LineOf<"Turn">, "_tag" | "thread" | "turn">
  /** Returns the settings that the engine reports. */
  readonly settings: (() => ThreadSettings.ThreadSettings) | undefined
  readonly times: "recorded" | "none"
  readonly scrub: (value: unknown) => unknown
  /** Writes the lines of the turn. */
  readonly write: (lines: () => TurnLines) => Effect.Effect<void>
}

/** Scrubs the joined text of all deltas of an item, because a secret may be split across deltas. */
const scrubDeltas = (lines: TurnLines, scrub: (value: unknown) => unknown): TurnLines => {
  const texts = new Map<string, Array<number>>()
  const out = [...lines]
  const deltaOf = (line: CassetteFormat.CassetteLine | undefined) =>
    (line?._tag === "Event" || line?._tag === "AgentEmitted") && "delta" in line.event
      ? line.event
      : undefined
  for (const [index, line] of lines.entries()) {
    const event = deltaOf(line)
    if (event === undefined) continue
    const key = `${line._tag === "AgentEmitted" ? line.agent : 0} ${event._tag} ${event.itemId}`
    const indexes = texts.get(key)
    if (indexes === undefined) texts.set(key, [index])
    else indexes.push(index)
  }
  for (const indexes of texts.values()) {
    const whole = indexes.map((index) => deltaOf(lines[index])?.delta ?? "").join("")
    const scrubbed = scrub(whole)
    if (scrubbed === whole) continue
    for (const [position, index] of indexes.entries()) {
      const line = lines[index]
      const event = deltaOf(line)
      if (event === undefined || (line?._tag !== "Event" && line?._tag !== "AgentEmitted")) continue
      out[index] = { ...line, event: { ...event, delta: position === 0 ? String(scrubbed) : "" } }
    }
  }
  return out
}

/** Records one turn, and writes it when it ends. */
export const record = (
  { head, log, scrub, settings, thread, times, turn, write }: TurnRecording,
  handlers: Engine.Handlers,
  run: (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>
): Effect.Effect<void, CodexError.TurnError> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const now = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
    const startedAt = now()
    const lines: Array<CassetteFormat.CassetteLine> = []
    let last = 0
    let asks = 0
    let agents = 0
    const elapsed = (at: number): number => {
      last = times === "none" ? 0 : Math.max(last, ThreadLog.roundTime(at - startedAt))
      return last
    }
    const append: ThreadLog.AppendEntry = (line) => {
      const at = elapsed(now())
      const index = lines.push(line(at)) - 1
      return (other) => void (lines[index] = other(at))
    }
    log.append = append

    let reported = settings?.()
    const recordSettings = () => {
      const changed = settings?.()
      if (changed === undefined || changed === reported) return
      const isEqual = JSON.stringify(changed) === JSON.stringify(reported)
      reported = changed
      if (!isEqual) append((at) => ({ _tag: "Settings", at, settings: changed }))
    }

    const questions = new Map<string, Approval.ApprovalRequest>()
    const maskAnswers = (event: Turn.EngineEvent): Turn.EngineEvent => {
      if (event._tag === "ApprovalRequested") questions.set(event.request.id, event.request)
      return event._tag === "ApprovalDecided"
        ? { ...event, decision: SecretAnswers.mask(questions.get(event.requestId), event.decision) }
        : event
    }
    const stampEvent = (event: Turn.EngineEvent): Turn.EngineEvent => {
      // The settings change with a turn, never with a part of a text.
      if (!("delta" in event)) recordSettings()
      return withoutVariation(maskAnswers({ ...event, at: elapsed(event.at) }), times)
    }

    const recordAnswers = (
      { approve, callTool }: Pick<Engine.Handlers, "approve" | "callTool">,
      of: { readonly agent?: number }
    ): Pick<Engine.Handlers, "approve" | "callTool"> => ({
      approve: (request) =>
        Effect.suspend(() => {
          const ask = ++asks
          append((at) => ({ _tag: "Approve", at, ask, ...of, request }))
          return Effect.tap(approve(request), (result) =>
            Effect.sync(() => {
              const decision = SecretAnswers.mask(request, result)
              append((at) => ({ _tag: "Decided", at, ask, decision }))
            })
          )
        }),
      callTool: (call) =>
        Effect.suspend(() => {
          const ask = ++asks
          const { arguments: args, callId, tool } = call
          append((at) => ({ _tag: "Call", at, ask, ...of, call: { callId, tool, arguments: args } }))
          return Effect.tap(callTool(call), (output) =>
            Effect.sync(() => append((at) => ({ _tag: "Returned", at, ask, output })))
          )
        })
    })

    const recordAgent =
      (start: NonNullable<Engine.Handlers["agent"]>): NonNullable<Engine.Handlers["agent"]> =>
      (started) => {
        const inner = start(started)
        if (inner === undefined) return undefined
        const agent = ++agents
        append((at) => ({ _tag: "AgentStarted", at, agent, ...started }))
        return {
          ...recordAnswers(inner, { agent }),
          emit: (event) => {
            lines.push({ _tag: "AgentEmitted", at: elapsed(event.at), agent, event: stampEvent(event) })
            inner.emit(event)
          },
          end: (end) => {
            const outcome: CassetteFormat.RecordedOutcome =
              end === "completed" ? { _tag: "Success" } : { _tag: "Failure", error: end }
            append((at) => ({ _tag: "AgentEnded", at, agent, outcome }))
            inner.end(end)
          }
        }
      }

    const recorded: Engine.Handlers = {
      ...recordAnswers(handlers, {}),
      emit: (event) => {
        const stamped = stampEvent(event)
        lines.push({ _tag: "Event", event: stamped })
        handlers.emit(event)
      },
      ...(handlers.agent === undefined ? {} : { agent: recordAgent(handlers.agent) })
    }
    return yield* run(recorded).pipe(
      Effect.onExit((exit) =>
        write(() => {
          recordSettings()
          // The next turn may have started.
          if (log.append === append) log.append = undefined
          const ended: CassetteFormat.CassetteLine = {
            _tag: "Ended",
            at: elapsed(now()),
            outcome: ResetTimes.shiftOutcome(
              CassetteFormat.outcome(exit),
              times === "none" ? undefined : -startedAt
            )
          }
          const first: CassetteFormat.CassetteLine = { _tag: "Turn", thread, turn, ...head() }
          return scrubDeltas([first, ...lines, ended], scrub)
        })
      )
    )
  })

/** Sets the duration of an item to 0 and removes Codex's name of its process, because they differ in every run. */
const withoutVariation = (event: Turn.EngineEvent, times: TurnRecording["times"]): Turn.EngineEvent => {
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
