import type * as Tracer from "effect/Tracer"

const library = Symbol.for("effect-codex/redaction/scrubs")

interface Marked extends Tracer.Tracer {
  readonly [library]: Tracer.Tracer
}

const isMarked = (tracer: Tracer.Tracer): tracer is Marked => library in tracer

/**
 * Marks a tracer that scrubs its spans, so that nothing scrubs them before. `forLibrary` makes the spans of this library:
 * they have the library's instrumentation scope. By default it is the tracer itself.
 */
export const mark = (tracer: Tracer.Tracer, forLibrary?: Tracer.Tracer): Tracer.Tracer => {
  const spansOfLibrary = forLibrary ?? tracer
  if (forLibrary !== undefined) Object.assign(forLibrary, { [library]: forLibrary })
  return Object.assign(tracer, { [library]: spansOfLibrary })
}

/** Returns the tracer for spans of this library, or `undefined` if `tracer` does not scrub its spans. */
export const libraryTracerOf = (tracer: Tracer.Tracer): Tracer.Tracer | undefined =>
  isMarked(tracer) ? tracer[library] : undefined
