/** Everything that durable turns, connections and engine hosts emit. */
import * as Effect from "effect/Effect"
import { CodexError } from "effect-codex"
import * as DurableTelemetry from "../../src/instrumentation/DurableTelemetry.ts"
import * as EmitSignal from "../../src/instrumentation/EmitSignal.ts"
import * as HostTelemetry from "../../src/instrumentation/HostTelemetry.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"

const unavailable = new CodexError.StorageUnavailable({ reason: "Full", detail: "" })
const exited = new CodexError.EngineExited({ stderr: "" })
const owner = { userHash: "0123", team: "payments" }

const submit = (isDuplicate: boolean, fails: boolean) =>
  DurableTelemetry.submitting(
    { key: "k1", ...owner },
    (traceParent) => (fails ? Effect.fail(unavailable) : Effect.succeed(traceParent ?? null)),
    (traceParent) => ({ thread: "t", isDuplicate, traceParent })
  )

const run = Effect.fnUntraced(function* (traceParent: string | null) {
  const attempt = yield* DurableTelemetry.startRun({
    ...owner,
    key: "k1",
    thread: "t",
    traceParent,
    previous: null,
    submittedAt: 0,
    attempt: 1,
    reason: "submitted",
    worker: "w"
  })
  yield* attempt.claimed
  attempt.runsOn("e")
  yield* attempt.moved
  yield* attempt.found("running", { threadId: "thread", turnId: "turn" })
  yield* attempt.recover(exited)
  yield* attempt.found("ended", { threadId: "thread", turnId: "turn" })
  yield* attempt.stopped(undefined)
  yield* attempt.stopped(exited)
  yield* attempt.lost
  yield* attempt.left
  yield* attempt.close(yield* Effect.exit(Effect.void))
})

/** A request that waits in the database, called by a policy. */
export const waits = Effect.gen(function* () {
  const wait = yield* DurableTelemetry.startWait({ id: "a1", kind: "command", askedAt: 0 })
  yield* wait.end({ _tag: "Accept", source: "user", policy: "durable" }, 1)
})

const at = 1
const durationMillis = 1
const failed: Signal.SignalEnd = { _tag: "Error", errorType: "EngineUnreachable.Lost" }
const counted = { team: "payments", count: 1, oldestMillis: 1000 }

const signals: ReadonlyArray<Signal.Signal> = [
  {
    _tag: "QueueUpdate",
    at,
    counts: [
      { ...counted, status: "submitted" },
      { ...counted, status: undefined }
    ]
  },
  { _tag: "StateLock", at, result: "taken" },
  { _tag: "StateLock", at, result: "refused" },
  { _tag: "Reconnect", at, durationMillis, end: { _tag: "Ok" } },
  { _tag: "Reconnect", at, durationMillis, end: failed },
  {
    _tag: "HostUpdate",
    at,
    processes: { running: 1, draining: 0, restarting: 0 },
    clients: 2,
    restarts: 3
  }
]

/** Each operation on a host, well and failed. */
export const operateHost = Effect.gen(function* () {
  for (const operation of ["start", "attach", "drain", "stop"] as const) {
    yield* HostTelemetry.operation(operation)(Effect.void)
    yield* Effect.ignore(HostTelemetry.operation(operation)(Effect.fail(exited)))
  }
})

export const emitAll = Effect.gen(function* () {
  const traceParent = yield* submit(false, false)
  yield* submit(true, false)
  yield* Effect.ignore(submit(false, true))
  yield* run(traceParent)
  yield* run(null)
  yield* Effect.forEach(signals, EmitSignal.emit, { discard: true })
})
