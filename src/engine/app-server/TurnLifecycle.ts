/** The life of one turn, as what is heard of it tells: events in, the state of it and at most one end out. Pure. */
import type * as CodexError from "../../domain/CodexError.ts"
import type { TurnId } from "../../domain/Ids.ts"

export type LifecycleEnd = "completed" | CodexError.TurnError

export type LifecycleState =
  /** Asked for, and not answered: whatever is said of turns is of older ones. */
  | { readonly _tag: "Starting" }
  /** Codex has taken it, and may not know yet that it runs: it cannot be interrupted. */
  | { readonly _tag: "Accepted"; readonly turnId: TurnId | undefined }
  /** `verdict` is how it ends if nobody says so. */
  | {
      readonly _tag: "Running"
      readonly turnId: TurnId
      readonly expectedError: CodexError.TurnError | undefined
    }
  | { readonly _tag: "Over"; readonly turnId: TurnId | undefined; readonly end: LifecycleEnd }

export type LifecycleInput =
  /** The reply to the request that starts it. */
  | { readonly _tag: "Accepted"; readonly turnId: TurnId | undefined }
  /** Something that happened in a turn; `begins` is its first. */
  | { readonly _tag: "EventReceived"; readonly turnId: TurnId; readonly begins: boolean }
  /** The thread has no turn that runs. */
  | { readonly _tag: "Idle" }
  /** The turn will fail with this; its end should follow. */
  | { readonly _tag: "Failing"; readonly turnId: TurnId; readonly error: CodexError.TurnError }
  /** Codex says how the turn ended. */
  | { readonly _tag: "Ended"; readonly turnId: TurnId; readonly end: LifecycleEnd }
  /** Somebody else knows how it ended: the watchdog, whoever stopped it. */
  | { readonly _tag: "Resolved"; readonly end: LifecycleEnd }
  /** The process is about to be ended for this. */
  | { readonly _tag: "ProcessKilled"; readonly error: CodexError.TurnError }
  /** The process is gone. */
  | { readonly _tag: "ConnectionClosed"; readonly error: CodexError.TurnError }

/** What follows from an input. */
export interface LifecycleOutput {
  /** What was heard is of this turn. */
  readonly matches: boolean
  /** The end should have come, or comes soon: somebody has to look after it. */
  readonly confirmEnd: boolean
  /** How the turn ended: told once. */
  readonly end: LifecycleEnd | undefined
}

export const initial: LifecycleState = { _tag: "Starting" }

const ignored: LifecycleOutput = { matches: false, confirmEnd: false, end: undefined }
const matches: LifecycleOutput = { matches: true, confirmEnd: false, end: undefined }
const unconfirmed: LifecycleOutput = { matches: true, confirmEnd: true, end: undefined }

/** The turn's id, once it has one. */
export const turnIdOf = (state: LifecycleState): TurnId | undefined =>
  state._tag === "Starting" ? undefined : state.turnId

const over = (state: LifecycleState, end: LifecycleEnd): readonly [LifecycleState, LifecycleOutput] => [
  { _tag: "Over", turnId: turnIdOf(state), end },
  { matches: true, confirmEnd: false, end }
]

/** Whether what names that turn is of this one: one that was accepted without an id is whichever begins first. */
const isSameTurn = (state: LifecycleState, turnId: TurnId, begins: boolean): boolean => {
  const known = turnIdOf(state)
  return known === undefined ? state._tag === "Accepted" && begins : known === turnId
}

export const step = (
  state: LifecycleState,
  input: LifecycleInput
): readonly [LifecycleState, LifecycleOutput] => {
  if (state._tag === "Over") {
    // What is still said of it is passed by.
    return [state, ignored]
  }
  switch (input._tag) {
    case "Accepted":
      return state._tag === "Starting"
        ? [{ _tag: "Accepted", turnId: input.turnId }, ignored]
        : [state, ignored]
    case "EventReceived":
      // Text comes word by word: nothing is made anew for each.
      if (state._tag === "Running" && state.expectedError === undefined && state.turnId === input.turnId)
        return [state, matches]
      return isSameTurn(state, input.turnId, input.begins)
        ? [{ _tag: "Running", turnId: input.turnId, expectedError: undefined }, matches]
        : [state, ignored]
    case "Idle":
      return state._tag === "Starting" ? [state, ignored] : [state, unconfirmed]
    case "Failing":
      return isSameTurn(state, input.turnId, false)
        ? [{ _tag: "Running", turnId: input.turnId, expectedError: input.error }, unconfirmed]
        : [state, ignored]
    case "Ended":
      return isSameTurn(state, input.turnId, false) ? over(state, input.end) : [state, ignored]
    case "Resolved":
      return over(state, input.end)
    case "ProcessKilled": {
      const turnId = turnIdOf(state)
      return turnId === undefined
        ? [state, ignored]
        : [{ _tag: "Running", turnId, expectedError: input.error }, ignored]
    }
    case "ConnectionClosed":
      return over(state, state._tag === "Running" ? (state.expectedError ?? input.error) : input.error)
  }
}
