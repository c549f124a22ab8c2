/** Runs one turn and reports it: progress and a summary for a person, or JSON lines for a script. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Attachments } from "../attachment/Attachments.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as ReasonText from "../internal/ReasonText.ts"
import { jsonLine, printableLine } from "../internal/VisibleText.ts"
import * as TraceContext from "../internal/TraceContext.ts"
import * as Convention from "../semconv/Convention.ts"
import * as InMemorySpans from "../telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../telemetry/tracer/Tracer.ts"
import * as SafeSpan from "../instrumentation/SafeSpan.ts"
import * as TurnTelemetry from "../instrumentation/TurnTelemetry.ts"
import type * as Thread from "../Thread.ts"
import * as Waterfall from "../trace/Waterfall.ts"
import { ThreadId } from "../domain/Ids.ts"
import * as Turn from "../domain/Turn.ts"
import * as Review from "../domain/Review.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import * as TurnState from "../domain/TurnState.ts"
import * as EventJson from "../domain/EventJson.ts"
import { code } from "./ExitCode.ts"
import * as Output from "./Output.ts"
import * as ProgressReport from "./ProgressReport.ts"
import * as TerminalStyle from "./TerminalStyle.ts"

/** What the turn does. `attach` are paths of files. */
export type TurnWork =
  | { readonly _tag: "Prompt"; readonly text: string; readonly attach: ReadonlyArray<string> }
  | { readonly _tag: "Review"; readonly target: Review.ReviewTarget }
  /** Another program has started the turn, which goes on after an interruption. `where` are the flags that find it again. */
  | {
      readonly _tag: "Observe"
      readonly where: string
      readonly events: Stream.Stream<Turn.TurnEvent, CodexError.TurnError>
      /** The turn so far, from its start. `undefined` if there is none. */
      readonly snapshot: Effect.Effect<Turn.Turn | undefined>
    }

export interface TurnSessionOptions {
  readonly work: TurnWork
  readonly turn: TurnOptions.TurnOptions
  readonly json: boolean
}

/** Prints lines on stderr. */
export const printAll = (lines: ReadonlyArray<string>) =>
  Effect.forEach(lines, (line) => Console.error(line), { discard: true })

/** The failure of a run: `errorType` goes to its span, `exit` is the exit code. */
export class FailedRun {
  readonly errorType: string
  readonly exit: number
  constructor(errorType: string, exit: number) {
    this.errorType = errorType
    this.exit = exit
  }
}

/**
 * Runs the turn, reports it and returns the exit code. An interrupted turn is reported too, with everything that it did
 * before the interruption.
 */
const runAndReport = <R>(
  open: Effect.Effect<Thread.Thread, CodexError.StartError, R>,
  options: TurnSessionOptions,
  style: TerminalStyle.TerminalStyle
): Effect.Effect<number, FailedRun, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    let threadId: ThreadId | undefined
    let state = TurnState.initial(ThreadId.make(""), 0, Turn.noUsage)
    let report = ProgressReport.initial
    let turn: Turn.Turn | undefined

    const onEvent = (event: Turn.TurnEvent) => {
      if (event._tag === "TurnCompleted") turn = event.turn
      else if (event._tag !== "AgentEvent" && event._tag !== "EventsOmitted")
        [state] = TurnState.step(state, event, new Set())
      if (options.json) {
        return event._tag === "TurnCompleted" ? Effect.void : Console.log(jsonLine(EventJson.event(event)))
      }
      const [next, lines] = ProgressReport.step(report, event, style)
      report = next
      return printAll(lines)
    }

    const finish = (failure: EventJson.FailureJson | undefined, now: number): Effect.Effect<number> => {
      const ended =
        turn ??
        (failure !== undefined && failure !== "interrupted" && "turn" in failure
          ? failure.turn
          : undefined) ??
        (threadId === undefined ? undefined : TurnState.end(state, now, { completed: false }, new Set())[0])
      const exit =
        failure === undefined
          ? code.completed
          : failure === "interrupted"
            ? code.interrupted
            : CodexError.exitCode(failure)
      if (options.json) {
        const turnId = ended?.id === "" ? undefined : ended?.id
        return Effect.as(Console.log(jsonLine(EventJson.last(ended, failure, { threadId, turnId }))), exit)
      }
      return Effect.gen(function* () {
        if (failure !== undefined) {
          if (report.pendingMessage !== undefined) yield* Output.printError(report.pendingMessage)
          yield* printAll(ProgressReport.interruptedItems(ended?.items ?? [], style))
          const { work } = options
          yield* Output.printError(
            failure !== "interrupted"
              ? `${failure._tag}: ${failure.message}`
              : work._tag === "Observe"
                ? `The turn goes on. Interrupt it with: effect-codex attach ${work.where} --interrupt ${threadId ?? "last"}`
                : "Interrupted."
          )
          if (failure !== "interrupted") yield* printAll(details(failure))
        } else if (ended !== undefined) {
          yield* Output.print(answer(ended))
        }
        if (ended !== undefined) yield* printAll(["", ...ProgressReport.summary(ended, style)])
        // Codex stores a thread when its first turn starts.
        if (
          options.work._tag !== "Observe" &&
          threadId !== undefined &&
          failure !== undefined &&
          state.turnId !== ""
        ) {
          yield* Output.printError(`Continue with: effect-codex run --resume ${threadId}`)
        }
        if (threadId !== undefined && failure === undefined && options.turn.mode === "plan") {
          yield* Output.printError(
            `Carry it out with: effect-codex run --resume ${threadId} --mode default --sandbox workspace-write "Carry out the plan"`
          )
        }
        return exit
      })
    }

    const now = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)
    const openThread = Effect.gen(function* () {
      const thread = yield* open
      threadId = thread.id
      state = TurnState.initial(thread.id, yield* now, Turn.noUsage)
      return thread
    })
    return yield* Effect.gen(function* () {
      const { turn, work } = options
      const run = (input: TurnOptions.TurnInput) =>
        Effect.flatMap(openThread, (thread) => Stream.runForEach(thread.stream(input, turn), onEvent))
      if (work._tag === "Observe")
        return yield* Effect.andThen(openThread, Stream.runForEach(work.events, onEvent))
      if (work._tag === "Review") {
        const { target } = work
        return yield* Effect.flatMap(openThread, (thread) =>
          Stream.runForEach(thread.streamReview({ ...turn, target }), onEvent)
        )
      }
      // Before the thread, so that a file that cannot be attached starts nothing.
      return yield* work.attach.length === 0
        ? run(work.text)
        : Effect.flatMap(stageFiles(work.attach), (files) =>
            run([{ _tag: "Text", text: work.text }, ...files])
          ).pipe(Effect.provide(Attachments.layer))
    }).pipe(
      Effect.scoped,
      Effect.exit,
      Effect.onInterrupt(() =>
        Effect.gen(function* () {
          const { work } = options
          if (work._tag === "Observe") turn ??= yield* work.snapshot
          yield* finish("interrupted", yield* now)
        })
      ),
      Effect.flatMap((exit) =>
        Effect.flatMap(now, (now) => {
          if (Exit.isSuccess(exit)) return finish(undefined, now)
          const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          if (error !== undefined) {
            const finished = finish(error, now)
            return error._tag === "TurnInterrupted"
              ? finished
              : Effect.flatMap(finished, (exit) => Effect.fail(new FailedRun(error.errorType, exit)))
          }
          return Cause.hasInterruptsOnly(exit.cause)
            ? finish("interrupted", now)
            : Effect.failCause(exit.cause as Cause.Cause<never>)
        })
      )
    )
  })

