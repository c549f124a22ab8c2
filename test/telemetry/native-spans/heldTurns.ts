/** Turns of every kind on one real Codex, in which each model request, tool, approval and command is held up for a while. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Approval from "../../../src/Approval.ts"
import type * as Turn from "../../../src/domain/Turn.ts"
import * as SignalBus from "../../../src/instrumentation/SignalBus.ts"
import * as InMemorySpans from "../../../src/telemetry/tracer/InMemorySpans.ts"
import * as NativeSpans from "../../../src/telemetry/NativeSpans.ts"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import * as M from "../../../src/testing/ModelServer.ts"
import { until } from "../../support/live.ts"
import * as Real from "../../support/realEngine.ts"
import { Lookup, patientExport } from "./run.ts"

export type Part = "thinking" | "tools" | "approval"

/** What happened of one kind of turn. */
export interface HeldTurn {
  readonly time: Turn.TurnTime
  /** How long each cause was held up while it was open, in milliseconds, in the order in which they started. */
  readonly held: Readonly<Record<Part, ReadonlyArray<number>>>
  /** The time around the turn. */
  readonly wallMillis: number
  /** The spans of the trace. */
  readonly spans: ReadonlyArray<ReadableSpan>
}

type Step = "lookup" | "command" | "escalated command"

/** What the model requests in each of its replies, before the last one, which is text. */
export const kinds: Readonly<Record<string, ReadonlyArray<ReadonlyArray<Step>>>> = {
  plain: [],
  streaming: [],
  command: [["command"]],
  approval: [["escalated command"]],
  tool: [["lookup"]],
  parallel: [["lookup", "lookup", "command"]],
  several: [["command"], ["lookup"], ["escalated command"], ["lookup"]]
}

const holdMillis = 100

export const isTask = ({ name }: ReadableSpan) => name === "session_task.turn"

const traceOf = (span: ReadableSpan) => span.spanContext().traceId

const runs = (callId: string) => `${callId.replaceAll("/", "-")}.runs`
const ends = (callId: string) => `${callId.replaceAll("/", "-")}.ends`

const call = (step: Step, callId: string) =>
  step === "lookup"
    ? M.call("lookup", { id: callId }, { callId })
    : // The command says that it runs, and waits for leave to end. Without a time, Codex goes on without it after 10 seconds.
      M.shell(`touch ${runs(callId)}; until [ -e ${ends(callId)} ]; do sleep 0.02; done`, {
        callId,
        timeoutMillis: 30_000,
        ...(step === "command" ? {} : { escalate: "I need it" })
      })

/** The state of one turn, as this process has observed it. */
class Observed {
  readonly held = { thinking: [] as Array<number>, tools: [] as Array<number>, approval: [] as Array<number> }
  requests = 0
  modelStarts = 0
  inputRecorded = false
  readonly opened = new Set<string>()
  readonly approving = new Set<string>()

  /** Waits until this process has seen the start of a cause, and then holds the cause up. */
  hold(part: Part, name: string, isOpen: () => boolean) {
    const { held } = this
    return Effect.gen(function* () {
      yield* until(name, Effect.sync(isOpen))
      const start = yield* Clock.currentTimeMillis
      yield* Effect.sleep(holdMillis)
      held[part].push((yield* Clock.currentTimeMillis) - start)
    })
  }
}

export class HeldTurns extends Context.Service<HeldTurns, ReadonlyMap<string, HeldTurn>>()(
  "test/native-spans/HeldTurns"
) {}

