/** The history of a run, seen from outside the runtime: inputs, what the engine did, and violated promises. */
import type * as Clock from "effect/Clock"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as SeededRandom from "./SeededRandom.ts"

/**
 * One line of the history of a run.
 * @since 0.1.0
 * @category models
 */
export interface HistoryLine {
  /** Milliseconds of virtual time since the start of the run. */
  readonly at: number
  /** The thread of the event, if it has one. */
  readonly threadId: string | undefined
  readonly text: string
}

/**
 * A violated promise.
 * @since 0.1.0
 * @category models
 */
export interface Violation {
  /** The number of the promise, 1 to 7. */
  readonly promise: number
  readonly threadId: string | undefined
  readonly text: string
}

/** A turn that the engine ran. */
export interface EngineTurn {
  readonly threadId: ThreadId
  readonly input: string
  readonly startedAt: number
  /** The emitted events, in order. */
  readonly emitted: Array<Turn.EngineEvent>
  /** The thread of the turn that a sub-agent works for; otherwise the thread itself. */
  readonly rootThreadId: string
  /** When the usage limit resets that the turn has exhausted, in milliseconds. */
  limitResetsAt: number | undefined
  endedAt: number | undefined
  end: string | undefined
  /** Whether the runtime has reported the end. */
  isReported: boolean
}

export interface RunHistory {
  readonly now: () => number
  readonly log: (threadId: string | undefined, text: string) => void
  readonly addViolation: (promise: number, threadId: string | undefined, text: string) => void
  /** Counts something that the run has played. */
  readonly count: (what: string, times?: number) => void
  readonly played: () => Readonly<Record<string, number>>
  /**
   * The engine starts a turn; `requested` is false if no caller has requested it. A sub-agent works for a turn of another
   * thread, `rootThreadId`.
   */
  readonly begin: (
    threadId: ThreadId,
    input: string,
    requested?: boolean,
    rootThreadId?: string
  ) => EngineTurn
  readonly end: (turn: EngineTurn, end: string) => void
  /**
   * The runtime reports the end of a turn of the thread. `turnId` is undefined for a turn that the engine has not reported
   * as started: it may have waited until the end of another turn, and timed out before.
   */
  readonly reportEnd: (threadId: string, turnId: string | undefined, end: string) => void
  readonly runningTurns: () => ReadonlyArray<EngineTurn>
  readonly turns: () => ReadonlyArray<EngineTurn>
  /** Granted approvals, by request id and item id. */
  readonly granted: Set<string>
  /** Threads with no running turn, and the time at which the caller starts one: the engine must start it at that time. */
  readonly expectedStarts: Map<string, number>
  /** The status of the goals of threads, as the engine has it. */
  readonly goals: Map<string, string>
  /** What the engine last reported about the usage limit. */
  limit: { readonly usedPercent: number; readonly resetsAt: number } | undefined
  /** Tool handlers that run. */
  readonly runningHandlers: Set<string>
  /** Commands that continue in the background, with their threads. */
  readonly runningCommands: Map<string, string>
  readonly lines: () => ReadonlyArray<HistoryLine>
  readonly violations: () => ReadonlyArray<Violation>
  /** A hash of all lines and their times, which is equal for equal runs. */
  readonly fingerprint: () => string
}

/** Returns the id of a turn, once the engine has reported its start. */
export const startedId = (turn: EngineTurn): TurnId | undefined => {
  const event = turn.emitted.find(({ _tag }) => _tag === "TurnStarted")
  return event?._tag === "TurnStarted" ? event.turnId : undefined
}

export const make = (clock: Clock.Clock): RunHistory => {
  const lines: Array<HistoryLine> = []
  const violations: Array<Violation> = []
  const turns: Array<EngineTurn> = []
  const last = new Map<string, EngineTurn>()
  const played = new Map<string, number>()
  const expectedStarts = new Map<string, number>()
  let fingerprint: number | undefined
  const now = () => clock.currentTimeMillisUnsafe()

  const log = (threadId: string | undefined, text: string) => {
    const at = now()
    lines.push({ at, threadId, text })
    fingerprint = SeededRandom.hash(`${at} ${threadId ?? ""} ${text}`, fingerprint)
  }

  const addViolation = (promise: number, threadId: string | undefined, text: string) => {
    log(threadId, `VIOLATED promise ${promise}: ${text}`)
    violations.push({ promise, threadId, text })
  }

  return {
    now,
    log,
    addViolation,
    count: (what, times = 1) => {
      if (times > 0) played.set(what, (played.get(what) ?? 0) + times)
    },
    played: () => Object.fromEntries(played),
    begin: (threadId, input, requested = true, rootThreadId = threadId) => {
      const previous = last.get(threadId)
      if (previous !== undefined && previous.end === undefined)
        addViolation(7, threadId, `the turn "${input}" started while "${previous.input}" ran`)
      const expected = expectedStarts.get(threadId)
      expectedStarts.delete(threadId)
      if (requested && expected !== undefined && expected !== now())
        addViolation(
          7,
          threadId,
          `the turn "${input}" waited ${now() - expected} ms although its thread was idle`
        )
      const turn: EngineTurn = {
        threadId,
        input,
        rootThreadId,
        limitResetsAt: undefined,
        endedAt: undefined,
        startedAt: now(),
        emitted: [],
        end: undefined,
        isReported: false
      }
      turns.push(turn)
      last.set(threadId, turn)
      log(threadId, `the engine starts "${input}"`)
      return turn
    },
    end: (turn, end) => {
      if (turn.end !== undefined) addViolation(1, turn.threadId, `the engine ended twice in "${turn.input}"`)
      turn.end = end
      turn.endedAt = now()
      log(turn.threadId, `the engine ends "${turn.input}": ${end}`)
    },
    reportEnd: (threadId, turnId, end) => {
      const current = last.get(threadId)
      const turn =
        current === undefined || startedId(current) === turnId
          ? current
          : turns.findLast((each) => each.threadId === threadId && startedId(each) === turnId)
      if (turn === undefined) return
      if (turn.isReported) return addViolation(1, threadId, `the turn "${turn.input}" ended twice: ${end}`)
      turn.isReported = true
      if (turn.end === undefined)
        addViolation(2, threadId, `the turn "${turn.input}" ended (${end}), but the engine still runs it`)
    },
    runningTurns: () => turns.filter((turn) => turn.end === undefined),
    turns: () => turns,
    granted: new Set(),
    expectedStarts,
    goals: new Map(),
    limit: undefined,
    runningHandlers: new Set(),
    runningCommands: new Map(),
    lines: () => lines,
    violations: () => violations,
    fingerprint: () => (fingerprint ?? 0).toString(16).padStart(8, "0")
  }
}
