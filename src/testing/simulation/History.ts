/** What is known of a run from outside the runtime: what was asked, what the engine did, and what broke a promise. */
import type * as Clock from "effect/Clock"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as SeededRandom from "./SeededRandom.ts"

/** One line of the story of a run. */
export interface HistoryLine {
  /** Milliseconds of virtual time since the run began. */
  readonly at: number
  /** The thread that it is about, if it is about one. */
  readonly threadId: string | undefined
  readonly text: string
}

/** A promise that was broken. */
export interface Violation {
  /** Its number in the runtime's seven promises, 1 to 7. */
  readonly promise: number
  readonly threadId: string | undefined
  readonly text: string
}

/** One call of the engine to run a turn. */
export interface Performed {
  readonly threadId: ThreadId
  readonly input: string
  readonly startedAt: number
  /** Everything that was said while it ran, in order. */
  readonly said: Array<Turn.EngineEvent>
  end: string | undefined
  /** Whether the runtime has told its end. */
  told: boolean
}

export interface Ledger {
  readonly now: () => number
  readonly say: (threadId: string | undefined, text: string) => void
  readonly broken: (promise: number, threadId: string | undefined, text: string) => void
  readonly begin: (threadId: ThreadId, input: string) => Performed
  readonly end: (performed: Performed, end: string) => void
  /** The runtime has told the end of a turn of the thread. */
  readonly told: (threadId: string, end: string) => void
  readonly running: () => ReadonlyArray<Performed>
  readonly performed: () => ReadonlyArray<Performed>
  /** What an approver has said yes to, by the id of the request or the key of the call. */
  readonly granted: Set<string>
  /** Threads of which a turn was asked for while none was under way: it has to begin at that moment. */
  readonly due: Map<string, number>
  /** Handlers that are at work. */
  readonly handlers: Set<string>
  readonly story: () => ReadonlyArray<HistoryLine>
  readonly violations: () => ReadonlyArray<Violation>
  /** A number for all that happened and when, the same for the same run. */
  readonly trace: () => string
}

export const make = (clock: Clock.Clock): Ledger => {
  const story: Array<HistoryLine> = []
  const violations: Array<Violation> = []
  const turns: Array<Performed> = []
  const last = new Map<string, Performed>()
  const due = new Map<string, number>()
  let trace: number | undefined
  const now = () => clock.currentTimeMillisUnsafe()

  const say = (threadId: string | undefined, text: string) => {
    const at = now()
    story.push({ at, threadId, text })
    trace = SeededRandom.hash(`${at} ${threadId ?? ""} ${text}`, trace)
  }

  const broken = (promise: number, threadId: string | undefined, text: string) => {
    say(threadId, `BROKEN promise ${promise}: ${text}`)
    violations.push({ promise, threadId, text })
  }

  return {
    now,
    say,
    broken,
    begin: (threadId, input) => {
      const before = last.get(threadId)
      if (before !== undefined && before.end === undefined)
        broken(7, threadId, `the turn "${input}" was begun while "${before.input}" ran`)
      const asked = due.get(threadId)
      due.delete(threadId)
      if (asked !== undefined && asked !== now())
        broken(7, threadId, `the turn "${input}" waited for ${now() - asked} ms, though its thread was free`)
      const performed: Performed = {
        threadId,
        input,
        startedAt: now(),
        said: [],
        end: undefined,
        told: false
      }
      turns.push(performed)
      last.set(threadId, performed)
      say(threadId, `engine begins "${input}"`)
      return performed
    },
    end: (performed, end) => {
      if (performed.end !== undefined)
        broken(1, performed.threadId, `the engine was ended twice in "${performed.input}"`)
      performed.end = end
      say(performed.threadId, `engine ends "${performed.input}": ${end}`)
    },
    told: (threadId, end) => {
      const performed = last.get(threadId)
      if (performed === undefined) return
      if (performed.told) return broken(1, threadId, `the turn "${performed.input}" ended twice: ${end}`)
      performed.told = true
      if (performed.end === undefined)
        broken(2, threadId, `the turn "${performed.input}" is over (${end}), and the engine still runs it`)
    },
    running: () => turns.filter((turn) => turn.end === undefined),
    performed: () => turns,
    granted: new Set(),
    due,
    handlers: new Set(),
    story: () => story,
    violations: () => violations,
    trace: () => (trace ?? 0).toString(16).padStart(8, "0")
  }
}
