/** One line per span on stderr, where it cannot get into a program's output. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { oneLine } from "../internal/Printable.ts"
import { attribute } from "./Convention.ts"
import * as Elapsed from "./internal/Elapsed.ts"
import { Stderr } from "./internal/Stderr.ts"
import * as Settings from "./Settings.ts"
import * as Tracer from "./Tracer.ts"

/** Writes every span to stderr as it ends: name, duration, status, what matters of its attributes, trace id. */
export const ConsoleLayer: Layer.Layer<never> = Layer.unwrap(
  Effect.map(Settings.CurrentSettings, ({ disabled }) =>
    disabled ? Layer.empty : Tracer.processorLayer(Effect.map(Stderr, processor))
  )
).pipe(Layer.provide(Settings.layer))

/** The line of one span, without its line break. */
export const line = (span: ReadableSpan): string => {
  const elapsed = BigInt(span.duration[0]) * 1_000_000_000n + BigInt(span.duration[1])
  const shown = telling.flatMap((name) => {
    const value = span.attributes[name]
    return value === undefined ? [] : [`${name}=${oneLine(String(value), 60)}`]
  })
  const status = span.status.code === 2 ? "error" : "ok"
  return [
    oneLine(span.name, 60),
    Elapsed.format(elapsed),
    status,
    ...shown,
    `trace=${span.spanContext().traceId}`
  ].join("  ")
}

const telling = [
  attribute.requestModel,
  attribute.inputTokens,
  attribute.outputTokens,
  attribute.approvalKind,
  attribute.approvalDecision,
  attribute.approvalSource,
  attribute.exitCode,
  attribute.turnStatus,
  attribute.errorType,
  attribute.incomplete
]

const processor = (print: (text: string) => void): SpanProcessor => ({
  onStart: () => {},
  onEnd: (span) => {
    if ((span.spanContext().traceFlags & 1) === 0) return
    print(`${line(span)}\n`)
  },
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve()
})
