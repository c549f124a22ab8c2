/** Sends the records of a store, oldest first and one request at a time, until each is delivered or dropped. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Settings from "../config/Settings.ts"
import * as RetryPolicy from "./RetryPolicy.ts"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as OtlpMerge from "./OtlpMerge.ts"
import type * as HttpPost from "../delivery/HttpPost.ts"
import type { Encoding } from "../delivery/OtlpSerializers.ts"
import type { SpoolBatch, SegmentStore } from "./SegmentStore.ts"

export interface SpoolSenderOptions {
  readonly store: SegmentStore
  readonly post: (encoding: Encoding, body: Uint8Array) => Effect.Effect<HttpPost.SendResult>
  readonly batch: Pick<Settings.BatchSettings, "size" | "delayMillis">
  readonly exported: (n: number) => void
  readonly lost: (n: number, reason: "rejected" | "spool_full", detail?: string) => void
  /** Receives the number of records in the store. */
  readonly queue: (n: number) => void
  readonly warn: (text: string) => void
}

/** The first and the longest wait after a failure, in milliseconds. */
const base = 1000
const cap = 60_000

type Outcome = "empty" | "progress" | "wait"

export const make = (options: SpoolSenderOptions) => {
  const { batch, post, store } = options
  const limits: RetryPolicy.RetryLimits = { batch: batch.size, base, cap }
  let state = RetryPolicy.initial(limits)

  const handleResult = (sent: SpoolBatch, result: HttpPost.SendResult): Outcome => {
    const n = sent.records.length
    const { state: next, verdict } = RetryPolicy.step(state, result, {
      records: n,
      limits,
      now: Date.now(),
      random: Math.random()
    })
    state = next
    if (verdict === "delivered" || verdict === "dropped") {
      store.acknowledge(sent)
      const rejected = result._tag === "Accepted" ? Math.min(result.rejected, n) : n
      options.exported(n - rejected)
      options.lost(rejected, "rejected", result._tag === "Status" ? result.detail : undefined)
      return "progress"
    }
    if (!store.retain(sent)) options.lost(n, "spool_full")
    if (verdict === "split") return "progress"
    options.warn(`The spool waits for the telemetry receiver: ${detailOf(result)}`)
    return "wait"
  }

  const deliver: Effect.Effect<Outcome> = Effect.gen(function* () {
    const next = yield* Effect.promise(() => store.take(state.limit))
    const [first] = next?.records ?? []
    if (next === undefined || first === undefined) return "empty"
    const payloads = next.records.map(({ payload }) => payload)
    const result = yield* first.kind === "protobuf"
      ? post("protobuf", OtlpMerge.protobuf(payloads))
      : post("json", OtlpMerge.json(payloads))
    return handleResult(next, result)
  })

  const drain = Effect.gen(function* () {
    for (;;) {
      const outcome = yield* deliver
      if (outcome !== "progress") return outcome
    }
  })

  /** Returns the time until the next attempt, in milliseconds. */
  const wait = (): number => Math.max(0, state.notBefore - Date.now())

  return {
    /** Sends all records, however long it takes. */
    drainAll: Effect.gen(function* () {
      while ((yield* drain) === "wait") yield* Effect.sleep(wait())
    }),

    /** Sends new records until the scope closes. Calls `beforeDrain` before each round. */
    run: Effect.fnUntraced(function* (beforeDrain: () => void) {
      const work = yield* Queue.dropping<void>(1)
      const hurry = yield* Queue.dropping<void>(1)
      let addedSinceDrain = 0
      let flushWaiters: Array<() => void> = []

      yield* Effect.gen(function* () {
        yield* Queue.take(work)
        if (flushWaiters.length === 0) {
          yield* Effect.raceFirst(NodeTimers.sleepUnref(batch.delayMillis), Queue.take(hurry))
        }
        addedSinceDrain = 0
        beforeDrain()
        const outcome = yield* drain
        yield* Effect.sync(() => {
          options.queue(store.waiting)
          const waiters = flushWaiters
          flushWaiters = []
          for (const resolve of waiters) resolve()
        })
        if (outcome !== "wait") return
        yield* NodeTimers.sleepUnref(wait())
        Queue.offerUnsafe(work, undefined)
      }).pipe(Effect.forever, Effect.forkScoped)

      return {
        /** Wakes the sender after `n` records were written. A full batch is sent without the batching delay. */
        added: (n: number): void => {
          const before = addedSinceDrain
          addedSinceDrain += n
          if (before === 0) Queue.offerUnsafe(work, undefined)
          if (before < batch.size && addedSinceDrain >= batch.size) Queue.offerUnsafe(hurry, undefined)
        },
        /** Resolves when all records are sent, or when the receiver does not accept them: then they stay on disk. */
        flush: (): Promise<void> =>
          wait() > 0 || store.waiting === 0
            ? Promise.resolve()
            : new Promise((resolve) => {
                flushWaiters.push(resolve)
                Queue.offerUnsafe(work, undefined)
                Queue.offerUnsafe(hurry, undefined)
              })
      }
    })
  }
}

const detailOf = (result: HttpPost.SendResult): string => {
  if (result._tag === "Accepted") return ""
  return result._tag === "NoResponse" && result.timedOut
    ? `no response in time from ${result.detail}`
    : result.detail
}