const make = Effect.gen(function* () {
  const observed = new Map(Object.keys(kinds).map((kind) => [kind, new Observed()] as const))
  const observedOf = (kind: string) => observed.get(kind) ?? new Observed()
  /** A call has the name of its kind before the first slash. */
  const ofCall = (callId: string) => observedOf(callId.split("/")[0] ?? "")

  const kindOfThread = new Map<string, string>()
  const listener = SignalBus.layerListener(
    Effect.succeed(({ signal, threadId }) => {
      if (signal._tag === "ModelStart") observedOf(kindOfThread.get(threadId ?? "") ?? "").modelStarts++
      if (signal._tag === "ToolStart") ofCall(signal.callId).opened.add(signal.callId)
      if (signal._tag === "ApprovalStart") ofCall(signal.callId).approving.add(signal.callId)
    })
  )

  const script: M.Respond = (request) => {
    const kind = request.lastUserText
    const turn = observedOf(kind)
    const index = turn.requests++
    // Until Codex has recorded the input, the time before the first request is overhead.
    const hold = M.until(
      turn.hold(
        "thinking",
        `request ${index} of ${kind}`,
        () => turn.modelStarts > index && turn.inputRecorded
      )
    )
    const steps = kinds[kind]?.[index]
    return steps === undefined
      ? M.reply(hold, M.text("one two three", { deltas: true, every: "5 millis" }))
      : M.reply(hold, ...steps.map((step, at) => call(step, `${kind}/${index}/${at}`)))
  }

  const real = yield* Real.make(script, {
    engine: {
      config: ["features.critical_path_timing=true"],
      env: patientExport
    }
  })
  const fs = yield* FileSystem.FileSystem
  const memory = yield* InMemorySpans.make

  const holdCommand = Effect.fnUntraced(function* (callId: string) {
    const turn = ofCall(callId)
    yield* until(`command ${callId}`, real.exists(runs(callId)))
    yield* turn.hold("tools", `item of ${callId}`, () => turn.opened.has(callId))
    yield* fs.writeFileString(`${real.workspace}/${ends(callId)}`, "")
  })

  const runTurn = Effect.fnUntraced(function* (kind: string) {
    const turn = observedOf(kind)
    const thread = yield* real.start({ tools: yield* Lookup })
    kindOfThread.set(thread.id, kind)
    const commands = (kinds[kind] ?? []).flatMap((steps, index) =>
      steps.flatMap((step, at) => (step === "lookup" ? [] : [`${kind}/${index}/${at}`]))
    )
    yield* Effect.forEach(commands, (callId) => Effect.forkScoped(holdCommand(callId)))
    const start = yield* Clock.currentTimeMillis
    const events = yield* thread.stream(kind).pipe(
      Stream.tap((event) =>
        Effect.sync(() => {
          if (event._tag === "ItemCompleted" && event.item._tag === "UserMessage") turn.inputRecorded = true
        })
      ),
      Stream.runCollect
    )
    const wallMillis = (yield* Clock.currentTimeMillis) - start
    const last = events.at(-1)
    if (last?._tag !== "TurnCompleted") return yield* Effect.die(`${kind} did not complete`)
    const { traceId } = yield* Effect.currentSpan
    // Codex's last span of the turn.
    yield* until(
      `session_task.turn of ${kind}`,
      Effect.map(memory.spans, (spans) => spans.some((span) => isTask(span) && traceOf(span) === traceId))
    )
    return { kind, time: last.turn.time, wallMillis, held: turn.held, traceId }
  }, Effect.scoped)

  const turns = yield* Effect.forEach(
    Object.keys(kinds),
    (kind) => Effect.withSpan(runTurn(kind), "caller", { root: true }),
    { concurrency: "unbounded" }
  ).pipe(
    Effect.provide(
      Lookup.toLayer({
        lookup: ({ id }) => {
          const turn = ofCall(id)
          return Effect.as(
            turn.hold("tools", `tool ${id}`, () => turn.opened.has(id)),
            "found"
          )
        }
      })
    ),
    Effect.provide(
      Approval.layer(({ itemId }) => {
        const turn = ofCall(itemId)
        return Effect.as(
          turn.hold("approval", `approval ${itemId}`, () => turn.approving.has(itemId)),
          Approval.accept
        )
      })
    ),
    Effect.provide(
      Layer.provideMerge(
        real.layer,
        Layer.mergeAll(Tracer.layerProcessor(Effect.succeed(memory.processor)), NativeSpans.layer, listener)
      )
    ),
    Effect.scoped
  )
  const spans = yield* memory.spans
  return HeldTurns.of(
    new Map(
      turns.map(({ kind, traceId, ...turn }) => [
        kind,
        { ...turn, spans: spans.filter((span) => traceOf(span) === traceId) }
      ])
    )
  )
})

/** Runs a turn of each kind, all at once. */
export const layer = Layer.effect(HeldTurns, Effect.scoped(make))
