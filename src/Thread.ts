/** One conversation. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type * as EffectTracer from "effect/Tracer"
import * as Attachments from "./attachment/Attachments.ts"
import * as Budget from "./domain/Budget.ts"
import * as CodexError from "./domain/CodexError.ts"
import type * as Engine from "./engine/Engine.ts"
import type { ThreadId } from "./domain/Ids.ts"
import * as EventBuffer from "./turn/EventBuffer.ts"
import * as StructuredOutput from "./turn/StructuredOutput.ts"
import * as TurnRunner from "./turn/TurnRunner.ts"
import * as Convention from "./semconv/Convention.ts"
import * as Sampling from "./instrumentation/Sampling.ts"
import * as TurnTelemetry from "./instrumentation/TurnTelemetry.ts"
import type * as Turn from "./domain/Turn.ts"
import type * as TurnOptions from "./domain/TurnOptions.ts"

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

/** What `run` or `compact` is at: an attempt at its turn, or the wait for the next one. */
interface Current {
  /** Ends the attempt that runs. */
  attempt: Deferred.Deferred<never, CodexError.TurnError> | undefined
  /** Ends the wait. */
  readonly interrupted: Deferred.Deferred<never, CodexError.TurnError>
  readonly over: Deferred.Deferred<void>
}

/** Whether the same turn may be tried again by itself: it may succeed, and did not change anything yet. */
const isRetryable = (error: CodexError.TurnError): boolean =>
  error.retryable && error.turn?.sideEffects !== true

/** What a schedule waits, but never less than the provider asked for, and never longer than there is time. */
const respectRetryAfter = <O, E, R>(
  schedule: Schedule.Schedule<O, CodexError.TurnError, E, R>,
  timeLeft: () => number | undefined
) =>
  Schedule.modifyDelay(schedule, ({ duration, input }) => {
    const wait = input.retryAfter === undefined ? duration : Duration.max(duration, input.retryAfter)
    const left = timeLeft()
    return Effect.succeed(left === undefined ? wait : Duration.min(wait, Duration.millis(left)))
  })

/** What is wrong with what a turn is asked to keep to, if anything is. */
const validateOptions = ({ budget = {}, timeout }: TurnOptions.TurnOptions): string | undefined =>
  timeout === undefined || Budget.isValidDuration(timeout)
    ? Budget.validate(budget)
    : 'timeout must be a duration from 0 on, in milliseconds or like "20 seconds"'

/** A turn that may say what it likes. */
const unstructured: StructuredOutput.StructuredOutput<undefined> = {
  jsonSchema: undefined,
  decode: () => Effect.undefined
}

