/**
 * Spans of this library that hold no secret, whatever tracer the program has: a tracer that does not scrub its spans gets
 * attributes, events and errors that are scrubbed already. The program's own spans are not touched.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"
import * as Redaction from "../redaction/Redaction.ts"
import * as ScrubbingTracer from "../redaction/ScrubbingTracer.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import * as ContentCapture from "./ContentCapture.ts"
import * as ExceptionEvent from "./ExceptionEvent.ts"

/** Stands in for an error at the end of a span, because tracers export the message and the stack of the error. */
class SpanError extends Error {
  readonly errorType: string
  constructor(errorType: string, message: string, stack: string | undefined) {
    super(message)
    this.name = errorType
    this.errorType = errorType
    this.stack = stack ?? `${errorType}: ${message}`
  }
}

interface Scrub {
  readonly redaction: Redaction.Redaction
  /** Whether spans may have the messages and stacks of errors. */
  readonly errors: boolean
}

const scrubOf = (context: Context.Context<never>): Scrub => {
  const { kinds, spans } = ContentCapture.captureOf(context)
  return { redaction: Context.get(context, Redaction.Current), errors: kinds.errors && spans }
}

const attributesOf = (
  source: Readonly<Record<string, unknown>>,
  { redaction }: Scrub
): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(source)) {
    const value = source[key]
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string")
    out[redaction.text(key)] = isList
      ? redaction.attributes({ [key]: value })[key]
      : typeof value === "object"
        ? redaction.value(value, key)
        : typeof value === "string"
          ? redaction.text(value, key)
          : value
  }
  return out
}

const safeError = (error: unknown, single: Exit.Exit<never, unknown>, scrub: Scrub): SpanError => {
  const errorType = ErrorType.fromExit(single) ?? "_OTHER"
  if (!scrub.errors) return new SpanError(errorType, errorType, undefined)
  const described = ExceptionEvent.describe(error, errorType)
  const { redaction } = scrub
  const stack = described["exception.stacktrace"]
  return new SpanError(
    errorType,
    redaction.text(described["exception.message"] ?? errorType),
    stack === undefined ? undefined : redaction.text(stack)
  )
}

/** Replaces the errors of an exit by ones without secrets and, unless capture is on, without messages. */
const safeExit = (exit: Exit.Exit<unknown, unknown>, scrub: Scrub): Exit.Exit<unknown, unknown> => {
  if (exit._tag === "Success") return Exit.void
  return Exit.failCause(
    Cause.fromReasons(
      exit.cause.reasons.map((reason) => {
        if (Cause.isFailReason(reason))
          return Cause.makeFailReason(safeError(reason.error, Exit.fail(reason.error), scrub))
        return Cause.isDieReason(reason)
          ? Cause.makeDieReason(safeError(reason.defect, Exit.die(reason.defect), scrub))
          : reason
      })
    )
  )
}

const linksOf = (links: ReadonlyArray<Tracer.SpanLink>, scrub: Scrub): Array<Tracer.SpanLink> =>
  links.map(({ attributes, span }) => ({ span, attributes: attributesOf(attributes, scrub) }))

/** Changes the span in place: a copy would not be the span that its tracer knows as a parent. */
const harden = (span: Tracer.Span, scrub: Scrub): Tracer.Span => {
  const { addLinks, attribute, end, event } = span
  const replaced: Pick<Tracer.Span, "addLinks" | "attribute" | "end" | "event"> = {
    attribute: (key, value) => {
      for (const [name, seen] of Object.entries(attributesOf({ [key]: value }, scrub)))
        attribute.call(span, name, seen)
    },
    event: (name, startTime, attributes) =>
      event.call(
        span,
        scrub.redaction.text(name),
        startTime,
        attributes === undefined ? undefined : attributesOf(attributes, scrub)
      ),
    addLinks: (links) => addLinks.call(span, linksOf(links, scrub)),
    end: (endTime, exit) => end.call(span, endTime, safeExit(exit, scrub))
  }
  return Object.assign(span, replaced)
}

/**
 * Returns the tracer for spans of this library: the one that a tracer of this library keeps for them, the tracer itself if
 * it exports no spans, otherwise one that scrubs them as they are written.
 */
export const guard = (tracer: Tracer.Tracer, context: Context.Context<never>): Tracer.Tracer => {
  if (tracer === Tracer.nativeTracer) return tracer
  const scrubbing = ScrubbingTracer.libraryTracerOf(tracer)
  if (scrubbing !== undefined) return scrubbing
  const scrub = scrubOf(context)
  const guarded = Tracer.make({
    ...tracer,
    span: (options) =>
      harden(
        tracer.span({
          ...options,
          name: scrub.redaction.text(options.name),
          links: linksOf(options.links, scrub)
        }),
        scrub
      )
  })
  return ScrubbingTracer.mark(guarded)
}

/** The tracer for spans of this library. */
export const tracer: Effect.Effect<Tracer.Tracer> = Effect.map(Effect.context<never>(), (context) =>
  guard(Context.get(context, Tracer.Tracer), context)
)

/** Runs an effect whose spans are all spans of this library, so it must run no code of the caller. */
export const withSafeTracer = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const original = Context.get(context, Tracer.Tracer)
    const safe = guard(original, context)
    return safe === original ? effect : Effect.withTracer(effect, safe)
  })

/** Like `Effect.makeSpan` for a span of this library. `startedAt` is its start, in milliseconds since the epoch; default now. */
export const make = (
  name: string,
  options: Tracer.SpanOptions,
  startedAt?: number
): Effect.Effect<Tracer.Span> => {
  const span = withSafeTracer(Effect.makeSpan(name, options))
  if (startedAt === undefined) return span
  const startTime = BigInt(Math.round(startedAt)) * 1_000_000n
  // A span starts at the time of the clock.
  return Effect.flatMap(Clock.Clock, (clock) =>
    Effect.provideService(span, Clock.Clock, {
      ...clock,
      currentTimeNanosUnsafe: () => startTime
    })
  )
}

/** Like `Effect.useSpan` for a span of this library. The effect in it may run code of the caller. */
export const use = <A, E, R>(
  name: string,
  options: Tracer.SpanOptionsNoTrace,
  evaluate: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const original = Context.get(context, Tracer.Tracer)
    const safe = guard(original, context)
    return safe === original
      ? Effect.useSpan(name, options, evaluate)
      : Effect.withTracer(
          Effect.useSpan(name, options, (span) => Effect.withTracer(evaluate(span), original)),
          safe
        )
  })
