/**
 * Telemetry of durable turns: one trace from the submission to the outcome. The ids of spans go through the database, so a
 * worker that is killed before it exports its span breaks nothing: others only link to the ids.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { createHash } from "node:crypto"
import * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import type { ApprovalKind } from "../domain/ApprovalRequest.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as TraceContext from "../internal/TraceContext.ts"
import * as Convention from "../semconv/Convention.ts"
import * as EmitSignal from "./EmitSignal.ts"
import * as SafeSpan from "./SafeSpan.ts"
import type * as Signal from "./Signal.ts"
import * as TurnMetrics from "./TurnMetrics.ts"
import * as TurnTelemetry from "./TurnTelemetry.ts"

const { attribute, messaging } = Convention

/** Who a durable turn works for. */
interface Owner {
  readonly userHash: string | null | undefined
  readonly team: string | null | undefined
}

type Attributes = Record<string, unknown>

const ownerAttributes = ({ team, userHash }: Owner): Attributes => ({
  ...(userHash === null || userHash === undefined ? {} : { [attribute.userHash]: userHash }),
  ...(team === null || team === undefined ? {} : { [attribute.team]: team })
})

const queueAttributes = (operation: "submit" | "run", key: string): Attributes => ({
  [attribute.messagingSystem]: messaging.system,
  [attribute.messagingDestination]: messaging.destination,
  [attribute.messagingOperationName]: operation,
  [attribute.messagingOperationType]: operation === "submit" ? "send" : "process",
  [attribute.durableKey]: key
})

const linksTo = (traceParent: string | null | undefined): Array<Tracer.SpanLink> =>
  Option.match(TraceContext.parse(traceParent ?? undefined), {
    onNone: () => [],
    onSome: (span) => [{ span, attributes: {} }]
  })

const below =
  (span: Tracer.Span) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.withParentSpan(effect, span, { captureStackTrace: false })

/** What the database has of a submission. */
interface Submitted {
  readonly thread: string
  readonly isDuplicate: boolean
  /** The trace parent of the first submission with the key. */
  readonly traceParent: string | null
}

/**
 * Runs a submission in a `codex.durable.submit` span. `submit` gets the trace parent to store. Without a tracer that exports,
 * that is the span of the caller, if it has one.
 */
export const submitting = <A, E, R>(
  { key, ...owner }: Owner & { readonly key: string },
  submit: (traceParent: string | undefined) => Effect.Effect<A, E, R>,
  describe: (result: A) => Submitted
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const attributes = {
      ...queueAttributes("submit", key),
      ...ownerAttributes(owner),
      [attribute.originator]: yield* TurnTelemetry.Originator
    }
    const isExported = (yield* Tracer.Tracer) !== Tracer.nativeTracer
    const caller = Option.getOrUndefined(yield* Effect.option(Effect.currentParentSpan))
    return yield* SafeSpan.use(Convention.span.durableSubmit, { kind: "producer", attributes }, (span) =>
      Effect.gen(function* () {
        const result = yield* submit(TraceContext.fields(isExported ? span : caller)?.traceparent)
        const { isDuplicate, thread, traceParent } = describe(result)
        span.attribute(attribute.durableThread, thread)
        if (isDuplicate) {
          span.attribute(attribute.durableDuplicate, true)
          span.addLinks(linksTo(traceParent))
        }
        return result
      }).pipe(below(span))
    )
  })

/** A durable turn that a worker is about to take. */
export interface RunTurn extends Owner {
  readonly key: string
  readonly thread: string
  /** The span of the submission, or of the first attempt. */
  readonly traceParent: string | null
  /** The span of the attempt before this one. */
  readonly previous: string | null
  readonly submittedAt: number
  readonly attempt: number
  readonly reason: Signal.DurableReason
  readonly worker: string
}