export const make = (engine: Engine.EngineThread, setting: TurnRunner.ThreadContext): Thread => {
  const turns = Semaphore.makeUnsafe(1)
  let current: Current | undefined
  let spent = Budget.zero
  let previous: EffectTracer.AnySpan | undefined

  type Attempt<A> = Pick<TurnRunner.TurnRequest<A>, "perform" | "publish" | "read">

  const runAttempt = <A>(
    running: Current,
    job: Attempt<A> & Pick<TurnRunner.TurnRequest<A>, "input" | "options" | "tried">,
    ended: (turn: Turn.Turn, used: Budget.BudgetUsage) => void
  ) =>
    Effect.suspend(() => {
      const stopped = Deferred.makeUnsafe<never, CodexError.TurnError>()
      running.attempt = stopped
      return TurnRunner.run(engine, setting, {
        ...job,
        spent,
        previous,
        stopped,
        ended: (turn, used, span) => {
          spent = Budget.add(spent, used)
          // One that nobody sees cannot be pointed at.
          if (span.sampled) previous = span
          ended(turn, used)
        }
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            running.attempt = undefined
          })
        )
      )
    }).pipe(annotated(engine, setting), Sampling.withTelemetry(job.options.telemetry))

  /** Runs a turn, and runs it again where its options say so. What Codex has heard once it is not told twice. */
  const attempts = <A>(
    running: Current,
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions,
    attemptAt: (left: TurnOptions.TurnInput) => Attempt<A>
  ): Effect.Effect<readonly [Turn.Turn, A], CodexError.TurnError> =>
    Effect.flatMap(Clock.Clock, (clock) => {
      const { budget = {}, retry } = options
      const began = clock.monotonicTimeNanosUnsafe()
      let left: TurnOptions.TurnInput = input
      let tries = 0
      let used = Budget.zero
      let last: Turn.Turn | undefined
      const tried = () => ({ ...used, time: Number(clock.monotonicTimeNanosUnsafe() - began) / 1e6 })
      const attempt = Effect.suspend(() =>
        runAttempt(
          running,
          { ...attemptAt(left), input: left, options, tried: tries++ === 0 ? Budget.zero : tried() },
          (turn, more) => {
            last = turn
            used = Budget.add(used, more)
            if (turn.items.some((item) => item._tag === "UserMessage")) left = []
          }
        )
      )
      if (retry === undefined) return attempt
      const timeLeft = () => Budget.timeLeft(budget, tried())
      return Effect.retry(attempt, {
        schedule: respectRetryAfter(retry, timeLeft),
        while: (error) =>
          isRetryable(error) &&
          // One that has to wait for longer than there is time need not wait for the time to be up.
          !(Duration.toMillis(error.retryAfter ?? Duration.zero) > (timeLeft() ?? Infinity))
      }).pipe(
        Effect.raceFirst(
          Effect.mapError(Deferred.await(running.interrupted), (error) =>
            last === undefined ? error : CodexError.withTurn(error, last)
          )
        )
      )
    })

  /** Waits for its turn on the thread; what it is asked to keep to must make sense. */
  const enqueue = <A>(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions,
    attemptAt: (left: TurnOptions.TurnInput) => Attempt<A>
  ) =>
    Effect.suspend(() => {
      const detail = validateOptions(options)
      if (detail !== undefined)
        return Effect.fail(
          new CodexError.InvalidRequest({ reason: "BadParams", method: "turn/start", detail })
        )
      return Effect.suspend(() => {
        const running: Current = {
          attempt: undefined,
          interrupted: Deferred.makeUnsafe(),
          over: Deferred.makeUnsafe()
        }
        current = running
        return attempts(running, input, options, attemptAt).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              current = undefined
              Deferred.doneUnsafe(running.over, Exit.void)
            })
          )
        )
      }).pipe(turns.withPermits(1), Attachments.holding(input))
    })

  const runInput = <A>(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions = {},
    output: StructuredOutput.StructuredOutput<A>,
    publish: (event: Turn.TurnEvent) => void
  ) =>
    enqueue(input, options, (left) => ({
      read: output.decode,
      publish,
      perform: (handlers) =>
        engine.turn(
          left,
          {
            model: options.model,
            effort: options.effort,
            sandbox: options.sandbox,
            cwd: options.cwd,
            outputSchema: output.jsonSchema
          },
          handlers
        )
    }))

  function run<A, E>(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<TurnOptions.TurnWithOutput<A>, CodexError.TurnError>
  function run(
    input: TurnOptions.TurnInput,
    options?: TurnOptions.TurnOptions
  ): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function run(input: TurnOptions.TurnInput, options?: TurnOptions.TurnOptions) {
    const { output: schema } = options ?? {}
    return schema === undefined
      ? Effect.map(runInput(input, options, unstructured, constVoid), ([turn]) => turn)
      : Effect.flatMap(StructuredOutput.fromSchema(schema), (output) =>
          Effect.map(runInput(input, options, output, constVoid), ([turn, value]) => ({
            ...turn,
            output: value
          }))
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
    stream: (input, options) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const schema = options?.output
          const output = schema === undefined ? unstructured : yield* StructuredOutput.fromSchema(schema)
          const buffer = EventBuffer.make<CodexError.TurnError>()
          yield* runInput(input, options, output, buffer.offer).pipe(
            Effect.onExit((exit) => Effect.sync(() => buffer.end(exit))),
            Effect.forkScoped({ startImmediately: true })
          )
          return buffer.stream
        })
      ),
    steer: (input) => engine.steer(input).pipe(Attachments.holding(input), annotated(engine, setting)),
    interrupt: Effect.suspend(() => {
      if (current === undefined) return Effect.void
      const { attempt, interrupted, over } = current
      return Effect.andThen(
        Deferred.fail(attempt ?? interrupted, new CodexError.TurnInterrupted({ by: "caller" })),
        Deferred.await(over)
      )
    }),
    compact: (options = {}) =>
      Effect.map(
        enqueue("", options, () => ({
          read: unstructured.decode,
          publish: constVoid,
          perform: engine.compact
        })),
        ([turn]) => turn
      ),
    spent: Effect.sync(() => spent)
  }
}

/** What every span and log record below a thread says of where it belongs. */
const annotated =
  (engine: Engine.EngineThread, setting: TurnRunner.ThreadContext) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(TurnTelemetry.Originator, (originator) => {
      const annotations = {
        ...setting.annotations,
        [Convention.attribute.originator]: originator,
        [Convention.attribute.conversationId]: engine.id,
        [Convention.attribute.sessionId]: engine.id
      }
      return effect.pipe(Effect.annotateSpans(annotations), Effect.annotateLogs(annotations))
    })
