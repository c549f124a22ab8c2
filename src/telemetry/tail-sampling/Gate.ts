/** Makes the tail sampling gate of a span pipeline, and counts its decisions. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Convention from "../../semconv/Convention.ts"
import * as Instruments from "../../semconv/Instruments.ts"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import type { SpanGate } from "../span/SpanWatcher.ts"
import type { TailSamplingPlan } from "./TailSampling.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import { type TailSamplerOptions, TailSampler } from "./TailSampler.ts"

const { attribute } = Convention

/** Receives every new sampler. Tests use it to read how many spans a sampler holds. */
export const OnCreate = Context.Reference<(sampler: TailSampler) => void>(
  "effect-codex/telemetry/tail/Gate/Made",
  {
    defaultValue: () => () => {}
  }
)

/** Makes a counter of decisions; it uses the metric registry of the context it is made in. */
export const makeDecisionCounter = Effect.gen(function* () {
  const context = yield* Effect.context()
  const originator = yield* TurnTelemetry.Originator
  const count: TailSamplerOptions["decided"] = (reason, early) =>
    Instruments.telemetry.turns.update(
      1,
      {
        [attribute.originator]: originator,
        [attribute.samplingReason]: reason,
        [attribute.samplingEarly]: String(early)
      },
      context
    )
  return count
})

/** Makes a function that creates the gate of a pipeline; its argument receives the kept spans. */
export const make = Effect.fnUntraced(function* (plan: TailSamplingPlan, sampledBefore: boolean) {
  const decided = yield* makeDecisionCounter
  const made = yield* OnCreate
  return (emit: (span: ReadableSpan) => void): SpanGate => {
    const sampler = new TailSampler({ ...plan, emit, sampledBefore, decided })
    made(sampler)
    return {
      started: (span) => sampler.started(span),
      ended: (span) => sampler.ended(span),
      shown: (span) => sampler.shown(span),
      flush: () => sampler.flush()
    }
  }
})
