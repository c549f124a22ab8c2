/** One turn that plays a script, and what its steps can do: emit events and ask for approval. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Goal from "../../domain/Goal.ts"
import type { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../../engine/Engine.ts"

/**
 * The script does not match the program.
 * @since 0.1.0
 * @category errors
 */
export class ScriptError extends Data.TaggedError("ScriptError")<{ readonly detail: string }> {
  override get message() {
    return this.detail
  }
}

/** Fails the test: a script that does not match the program is a defect, which the program cannot catch as an error. */
export const dieScriptError = (detail: string): Effect.Effect<never> =>
  Effect.die(new ScriptError({ detail }))

/** What a step of the script sees of its turn. */
export interface ScriptedTurn {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly input: string
  readonly options: Engine.EngineThreadOptions
  readonly handlers: Engine.Handlers
  readonly nextId: (prefix: string) => ItemId
  /** Steering messages that no step has consumed yet. */
  readonly steered: Queue.Queue<string>
  /** Sets the goal of the thread. */
  readonly setGoal: (goal: Goal.Goal) => void
  /** Has Codex start another turn by itself when this one has ended. It plays the next steps of the script. */
  readonly continueWith: (input: string) => void
  /** Starts a sub-agent of the turn, which plays its steps while the turn continues. */
  readonly startAgent: (steps: ReadonlyArray<ScriptedStep>) => Effect.Effect<void>
  /** Sends a notification to the program. */
  readonly notify: (method: string, params: unknown) => Effect.Effect<void>
  /** Starts a command that the turn does not wait for. Without `end` it runs until it is ended. */
  readonly startCommand: (item: Item.CommandExecution, end: ScriptedEnd | undefined) => Effect.Effect<void>
}

/**
 * When a command that a turn does not wait for ends by itself, and how.
 * @since 0.1.0
 * @category models
 */
export interface ScriptedEnd {
  readonly after: Duration.Input
  readonly exitCode?: number | undefined
  readonly output?: string | undefined
}

/**
 * One thing that happens in a turn. `End` is the last step of its turn.
 * @since 0.1.0
 * @category models
 */
export interface ScriptedStep {
  readonly _tag: "Step" | "End"
  readonly play: (turn: ScriptedTurn) => Effect.Effect<void, CodexError.TurnError>
}

/** An event that has no time yet. */
export type Untimed<E> = E extends unknown ? Omit<E, "at"> : never

/** Passes an event with the time of the current clock to a function. */
export const emitTo = (
  receive: Engine.Handlers["emit"],
  event: Untimed<Turn.EngineEvent>
): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeNanos, (now) =>
    receive({ ...event, at: Number(now) / 1e6 } as Turn.EngineEvent)
  )

/** Emits an event with the time of the current clock. */
export const emit = (turn: ScriptedTurn, event: Untimed<Turn.EngineEvent>): Effect.Effect<void> =>
  emitTo(turn.handlers.emit, event)

/** Emits several events in order. */
export const emitAll = (
  turn: ScriptedTurn,
  ...events: ReadonlyArray<Untimed<Turn.EngineEvent>>
): Effect.Effect<void> => Effect.forEach(events, (event) => emit(turn, event), { discard: true })

/**
 * Asks for approval as an engine does: emits the request, waits for the decision, emits the decision without its
 * answers. A decision to cancel interrupts the turn.
 */
export const requestApproval = Effect.fnUntraced(function* (
  request: Approval.ApprovalRequest,
  approve: Engine.Handlers["approve"],
  emit: (event: Untimed<Turn.EngineEvent>) => Effect.Effect<void>
): Effect.fn.Return<Approval.ApprovalDecision, CodexError.TurnInterrupted> {
  yield* emit({ _tag: "ApprovalRequested", request })
  const decision = yield* approve(request)
  const { id: requestId, itemId } = request
  yield* emit({
    _tag: "ApprovalDecided",
    requestId,
    itemId,
    decision: Approval.withoutAnswers(decision),
    source: decision.source ?? "policy"
  })
  if (decision._tag === "Cancel") return yield* new CodexError.TurnInterrupted({ by: "policy" })
  return decision
})
