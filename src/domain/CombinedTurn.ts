/** Combines the attempts at a turn into one `Turn`. Pure. */
import type * as Turn from "./Turn.ts"
import * as TurnState from "./TurnState.ts"

/** Attempts that have ended, combined, and how long the next attempt waited after them. */
export interface EarlierAttempts {
  readonly turn: Turn.Turn
  readonly waitMillis: number
}

/** Adds the times of two attempts. The wait between them is overhead. */
const addTime = (a: Turn.TurnTime, b: Turn.TurnTime, waitMillis: number): Turn.TurnTime => {
  const thinkingMillis = a.thinkingMillis + b.thinkingMillis
  const toolsMillis = a.toolsMillis + b.toolsMillis
  const approvalMillis = a.approvalMillis + b.approvalMillis
  const overheadMillis = a.overheadMillis + b.overheadMillis + waitMillis
  // Summed from the parts, so that the sum of the parts is exact.
  const totalMillis = thinkingMillis + toolsMillis + approvalMillis + overheadMillis
  return { totalMillis, thinkingMillis, toolsMillis, approvalMillis, overheadMillis }
}

/** Returns the cost of both, which is unknown if one of them is. */
const costOf = ({ cost: before }: Turn.Turn, { cost }: Turn.Turn): Pick<Turn.Turn, "cost"> =>
  before === undefined || cost === undefined ? {} : { cost: before + cost }

/**
 * Adds the use of earlier attempts to the turn of the last one. Its items, message and diff stay those of the last attempt:
 * each attempt is a turn of its own in Codex, with its own items.
 */
export const withEarlier = (earlier: EarlierAttempts | undefined, turn: Turn.Turn): Turn.Turn => {
  if (earlier === undefined) return turn
  const { cost: _, ...last } = turn
  return {
    ...last,
    usage: TurnState.addUsage(earlier.turn.usage, last.usage),
    ...costOf(earlier.turn, turn),
    time: addTime(earlier.turn.time, last.time, earlier.waitMillis),
    modelCalls: earlier.turn.modelCalls + last.modelCalls,
    toolCalls: earlier.turn.toolCalls + last.toolCalls,
    sideEffects: earlier.turn.sideEffects || last.sideEffects,
    attempts: (earlier.turn.attempts ?? 1) + 1
  }
}