/** The spans of the attempts that one worker makes at a turn. */
export interface RunTelemetry {
  /** The span of the current attempt, for the database; `undefined` if telemetry is off. */
  readonly traceParent: () => string | undefined
  /** The worker has taken the turn. */
  readonly claimed: Effect.Effect<void>
  /** The engine that takes the turn. */
  readonly runsOn: (engine: string) => void
  /** Runs an effect below the span of the current attempt, for the user and the team of the submission. */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Codex runs the turn, or has run it. */
  readonly found: (
    found: "new" | "running" | "ended",
    ids: { readonly threadId: string; readonly turnId: string | undefined }
  ) => Effect.Effect<void>
  /** The thread has moved from a lost engine. */
  readonly moved: Effect.Effect<void>
  /** The engine is lost: ends the span of the attempt and starts the next one, below the same submission. */
  readonly recover: (error: CodexError.CodexError) => Effect.Effect<void>
  /** The worker leaves the turn to the next one. */
  readonly left: Effect.Effect<void>
  /** The outcome is stored. */
  readonly stopped: (error: CodexError.CodexError | undefined) => Effect.Effect<void>
  /** Another worker has taken the turn over. */
  readonly lost: Effect.Effect<void>
  /** Ends the span. The functions above only describe the end. */
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** A path or an address can have a name of a person or a token. */
const engineName = (name: string): string =>
  /^[\w.-]{1,64}$/.test(name) ? name : createHash("sha256").update(name).digest("hex").slice(0, 12)

/** Starts the span of an attempt. */
export const startRun = Effect.fnUntraced(function* (turn: RunTurn): Effect.fn.Return<RunTelemetry> {
  const { key, thread } = turn
  const originator = yield* TurnTelemetry.Originator
  const annotations = { ...ownerAttributes(turn), [attribute.originator]: originator }
  let submission = turn.traceParent
  const open = (attempt: number, reason: Signal.DurableReason, previous: string | null | undefined) =>
    SafeSpan.make(Convention.span.durableRun, {
      kind: "consumer",
      ...Option.match(TraceContext.parse(submission ?? undefined), {
        onNone: () => ({ root: true }),
        onSome: (parent) => ({ parent })
      }),
      links: linksTo(previous),
      attributes: {
        ...queueAttributes("run", key),
        [attribute.durableThread]: thread,
        [attribute.durableAttempt]: attempt,
        [attribute.durableReason]: reason,
        [attribute.durableWorker]: turn.worker
      }
    }).pipe(Effect.annotateSpans(annotations))
  let { attempt } = turn
  let span = yield* open(attempt, turn.reason, turn.previous)
  let failure: CodexError.CodexError | undefined
  const traceParent = () => TraceContext.fields(span)?.traceparent

  const within: RunTelemetry["within"] = (effect) =>
    Effect.flatMap(TurnMetrics.Team, (team) =>
      effect.pipe(
        below(span),
        Effect.annotateSpans(annotations),
        Effect.provideService(TurnMetrics.Team, turn.team ?? team)
      )
    )
  const emit = (make: (at: number) => Signal.Signal) =>
    within(Effect.flatMap(EmitSignal.now, (at) => EmitSignal.emit(make(at))))

  const started = (reason: Signal.DurableReason) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const queueWaitMillis = reason === "submitted" ? Math.max(0, now - turn.submittedAt) : undefined
      if (queueWaitMillis !== undefined) span.attribute(attribute.durableQueueWait, queueWaitMillis)
      return emit((at) => ({ _tag: "DurableStart", at, key, attempt, reason, queueWaitMillis }))
    })
  const close: RunTelemetry["close"] = (exit) =>
    Effect.map(Clock.currentTimeNanos, (now) =>
      span.end(now, failure === undefined ? exit : Exit.fail(failure))
    )
  const lock = emit((at) => ({ _tag: "StateLock", at, result: "lost" }))

  return {
    traceParent,
    claimed: started(turn.reason),
    runsOn: (engine) => span.attribute(attribute.durableEngine, engineName(engine)),
    within,
    found: (found, { threadId, turnId }) =>
      Effect.suspend(() => {
        span.attribute(attribute.durableFound, found)
        span.attribute(attribute.conversationId, threadId)
        span.attribute(attribute.sessionId, threadId)
        if (turnId !== undefined) span.attribute(attribute.turnId, turnId)
        return found === "new" ? Effect.void : emit((at) => ({ _tag: "DurableAttach", at, key, found }))
      }),
    moved: emit((at) => ({ _tag: "DurableMove", at, key })),
    recover: (error) =>
      Effect.gen(function* () {
        const before = traceParent()
        yield* close(Exit.fail(error))
        submission ??= before ?? null
        span = yield* open(++attempt, "engine_lost", before)
        yield* started("engine_lost")
      }),
    left: Effect.sync(() => span.attribute(attribute.durableStatus, "left")),
    lost: Effect.suspend(() => {
      span.attribute(attribute.durableStatus, "left")
      return lock
    }),
    stopped: (error) => {
      const status =
        error === undefined ? "completed" : error._tag === "TurnInterrupted" ? "interrupted" : "failed"
      return Effect.suspend(() => {
        span.attribute(attribute.durableStatus, status)
        if (status === "failed") failure = error
        return emit((at) => ({
          _tag: "DurableStop",
          at,
          durationMillis: Math.max(0, at - turn.submittedAt),
          key,
          status,
          errorType: status === "failed" ? error?.errorType : undefined
        }))
      })
    },
    close
  }
})

const nanos = (millis: number): bigint => BigInt(Math.trunc(millis)) * 1_000_000n

/** The span of a request that waits in the database. */
export interface WaitTelemetry {
  /** Ends the span: `decision` is `undefined` if the request is withdrawn or the worker leaves it. */
  readonly end: (
    decision: ApprovalDecision.ApprovalDecision | undefined,
    at?: number | null
  ) => Effect.Effect<void>
}

/** Starts the span of a request at the time at which the first worker asked it. */
export const startWait = Effect.fnUntraced(function* (request: {
  readonly id: string
  readonly kind: ApprovalKind
  readonly askedAt: number
}): Effect.fn.Return<WaitTelemetry> {
  const context = yield* Effect.context<never>()
  const parent = Context.getOrUndefined(context, Tracer.ParentSpan)
  if (!Context.get(context, References.TracerEnabled) || parent === undefined)
    return { end: () => Effect.void }
  const tracer = yield* SafeSpan.tracer
  const span = tracer.span({
    name: Convention.span.durableApproval,
    parent: Option.some(parent),
    annotations: Context.empty(),
    links: [],
    startTime: nanos(request.askedAt),
    kind: "internal",
    root: false,
    sampled: parent.sampled
  })
  for (const [key, value] of Object.entries(Context.get(context, References.TracerSpanAnnotations)))
    span.attribute(key, value)
  span.attribute(attribute.durableApproval, request.id)
  span.attribute(attribute.approvalKind, request.kind)
  return {
    end: (decision, at) =>
      Effect.map(Clock.currentTimeNanos, (now) => {
        if (decision !== undefined) {
          span.attribute(attribute.approvalDecision, ApprovalDecision.decisionName(decision))
          span.attribute(attribute.approvalSource, decision.source ?? "policy")
          span.attribute(attribute.approvalPolicy, decision.policy ?? "custom")
        }
        span.end(at === null || at === undefined ? now : nanos(at), Exit.void)
      })
  }
})
