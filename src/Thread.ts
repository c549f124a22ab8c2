/** One conversation. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type * as EffectTracer from "effect/Tracer"
import * as Attachment from "./Attachment.ts"
import * as Budget from "./Budget.ts"
import * as CodexError from "./CodexError.ts"
import type * as Engine from "./engine/Engine.ts"
import type { ThreadId } from "./Id.ts"
import * as Mailbox from "./internal/Mailbox.ts"
import * as Output from "./internal/Output.ts"
import * as Running from "./internal/Running.ts"
import * as Convention from "./telemetry/Convention.ts"
import * as Sampling from "./telemetry/Sampling.ts"
import * as TurnTelemetry from "./telemetry/TurnTelemetry.ts"
import type * as Turn from "./Turn.ts"

/** Runs a turn; with an output schema, its last message is JSON of that shape and is decoded. */
export interface Run<Args extends ReadonlyArray<unknown>> {
  <A, E>(
    ...args: [...Args, options: Turn.Options & { readonly output: Schema.Codec<A, E> }]
  ): Effect.Effect<Turn.WithOutput<A>, CodexError.TurnError>
  (...args: [...Args, options?: Turn.Options]): Effect.Effect<Turn.Turn, CodexError.TurnError>
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
  readonly run: Run<[input: Turn.Input]>
  /**
   * The same as it happens; the last event, `TurnCompleted`, carries the turn. A stream that is left early interrupts its
   * turn. For a slow consumer text deltas are merged; no other event is ever lost.
   */
  readonly stream: (
    input: Turn.Input,
    options?: Turn.Options
  ) => Stream.Stream<Turn.Event, CodexError.TurnError>
  /** Runs a turn on what has been said so far, without saying more: after one that was interrupted or that failed. */
  readonly continue: Run<[]>
  /** Adds to the turn that runs; `InvalidRequest` where none does. */
  readonly steer: (input: Turn.Input) => Effect.Effect<void, CodexError.RequestError>
  /**
   * Ends the turn that runs, which fails as `TurnInterrupted` by the caller, and waits until it has; those that wait
   * for it run next. Nothing where none runs.
   */
  readonly interrupt: Effect.Effect<void>
  /** Has the conversation summarised to make room in the model's context: a turn of its own. */
  readonly compact: (options?: Turn.Options) => Effect.Effect<Turn.Turn, CodexError.TurnError>
  /** What the turns of this handle used together. */
  readonly spent: Effect.Effect<Budget.Spent>
}

export type Setting = Running.Setting

interface Current {
  readonly stopped: Deferred.Deferred<never, CodexError.TurnError>
  readonly over: Deferred.Deferred<void>
}

/** Whether the same turn may be tried again by itself: it may succeed, and did not change anything yet. */
const isRetryable = (error: CodexError.TurnError): boolean =>
  error.retryable && error.turn?.sideEffects !== true

/** What a schedule waits, but never less than the provider asked for. */
const patient = <O, E, R>(schedule: Schedule.Schedule<O, CodexError.TurnError, E, R>) =>
  Schedule.modifyDelay(schedule, ({ duration, input }) =>
    Effect.succeed(input.retryAfter === undefined ? duration : Duration.max(duration, input.retryAfter))
  )

/** A turn that may say what it likes. */
const anything: Output.Output<undefined> = { jsonSchema: undefined, decode: () => Effect.undefined }

