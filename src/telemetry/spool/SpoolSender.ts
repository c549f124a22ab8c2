/** Sends what a store holds, oldest first, one request at a time, until each record was taken or is lost for good. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Settings from "../config/Settings.ts"
import * as RetryPolicy from "./RetryPolicy.ts"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import * as OtlpMerge from "./OtlpMerge.ts"
import type * as HttpPost from "./HttpPost.ts"
import type { SpoolBatch, SegmentStore } from "./SegmentStore.ts"

export interface SpoolSenderOptions {
  readonly store: SegmentStore
  readonly post: (encoding: HttpPost.Encoding, body: Uint8Array) => Effect.Effect<RetryPolicy.SendResult>
  readonly batch: Pick<Settings.BatchSettings, "size" | "delay">
  readonly exported: (n: number) => void
  readonly lost: (n: number, reason: "rejected" | "spool_full", detail?: string) => void
  /** What is waiting now. */
  readonly queue: (n: number) => void
  readonly warn: (text: string) => void
}

/** The first wait after a failure, and the longest, in milliseconds. */
const base = 1000
const cap = 60_000

type Outcome = "empty" | "went" | "later"

export const make = (options: SpoolSenderOptions) => {
  const { batch, post, store } = options
  const limits: RetryPolicy.RetryLimits = { batch: batch.size, base, cap }
  let state = RetryPolicy.initial(limits)

  const handleResult = (sent: SpoolBatch, answer: RetryPolicy.SendResult): Outcome => {
    const n = sent.records.length
    const { state: next, verdict } = RetryPolicy.step(state, answer, {
      records: n,
      limits,
      now: Date.now(),
      random: Math.random()
    })
    state = next
    if (verdict === "delivered" || verdict === "lost") {
      store.acknowledge(sent)
      const rejected = answer._tag === "Taken" ? Math.min(answer.rejected, n) : n
      options.exported(n - rejected)
      options.lost(rejected, "rejected", answer._tag === "Status" ? answer.detail : undefined)
      return "went"
    }
    if (store.retain(sent)) options.lost(n, "spool_full")
    if (verdict === "smaller") return "went"
    options.warn(`The spool waits for the receiver of telemetry: ${detailOf(answer)}`)
    return "later"
  }

  const deliver: Effect.Effect<Outcome> = Effect.gen(function* () {
    const taken = yield* Effect.promise(() => store.take(state.limit))
    const [first] = taken?.records ?? []
    if (taken === undefined || first === undefined) return "empty"
    const payloads = taken.records.map(({ payload }) => payload)
    const answer = yield* first.kind === "protobuf"
      ? post("protobuf", OtlpMerge.protobuf(payloads))
      : post("json", OtlpMerge.json(payloads))
    return handleResult(taken, answer)
  })

  const drain = Effect.gen(function* () {
    for (;;) {
      const outcome = yield* deliver
      if (outcome !== "went") return outcome
    }
  })

  /** How long to leave the receiver alone, in milliseconds. */
  const wait = (): number => Math.max(0, state.notBefore - Date.now())

  return {
    /** Sends everything, however long it takes. */
    drainAll: Effect.gen(function* () {
      while ((yield* drain) === "later") yield* Effect.sleep(wait())
    }),

    /** Sends what comes, until the scope closes; `before` is called before each time. */
    run: Effect.fnUntraced(function* (before: () => void) {
      const work = yield* Queue.dropping<void>(1)
      const hurry = yield* Queue.dropping<void>(1)
      let fresh = 0
      let waiting: Array<() => void> = []

      yield* Effect.gen(function* () {
        yield* Queue.take(work)
        if (waiting.length === 0) yield* Effect.raceFirst(NodeTimers.sleep(batch.delay), Queue.take(hurry))
        fresh = 0
        before()
        const outcome = yield* drain
        yield* Effect.sync(() => {
          options.queue(store.waiting)
          const done = waiting
          waiting = []
          for (const resolve of done) resolve()
        })
        if (outcome !== "later") return
        yield* NodeTimers.sleep(wait())
        Queue.offerUnsafe(work, undefined)
      }).pipe(Effect.forever, Effect.forkScoped)

      return {
        /** There is one more record, or a number of them. */
        added: (n: number): void => {
          const already = fresh
          fresh += n
          if (already === 0) Queue.offerUnsafe(work, undefined)
          if (already < batch.size && fresh >= batch.size) Queue.offerUnsafe(hurry, undefined)
        },
        /** Resolves when everything was sent or the receiver does not take it: then it stays where it is. */
        flush: (): Promise<void> =>
          wait() > 0 || store.waiting === 0
            ? Promise.resolve()
            : new Promise((resolve) => {
                waiting.push(resolve)
                Queue.offerUnsafe(work, undefined)
                Queue.offerUnsafe(hurry, undefined)
              })
      }
    })
  }
}

const detailOf = (answer: RetryPolicy.SendResult): string => {
  if (answer._tag === "Taken") return ""
  return answer._tag === "None" && answer.timeout ? `no answer in time from ${answer.detail}` : answer.detail
}
