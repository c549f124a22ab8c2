/** `effect-codex submit`: adds a durable turn to the queue of its thread. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Nodepath from "node:path"
import type { Durable } from "../../durable/Durable.ts"
import type { DurableThreadOptions } from "../../durable/DurableInput.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import * as TraceContext from "../../internal/TraceContext.ts"
import { jsonLine } from "../../internal/VisibleText.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ServiceName } from "../../telemetry/tracer/Tracer.ts"
import { UsageError } from "../CommandEnd.ts"
import type { SubmitInput } from "../commands/durableCommands.ts"
import * as Inputs from "../Inputs.ts"
import * as Output from "../Output.ts"
import { withDurable } from "../WithDurable.ts"

const present = <K extends string, A>(name: K, value: Option.Option<A>) =>
  Option.isNone(value) ? {} : { [name]: value.value }

/**
 * Whether a submission is the first of its thread. The same submission again is the first one again: it gets the same
 * options, and so finds its turn.
 */
const isFirst = Effect.fnUntraced(function* ({ turn, turns }: Durable["Service"], input: SubmitInput) {
  if (Option.isNone(input.thread)) return true
  const known = yield* turn(input.key).pipe(
    Effect.map(Option.some),
    Effect.catchTag("InvalidRequest", () => Effect.succeedNone)
  )
  if (Option.isSome(known)) return known.value.position === 1
  return (yield* turns({ thread: input.thread.value, limit: 1 })).length === 0
})

/** The options that the flags name. A thread that is continued keeps what they do not name. */
const threadOptions = (input: SubmitInput, isNew: boolean): DurableThreadOptions => {
  const cwd = Option.map(
    Option.orElse(input.cd, () => (isNew ? Option.some(".") : Option.none())),
    (directory) => Nodepath.resolve(directory)
  )
  const sandbox = Option.orElse(input.sandbox, () =>
    isNew ? Option.some("workspace-write" as const) : Option.none()
  )
  return {
    ...present("cwd", cwd),
    ...present("sandbox", sandbox),
    ...present("model", input.model),
    ...present("effort", input.effort),
    ...present("mode", input.mode),
    ...(isNew ? { approvalMode: "on-request" as const } : {}),
    ...(input.network ? { network: true } : {}),
    ...(input.addDir.length === 0
      ? {}
      : { additionalDirectories: input.addDir.map((directory) => Nodepath.resolve(directory)) })
  }
}

/** Continues the trace of the program that called the command line. */
const withCaller = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Option.match(TraceContext.parse(process.env["TRACEPARENT"], process.env["TRACESTATE"]), {
    onNone: () => effect,
    onSome: (parent) => Effect.withParentSpan(effect, parent, { captureStackTrace: false })
  })

export const handle = Effect.fnUntraced(function* (input: SubmitInput) {
  if (input.network && Option.isNone(input.sandbox) && Option.isSome(input.thread))
    return yield* new UsageError({ text: "--network needs --sandbox if --thread names a thread" })
  if (Option.exists(input.tokens, (tokens) => tokens < 1))
    return yield* new UsageError({ text: "--max-tokens must be 1 or more" })
  const text = yield* Inputs.prompt(input.prompt)
  yield* withDurable(
    input.db,
    Effect.fnUntraced(function* (durable) {
      const turn = yield* durable.submit(text, {
        ...threadOptions(input, yield* isFirst(durable, input)),
        key: input.key,
        thread: Option.getOrUndefined(input.thread),
        timeout: Option.getOrUndefined(input.timeout),
        recovery: Option.getOrUndefined(input.recovery),
        user: Option.getOrUndefined(input.user),
        team: Option.getOrUndefined(input.team),
        ...Option.match(input.tokens, { onNone: () => ({}), onSome: (tokens) => ({ budget: { tokens } }) })
      })
      yield* Output.print(input.json ? jsonLine(turn) : turn.key)
    }),
    { creates: true }
  ).pipe(
    withCaller,
    Effect.provide(OtlpLayer),
    Effect.provideService(ServiceName, "codex-cli"),
    Effect.provideService(TurnTelemetry.Originator, "cli")
  )
})