export const make = (engine: Engine.EngineThread, setting: Setting): Thread => {
  const turns = Semaphore.makeUnsafe(1)
  let current: Current | undefined
  let spent = Budget.nothing
  let previous: EffectTracer.AnySpan | undefined

  const once = <A>(
    job: Pick<Running.Job<A>, "input" | "options" | "perform" | "publish" | "read">,
    goesOn: boolean,
    ended: (turn: Turn.Turn) => void
  ) =>
    Effect.suspend(() => {
      const running = {
        stopped: Deferred.makeUnsafe<never, CodexError.TurnError>(),
        over: Deferred.makeUnsafe<void>()
      }
      current = running
      return Running.run(engine, setting, {
        ...job,
        spent,
        previous: goesOn ? previous : undefined,
        stopped: running.stopped,
        ended: (turn, span) => {
          spent = Budget.plus(spent, Budget.ofTurn(turn))
          previous = span
          ended(turn)
        }
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            current = undefined
            Deferred.doneUnsafe(running.over, Exit.void)
          })
        )
      )
    }).pipe(annotated(engine, setting), Sampling.seen(job.options.telemetry))

  /** Runs a turn, and runs it again where its options say so. What Codex has heard once it is not told twice. */
  const attempts = <A>(
    input: Turn.Input,
    options: Turn.Options,
    output: Output.Output<A>,
    publish: (event: Turn.Event) => void
  ) => {
    let left: Turn.Input = input
    let tries = 0
    const attempt = Effect.suspend(() =>
      once(
        {
          input: left,
          options,
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
        },
        tries++ > 0 || input.length === 0,
        (turn) => {
          if (turn.items.some((item) => item._tag === "UserMessage")) left = []
        }
      )
    )
    return options.retry === undefined
      ? attempt
      : Effect.retry(attempt, { schedule: patient(options.retry), while: isRetryable })
  }

  const inTurn = <A>(
    input: Turn.Input,
    options: Turn.Options | undefined,
    output: Output.Output<A>,
    publish: (event: Turn.Event) => void
  ) =>
    turns
      .withPermits(1)(attempts(input, options ?? {}, output, publish))
      .pipe(Attachment.holding(input))

  const unheard = () => {}

  function run<A, E>(
    input: Turn.Input,
    options: Turn.Options & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<Turn.WithOutput<A>, CodexError.TurnError>
  function run(input: Turn.Input, options?: Turn.Options): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function run(input: Turn.Input, options?: Turn.Options) {
    const { output: schema } = options ?? {}
    return schema === undefined
      ? Effect.map(inTurn(input, options, anything, unheard), ([turn]) => turn)
      : Effect.flatMap(Output.of(schema), (output) =>
          Effect.map(inTurn(input, options, output, unheard), ([turn, value]) => ({ ...turn, output: value }))
        )
  }

  function goOn<A, E>(
    options: Turn.Options & { readonly output: Schema.Codec<A, E> }
  ): Effect.Effect<Turn.WithOutput<A>, CodexError.TurnError>
  function goOn(options?: Turn.Options): Effect.Effect<Turn.Turn, CodexError.TurnError>
  function goOn(options?: Turn.Options) {
    return run([], options)
  }

  return {
    id: engine.id,
    model: engine.model,
    cwd: engine.cwd,
    run,
    continue: goOn,
    stream: (input, options) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const schema = options?.output
          const output = schema === undefined ? anything : yield* Output.of(schema)
          const mailbox = Mailbox.make<CodexError.TurnError>()
          yield* inTurn(input, options, output, mailbox.offer).pipe(
            Effect.onExit((exit) => Effect.sync(() => mailbox.end(exit))),
            Effect.forkScoped({ startImmediately: true })
          )
          return mailbox.stream
        })
      ),
    steer: (input) => annotated(engine, setting)(engine.steer(input)),
    interrupt: Effect.suspend(() => {
      if (current === undefined) return Effect.void
      const { over, stopped } = current
      return Effect.andThen(
        Deferred.fail(stopped, new CodexError.TurnInterrupted({ by: "caller" })),
        Deferred.await(over)
      )
    }),
    compact: (options = {}) =>
      turns.withPermits(1)(
        Effect.map(
          once(
            {
              input: "",
              options,
              read: anything.decode,
              publish: unheard,
              perform: engine.compact
            },
            false,
            unheard
          ),
          ([turn]) => turn
        )
      ),
    spent: Effect.sync(() => spent)
  }
}

/** What every span and log record below a thread says of where it belongs. */
const annotated =
  (engine: Engine.EngineThread, setting: Setting) =>
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
