import type * as Tracer from "effect/Tracer"

const scrubs = Symbol.for("effect-codex/redaction/scrubs")

/** Marks a tracer that scrubs its spans when they end, so that nothing scrubs them before. */
export const mark = (tracer: Tracer.Tracer): Tracer.Tracer => Object.assign(tracer, { [scrubs]: true })

/** Whether a tracer scrubs its spans itself. */
export const isMarked = (tracer: Tracer.Tracer): boolean => scrubs in tracer
