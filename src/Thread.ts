/** A conversation with the agent, and the turns that run in it. */
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Attachments from "./attachment/Attachments.ts"
import type * as Budget from "./domain/Budget.ts"
import * as ContentLimits from "./domain/ContentLimits.ts"
import type * as CodexError from "./domain/CodexError.ts"
import type * as CodexProtocol from "./engine/CodexProtocol.ts"
import type * as Goal from "./domain/Goal.ts"
import type * as Engine from "./engine/Engine.ts"
import type { ThreadId } from "./domain/Ids.ts"
import type * as ThreadEvent from "./domain/ThreadEvent.ts"
import type * as ThreadSettings from "./domain/ThreadSettings.ts"
import type * as Turn from "./domain/Turn.ts"
import type * as TurnOptions from "./domain/TurnOptions.ts"
import * as EventBuffer from "./turn/EventBuffer.ts"
import * as StructuredOutput from "./turn/StructuredOutput.ts"
import * as SharedThreads from "./turn/SharedThreads.ts"
import * as ThreadMembers from "./turn/ThreadMembers.ts"
import type * as TurnObservation from "./turn/TurnObservation.ts"
import * as TurnQueue from "./turn/TurnQueue.ts"
import * as KeyedTurn from "./turn/KeyedTurn.ts"
import * as TurnRunner from "./turn/TurnRunner.ts"

/**
 * Runs a turn and returns it. With the option `output`, the agent's last message is JSON of that schema, and the result
 * has the decoded value as `output`.
 */
