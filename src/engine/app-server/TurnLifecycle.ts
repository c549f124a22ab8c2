/** The lifecycle of one turn as a pure state machine: takes inputs and returns the next state and at most one end. */
import type * as CodexError from "../../domain/CodexError.ts"
import type { TurnId } from "../../domain/Ids.ts"

export type LifecycleEnd = "completed" | CodexError.TurnError

export type LifecycleState =
  /** Requested, without a reply yet. Events that arrive now belong to older turns. */
  | { readonly _tag: "Starting" }
  /** Accepted by Codex, which cannot interrupt it before it has started. */
  | { readonly _tag: "Accepted"; readonly turnId: TurnId | undefined }
  /** `expectedError` is how the turn ends if Codex does not report its end. */
  | {
      readonly _tag: "Running"
      readonly turnId: TurnId
      readonly expectedError: CodexError.TurnError | undefined
    }
  | { readonly _tag: "Over"; readonly turnId: TurnId | undefined; readonly end: LifecycleEnd }

export type LifecycleInput =
  /** The reply to the request that starts the turn. */
  | { readonly _tag: "Accepted"; readonly turnId: TurnId | undefined }
  /** An event of a turn; `begins` marks `turn/started`. */
  | { readonly _tag: "EventReceived"; readonly turnId: TurnId; readonly begins: boolean }
  /** The thread has no running turn. */
  | { readonly _tag: "Idle" }
  /** The turn will fail with this error; its end should follow. */
  | { readonly _tag: "Failing"; readonly turnId: TurnId; readonly error: CodexError.TurnError }
  /** Codex reports how the turn ended. */
  | { readonly _tag: "Ended"; readonly turnId: TurnId; readonly end: LifecycleEnd }
  /** The watchdog, or the code that interrupts the turn, determined how it ended. */
  | { readonly _tag: "Resolved"; readonly end: LifecycleEnd }
  /** The engine is about to kill the process because of this error. */
  | { readonly _tag: "ProcessKilled"; readonly error: CodexError.TurnError }
  /** The process has ended. */
  | { readonly _tag: "ConnectionClosed"; readonly error: CodexError.TurnError }

/** The consequences of an input. */
export interface LifecycleOutput {
  /** The input belongs to this turn. */
  readonly matches: boolean
  /** The end is overdue or due soon: the driver has to confirm it. */
  readonly confirmEnd: boolean
  /** How the turn ended. Set exactly once. */
  readonly end: LifecycleEnd | undefined
}

export const initial: LifecycleState = { _tag: "Starting" }

const ignored: LifecycleOutput = { matches: false, confirmEnd: false, end: undefined }
const matches: LifecycleOutput = { matches: true, confirmEnd: false, end: undefined }
const unconfirmed: LifecycleOutput = { matches: true, confirmEnd: true, end: undefined }

/** Returns the id of the turn, if it is known. */
export const turnIdOf = (state: LifecycleState): TurnId | undefined =>
  state._tag === "Starting" ? undefined : state.turnId

const over = (state: LifecycleState, end: LifecycleEnd): readonly [LifecycleState, LifecycleOutput] => [
  { _tag: "Over", turnId: turnIdOf(state), end },
  { matches: true, confirmEnd: false, end }
]

/** Whether an input for `turnId` belongs to this turn. A turn accepted without an id takes the id of the first that starts. */
const isSameTurn = (state: LifecycleState, turnId: TurnId, begins: boolean): boolean => {
  const known = turnIdOf(state)
  return known === undefined ? state._tag === "Accepted" && begins : known === turnId
}

export const step = (
  state: LifecycleState,
  input: LifecycleInput
): readonly [LifecycleState, LifecycleOutput] => {
  if (state._tag === "Over") {
    // Ignore late inputs.
    return [state, ignored]
  }
  switch (input._tag) {
    case "Accepted":
      return state._tag === "Starting"
        ? [{ _tag: "Accepted", turnId: input.turnId }, ignored]
        : [state, ignored]
    case "EventReceived":
      // Text deltas are frequent, so this path allocates nothing.
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
