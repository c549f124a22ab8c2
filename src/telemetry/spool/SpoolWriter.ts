/** The spool of one signal of this process: written to at once, sent in the background, tended until the scope closes. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join, resolve } from "node:path"
import * as ProcessIdentity from "../../internal/ProcessIdentity.ts"
import { codeOf } from "../delivery/CountedExporter.ts"
import * as HomeDirectory from "../../internal/HomeDirectory.ts"
import type * as OtlpExporter from "../delivery/OtlpExporter.ts"
import { ExportStats } from "../delivery/ExportStats.ts"
import type * as Settings from "../config/Settings.ts"
import * as SpoolDirectory from "./SpoolDirectory.ts"
import type * as RecordFrame from "./RecordFrame.ts"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import { OpenFile, type Snapshot } from "./OpenSpansFile.ts"
import * as HttpPost from "./HttpPost.ts"
import * as SpoolSender from "./SpoolSender.ts"
import { Store } from "./SegmentStore.ts"

/** Signals that are spooled: metrics are summed up here, and sent again and again as they are. */
export type SpooledSignal = "traces" | "logs"

export interface SpoolWriterOptions {
  /** `~/` means the home directory. */
  readonly directory: string
  readonly maxBytes?: number | undefined
  readonly maxAge?: Duration.Input | undefined
}

const defaultBytes = 128 * 1024 * 1024
const defaultAge = 7 * 86_400_000

/** How often it is looked after, in milliseconds. */
const tending = 10_000

/** Where the spool is. */
export const directoryOf = ({ directory }: SpoolWriterOptions): string =>
  resolve(HomeDirectory.expand(directory))

export interface OpenSpool {
  readonly store: Store
  readonly shipper: ReturnType<typeof SpoolSender.make>
  readonly encoding: HttpPost.Encoding
  /** Takes over what dead processes have left; gives those who live. */
  readonly adopt: Effect.Effect<ReadonlyArray<SpoolDirectory.OrphanedSpools>>
}

/** Opens a spool; fails with the system's word for it where it cannot be written to. */
export const open = Effect.fnUntraced(function* (
  signal: SpooledSignal,
  options: SpoolWriterOptions,
  target: OtlpExporter.Target,
  batch: Settings.BatchSettings,
  rejected: (encoding: HttpPost.Encoding, answer: Uint8Array) => number
) {
  const stats = yield* ExportStats
  const { warn } = stats
  const me = yield* ProcessIdentity.self
  const directory = directoryOf(options)
  const maxAge = Option.flatMap(Option.fromUndefinedOr(options.maxAge), Duration.fromInput)
  const store = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        new Store({
          directory,
          signal,
          me,
          maxBytes: options.maxBytes ?? defaultBytes,
          maxAge: Option.match(maxAge, { onNone: () => defaultAge, onSome: Duration.toMillis }),
          now: Date.now,
          lost: (n, reason, detail) => stats.dropped(signal, n, reason, detail)
        }),
      catch: (error) => codeOf(error) ?? "unknown error"
    }),
    (store) => Effect.sync(() => store.close())
  )
  const shipper = SpoolSender.make({
    store,
    post: yield* HttpPost.make(target, rejected),
    batch,
    warn,
    exported: (n) => stats.exported(signal, n),
    lost: (n, reason, detail) => stats.dropped(signal, n, reason, detail),
    queue: (n) => stats.queue(signal, n)
  })

  const adopt = Effect.gen(function* () {
    const found = yield* SpoolDirectory.survey(join(directory, signal), me, Date.now())
    for (const folder of found) {
      if (folder.gone) yield* Effect.promise(() => store.adopt(folder).catch(() => false))
    }
    return found.filter(({ gone }) => !gone)
  })
  const opened: OpenSpool = {
    store,
    shipper,
    adopt,
    encoding: target.protocol === "http/json" ? "json" : "protobuf"
  }
  return opened
})

export interface SpoolWriter {
  /** Writes a record; false where the disk does not take it, now or before: it is for others to send. */
  readonly write: (id: string, payload: Uint8Array) => boolean
  readonly started: (id: string, snapshot: Snapshot) => void
  readonly finished: (id: string) => void
  readonly flush: () => Promise<void>
  /** No more comes. */
  readonly end: () => void
}

/** Keeps an open spool going until the scope closes. */
export const keep = Effect.fnUntraced(function* (signal: SpooledSignal, opened: OpenSpool) {
  const { adopt, encoding: kind, shipper, store } = opened
  const stats = yield* ExportStats
  const { warn } = stats
  const openFile = yield* Effect.acquireRelease(
    Effect.sync(() => new OpenFile({ folder: () => store.folder, kind, now: Date.now })),
    (openFile) => Effect.sync(() => openFile.close())
  )
  let off = false
  let written = 0

  // The metric is told in rounds: a span is cheaper to write than to count.
  const count = (): void => {
    if (written > 0) stats.spooled(signal, written)
    written = 0
  }
  yield* Effect.addFinalizer(() => Effect.sync(count))
  const sending = yield* shipper.run(count)

  const adoptAndSend = Effect.gen(function* () {
    const before = store.waiting
    yield* adopt
    if (store.waiting > before) sending.added(store.waiting - before)
  })
  const tend = Effect.gen(function* () {
    yield* Effect.sync(() => {
      store.tend()
      openFile.refresh()
    })
    yield* adoptAndSend
  })
  yield* Effect.andThen(adoptAndSend, Effect.forever(Effect.andThen(NodeTimers.sleep(tending), tend))).pipe(
    Effect.forkScoped
  )

  const put = (record: RecordFrame.Record): boolean => {
    if (off) return false
    try {
      store.append(record)
    } catch (error) {
      off = true
      warn(
        `${codeOf(error) ?? "unknown error"}: the spool cannot be written to, telemetry is sent without it`
      )
      return false
    }
    written++
    sending.added(1)
    return true
  }

  const keeper: SpoolWriter = {
    write: (id, payload) => put({ kind, id, payload, time: Date.now() }),
    started: (id, snapshot) => {
      if (!off) openFile.started(id, snapshot)
    },
    finished: (id) => openFile.finished(id),
    flush: () => sending.flush(),
    end: () => openFile.close()
  }
  return keeper
})