/** The text that a person gets: the findings of a review, or the last message, with the plan of plan mode, which is no part of it. */
const answer = ({ items, message, review }: Turn.Turn): string => {
  if (review !== undefined) return Review.format(review)
  const plan = items.findLast((item) => item._tag === "Plan")
  if (plan === undefined) return message
  return [message, plan.text].flatMap((text) => (text.trim() === "" ? [] : [text.trimEnd()])).join("\n\n")
}

const stageFiles = (files: ReadonlyArray<string>) =>
  Effect.flatMap(Attachments, (attachments) =>
    Effect.forEach(files, (file) =>
      Effect.map(attachments.stage(file), (attachment) => ({ _tag: "Attachment", attachment }) as const)
    )
  )

/** The detail that Codex or the system gave. It can contain content, so only the terminal shows it. */
export const details = (error: CodexError.CodexError): ReadonlyArray<string> => {
  const text = "detail" in error ? error.detail : "stderr" in error ? error.stderr : ""
  const line = printableLine(text, 600)
  // The message contains the reason, usually the whole of it.
  return line === "" || error.message.includes(ReasonText.reason(text)) ? [] : [`  ${line}`]
}

/** Runs the turn, reports it and returns the exit code. */
export const run = <R, RL>(
  open: Effect.Effect<Thread.Thread, CodexError.StartError, R>,
  options: TurnSessionOptions,
  services: Layer.Layer<Exclude<R, Scope.Scope>, never, RL>,
  telemetry: Layer.Layer<never>
) => inRunSpan((style) => runAndReport(open, options, style), options, services, telemetry)

/** Runs `work` inside the `run` span, then prints a waterfall of its spans. Returns the exit code. */
export const inRunSpan = Effect.fnUntraced(function* <R, RL>(
  work: (style: TerminalStyle.TerminalStyle) => Effect.Effect<number, FailedRun, R>,
  options: { readonly json: boolean },
  services: Layer.Layer<R, never, RL>,
  telemetry: Layer.Layer<never>
) {
  const memory = yield* InMemorySpans.make
  const terminalStyle = TerminalStyle.of(process.stderr)
  const parent = TraceContext.parse(process.env["TRACEPARENT"], process.env["TRACESTATE"])
  const printWaterfall = Effect.gen(function* () {
    if (options.json) return
    const spans = yield* memory.spans
    if (spans.length > 0)
      yield* printAll(["", Waterfall.render(spans.map(Waterfall.fromReadableSpan), terminalStyle)])
  })
  return yield* work(terminalStyle).pipe(
    Effect.provide(services),
    Effect.withSpan(
      Convention.span.run,
      {
        ...(Option.isSome(parent) ? { parent: parent.value } : { root: true }),
        attributes: { [Convention.attribute.originator]: "cli" }
      },
      { captureStackTrace: false }
    ),
    SafeSpan.withSafeTracer,
    Effect.catch(({ exit }) => Effect.succeed(exit)),
    Effect.ensuring(printWaterfall),
    Effect.provide(
      Layer.mergeAll(telemetry, Tracer.layerProcessor(Effect.succeed(memory.processor), { everything: true }))
    ),
    Effect.provideService(Tracer.ServiceName, "codex-cli"),
    Effect.provideService(TurnTelemetry.Originator, "cli")
  )
})
