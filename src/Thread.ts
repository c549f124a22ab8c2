/** One thread of conversation with the agent. */
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Attachments from "./attachment/Attachments.ts"
import type * as Budget from "./domain/Budget.ts"
import type * as CodexError from "./domain/CodexError.ts"
import type * as Engine from "./engine/Engine.ts"
import type { ThreadId } from "./domain/Ids.ts"
import type * as Turn from "./domain/Turn.ts"
import type * as TurnOptions from "./domain/TurnOptions.ts"
import * as EventBuffer from "./turn/EventBuffer.ts"
import * as StructuredOutput from "./turn/StructuredOutput.ts"
import * as TurnQueue from "./turn/TurnQueue.ts"
import * as TurnRunner from "./turn/TurnRunner.ts"

/** Runs a turn; with an output schema, its last message is JSON of that shape and is decoded. */
export interface Run<Args extends ReadonlyArray<unknown>> {
  <A, E>(
    ...args: [...Args, options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }]
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  (...args: [...Args, options?: TurnOptions.TurnOptions]): Effect.Effect<Turn.Turn, CodexError.TurnError>
}

/**
 * A conversation with the agent. Its turns run one after the other, in the order they were asked for; other threads are
 * never waited for.
 */
export interface Thread {
  readonly id: ThreadId
  readonly model: string | undefined
  /** The folder that relative paths and commands are in. */
  readonly cwd: string
  /**
   * Runs a turn to its end. Interrupting the effect interrupts the turn and ends what it started; a turn that did not
   * complete is an error, which carries what was there by then.
   */
  readonly run: Run<[input: TurnOptions.TurnInput]>
  /**
   * The same as it happens; the last event, `TurnCompleted`, carries the turn. A stream that is left early interrupts its
   * turn. For a slow consumer text deltas are merged; no other event is ever lost.
   */
  readonly stream: (
    input: TurnOptions.TurnInput,
    options?: TurnOptions.TurnOptions
  ) => Stream.Stream<Turn.TurnEvent, CodexError.TurnError>
  /** Runs a turn on what has been said so far, without saying more: after one that was interrupted or that failed. */
  readonly continue: Run<[]>
  /** Adds to the turn that runs; `InvalidRequest` where none does. Its attachments must outlive that turn. */
  readonly steer: (
    input: TurnOptions.TurnInput
  ) => Effect.Effect<void, CodexError.RequestError | CodexError.AttachmentRejected>
  /**
   * Ends the turn that runs, or waits to be tried again, which fails as `TurnInterrupted` by the caller, and waits until
   * it has; those that wait for it run next. Nothing where none runs.
   */
  readonly interrupt: Effect.Effect<void>
  /** Has the conversation summarised to make room in the model's context: a turn of its own. */
  readonly compact: (options?: TurnOptions.TurnOptions) => Effect.Effect<Turn.Turn, CodexError.TurnError>
  /** What the turns of this handle used together, sub-agents included. */
  readonly spent: Effect.Effect<Budget.BudgetUsage>
}

export const make = (engine: Engine.EngineThread, context: TurnRunner.ThreadContext): Thread => {
  const queue = TurnQueue.make(engine, context)

  function run<A, E>(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function run(
    input: TurnOptions.TurnInput,
    options?: TurnOptions.TurnOptions
  ): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function run(input: TurnOptions.TurnInput, options: TurnOptions.TurnOptions = {}) {
    const { output: schema } = options
    const turn = { request: { _tag: "Prompt", input }, options, publish: constVoid } as const
    return schema === undefined
      ? Effect.map(queue.run({ ...turn, output: StructuredOutput.none }), ([result]) => result)
      : Effect.flatMap(StructuredOutput.fromSchema(schema), (output) =>
          Effect.map(queue.run({ ...turn, output }), ([result, value]) => ({ ...result, output: value }))
        )
  }

  function continueTurn<A, E>(
    options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function continueTurn(options?: TurnOptions.TurnOptions): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function continueTurn(options?: TurnOptions.TurnOptions) {
    return run([], options)
  }

  return {
    id: engine.id,
    model: engine.model,
    cwd: engine.cwd,
    run,
    continue: continueTurn,
    stream: (input, options = {}) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { output: schema } = options
          const output =
            schema === undefined ? StructuredOutput.none : yield* StructuredOutput.fromSchema(schema)
          const { end, offer, stream } = EventBuffer.make<CodexError.TurnError>()
          yield* queue.run({ request: { _tag: "Prompt", input }, options, output, publish: offer }).pipe(
            Effect.onExit((exit) => Effect.sync(() => end(exit))),
            Effect.forkScoped({ startImmediately: true })
          )
          return stream
        })
      ),
    steer: (input) =>
      engine.steer(input).pipe(Attachments.holding(input), TurnRunner.annotated(engine, context)),
    interrupt: queue.interrupt,
    compact: (options = {}) =>
      Effect.map(
        queue.run({
          request: { _tag: "Compact" },
          options,
          output: StructuredOutput.none,
          publish: constVoid
        }),
        ([turn]) => turn
      ),
    spent: queue.spent
  }
}