export interface Run<Args extends ReadonlyArray<unknown>> {
  <A, E>(
    ...args: [...Args, options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }]
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  <A, E>(
    ...args: [
      ...Args,
      options: TurnOptions.TurnOptions & {
        readonly output: TurnOptions.OutputOptions<A, E> | TurnOptions.JsonOutput
      }
    ]
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  (...args: [...Args, options?: TurnOptions.TurnOptions]): Effect.Effect<Turn.Turn, CodexError.TurnError>
}

/**
 * Lists, watches and ends the background terminals of a thread.
 * @since 0.1.0
 * @category models
 */
export interface Terminals extends Engine.EngineTerminals {}

/**
 * A conversation with the agent. `Codex.startThread` and its siblings open one; closing their scope closes the thread.
 *
 * The turns of a thread run one after another, in the order in which they were requested. Threads do not wait for each
 * other.
 * @since 0.1.0
 * @category models
 */
export interface Thread {
  /**
   * The id of the conversation. `Codex.resumeThread` opens it again, also in another process, once the thread has a turn:
   * Codex stores nothing before. If Codex's process dies before the first turn, the next turn of the handle that started
   * the thread starts it again, and the thread gets a new id: for all handles, which still share turns and budgets.
   * `resumeThread` and `forkThread` find it by the old id too, while the `Codex` service lives.
   */
  readonly id: ThreadId
  /** The model of the thread, if the engine reports it. */
  readonly model: string | undefined
  /** The working directory: commands run in it, and relative paths start from it. */
  readonly cwd: string
  /**
   * Sends the input to the agent and waits until the agent has finished. A turn that does not complete fails with a
   * `TurnError`, whose `turn` is the state of the turn at its end. Without the option `timeout`, a turn may take 30 minutes.
   *
   * Interrupting the effect interrupts the turn in Codex and ends the commands and tools that it started.
   */
  readonly run: Run<[input: TurnOptions.TurnInput]>
  /**
   * Runs a turn as `run` does and returns its events. The last event, `TurnCompleted`, contains the turn. The stream fails
   * with the errors of `run`, and with `OutputInvalid` if the last message does not match `output`.
   *
   * The turn starts when the stream does. A consumer that stops early interrupts the turn. For a slow consumer, waiting
   * text deltas of an item are merged, and only the latest `ToolProgress` of a call is kept; no other event is dropped.
   */
  readonly stream: (
    input: TurnOptions.TurnInput,
    options?: TurnOptions.TurnOptions
  ) => Stream.Stream<Turn.TurnEvent, CodexError.TurnError>
  /**
   * Runs a turn without new input, for example after a turn that failed or was interrupted: Codex keeps the input of that
   * turn.
   */
  readonly continue: Run<[]>
  /**
   * Adds input to the turn that is running. Fails with `InvalidRequest` if no turn is running. Attachments in the input
   * must exist until the turn ends.
   */
  readonly steer: (
    input: TurnOptions.TurnInput
  ) => Effect.Effect<void, CodexError.RequestError | CodexError.AttachmentRejected>
  /**
   * Interrupts the current turn, or its wait for the next attempt, and waits for its end. The turn fails with
   * `TurnInterrupted` by `caller`, and the next requested turn starts. If this handle has requested none, ends the turn that
   * runs on the thread, also a turn of another handle or of Codex. If Codex has started it by itself for a goal, the goal is paused. Does nothing
   * if no turn is running.
   */
  readonly interrupt: Effect.Effect<void>
  /**
   * From now on, a turn of this handle goes on in Codex when the scope of the thread closes or the effect that runs it is
   * interrupted, with its background terminals and sub-agents. `interrupt` still interrupts it, and `Codex.attach` observes
   * it again. The same as the option `onScopeClose: "detach"`. Fails with `InvalidRequest.Rejected` if Codex does not run
   * behind a socket, because its turns then end with this process.
   */
  readonly detach: Effect.Effect<void, CodexError.InvalidRequest>
  /**
   * Reviews code and returns the turn with typed findings. Codex starts the review with a clean context, runs its commands
   * without asking for approval, and adds the review to the conversation, so that a next turn can refer to it. Everything
   * else is as in `run`. A review of which the model gave no result, or one whose
   * findings cannot be read, fails with `OutputInvalid`, which contains the text.
   */
  readonly review: (
    options: TurnOptions.ReviewOptions
  ) => Effect.Effect<TurnOptions.TurnWithReview, CodexError.TurnError>
  /** Reviews code as `review` does and returns the events, as `stream` does. */
  readonly streamReview: (
    options: TurnOptions.ReviewOptions
  ) => Stream.Stream<Turn.TurnEvent, CodexError.TurnError>
  /** Summarises the conversation to make room in the model's context. The summary is a turn of its own. */
  readonly compact: (options?: TurnOptions.TurnOptions) => Effect.Effect<Turn.Turn, CodexError.TurnError>
  /**
   * The commands of the thread that run in the background: their turn has ended, or goes on without waiting for them. Their
   * items have the status `background` in the result of the turn. They end with the scope of the thread's last handle, with
   * an interrupted turn, or with each turn by the option `terminals`. Those of sub-agents end with the turn.
   */
  readonly terminals: Terminals
  /**
   * What Codex says about this thread, in its own protocol: `codex.notifications` with the id of this thread. Sub-agents
   * have threads of their own. The stream ends when the thread's scope closes.
   */
  readonly notifications: Stream.Stream<CodexProtocol.Notification>
  /**
   * The settings in force on the thread, as the engine last reported them. Another handle may have set them: a turn of this
   * handle brings this handle's own.
   */
  readonly settings: Effect.Effect<ThreadSettings.ThreadSettings>
  /**
   * What the turns of the thread used since this handle was opened, also turns of other handles and of Codex itself, sub-agents included: tokens,
   * milliseconds, tool calls and model requests.
   */
  readonly spent: Effect.Effect<Budget.BudgetUsage>
  /**
   * What happens on the thread from now on: the events of all turns, also of turns that other handles request and that
   * Codex starts by itself, and changes of its goal. Ends when the scope of the handle closes. A slow consumer loses no more
   * than that of `stream`.
   */
  readonly activity: Stream.Stream<ThreadEvent.ThreadEvent>
  /**
   * Has Codex work until the objective is reached: it starts turn after turn, and this function returns when the goal has
   * ended, however it has. Turns that are requested meanwhile wait. Needs a thread that was opened with `goals: true`.
   *
   * Fails if a turn of the goal fails or is interrupted, or if a budget of the thread is exhausted before the goal has
   * ended; the error has the last turn. The goal is then paused, and cleared if the effect is interrupted. `tokenBudget` is
   * Codex's own limit: a goal that reaches it ends as `budgetLimited` and is no error.
   */
  readonly runGoal: (goal: Goal.GoalOptions) => Effect.Effect<Goal.GoalResult, CodexError.TurnError>
}

/** @internal Lets a caller that may lose the right to start a turn at any time refuse right before the start. */
export const { BeforeStart } = TurnRunner

/** @internal Has threads leave their turns running from before they are open, if their engine can. */
export const { LeavesTurns } = SharedThreads

/** @internal Gives the first reader of the activity of a handle the events since the handle was opened. */
export const { ActivityFromOpening } = ThreadMembers

/** @internal Lets the time of a turn that is found under its key count from earlier than its start. */
export const { Deadline } = KeyedTurn

/**
 * The running turn of a thread, and a handle of its thread. `Codex.attach` returns it.
 * @since 0.1.0
 * @category models
 */
export interface AttachedTurn extends TurnObservation.TurnObservation {
  readonly thread: Thread
}

/** For an engine that runs no commands in the background. */
const noTerminals: Terminals = {
  list: Effect.succeed([]),
  watch: Stream.empty,
  terminate: () => Effect.succeed(false),
  clean: Effect.void
}

export const make = (
  handle: SharedThreads.SharingHandle,
  notifications: Thread["notifications"] = Stream.empty
): Thread => {
  const { context, engine } = handle
  const queue = TurnQueue.make(handle)

  function run<A, E>(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function run<A, E>(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions & {
      readonly output: TurnOptions.OutputOptions<A, E> | TurnOptions.JsonOutput
    }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function run(
    input: TurnOptions.TurnInput,
    options?: TurnOptions.TurnOptions
  ): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function run(input: TurnOptions.TurnInput, options: TurnOptions.TurnOptions = {}) {
    const turn = { request: { _tag: "Prompt", input }, options, publish: constVoid } as const
    return options.output === undefined
      ? Effect.map(queue.run({ ...turn, output: StructuredOutput.none }), ([result]) => result)
      : Effect.flatMap(StructuredOutput.fromOption(options.output), (output) =>
          Effect.map(queue.run({ ...turn, output }), ([result, value]) => ({ ...result, output: value }))
        )
  }

  function continueTurn<A, E>(
    options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function continueTurn<A, E>(
    options: TurnOptions.TurnOptions & {
      readonly output: TurnOptions.OutputOptions<A, E> | TurnOptions.JsonOutput
    }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function continueTurn(options?: TurnOptions.TurnOptions): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function continueTurn(options?: TurnOptions.TurnOptions) {
    return run([], options)
  }

  const streamTurn = Effect.fnUntraced(function* <A>(turn: Omit<TurnRunner.TurnSpec<A>, "publish">) {
    const { bufferBytes } = yield* ContentLimits.Current
    const { end, offer, stream } = EventBuffer.make<CodexError.TurnError>(bufferBytes)
    yield* queue.run({ ...turn, publish: offer }).pipe(
      Effect.onExit((exit) => Effect.sync(() => end(exit))),
      Effect.forkScoped({ startImmediately: true })
    )
    return stream
  })

  return {
    get id() {
      return engine.id
    },
    model: engine.model,
    cwd: engine.cwd,
    run,
    continue: continueTurn,
    stream: (input, options = {}) =>
      Stream.unwrap(
        Effect.flatMap(StructuredOutput.fromOption(options.output), (output) =>
          streamTurn({ request: { _tag: "Prompt", input }, options, output })
        )
      ),
    review: ({ target, ...options }) =>
      Effect.map(
        queue.run({
          request: { _tag: "Review", target },
          options,
          output: StructuredOutput.review,
          publish: constVoid
        }),
        ([turn, review]) => ({ ...turn, review })
      ),
    streamReview: ({ target, ...options }) =>
      Stream.unwrap(
        streamTurn({ request: { _tag: "Review", target }, options, output: StructuredOutput.review })
      ),
    steer: (input) =>
      engine
        .steer(input)
        .pipe(
          Attachments.holding(input, TurnQueue.attachmentTarget(engine)),
          TurnRunner.annotated(engine, context)
        ),
    interrupt: queue.interrupt,
    detach: SharedThreads.detach(handle),
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
    terminals: engine.terminals ?? noTerminals,
    notifications,
    settings: Effect.sync(() => engine.settings?.() ?? settingsOf(engine)),
    spent: queue.spent,
    activity: ThreadMembers.activityStream(handle.activity),
    runGoal: queue.runGoal
  }
}

/** The settings of an engine that reports none. */
const settingsOf = ({ cwd, model, provider }: Engine.EngineThread): ThreadSettings.ThreadSettings => ({
  cwd,
  ...(model === undefined ? {} : { model }),
  ...(provider === undefined ? {} : { provider }),
  writableRoots: [],
  additionalDirectories: []
})
