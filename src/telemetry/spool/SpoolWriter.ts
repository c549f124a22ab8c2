/** Runs the spool of one signal: writes records at once, sends them in the background, until the scope closes. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join, resolve } from "node:path"
import * as ProcessIdentity from "../../internal/ProcessIdentity.ts"
import { codeOf } from "../../internal/SystemError.ts"
import * as HomeDirectory from "../../internal/HomeDirectory.ts"
import * as HostDirectories from "../../internal/HostDirectories.ts"
import * as HttpPost from "../delivery/HttpPost.ts"
import type * as OtlpExporter from "../delivery/OtlpExporter.ts"
import * as OtlpSerializers from "../delivery/OtlpSerializers.ts"
import { ExportStats } from "../delivery/ExportStats.ts"
import type * as Settings from "../config/Settings.ts"
import * as SpoolDirectory from "./SpoolDirectory.ts"
import type * as RecordFrame from "./RecordFrame.ts"
import * as NodeTimers from "../../internal/NodeTimers.ts"
import { OpenSpansFile, type Snapshot } from "./OpenSpansFile.ts"
import * as SpoolSender from "./SpoolSender.ts"
import { SegmentStore } from "./SegmentStore.ts"

/** The spooled signals. Metrics need no spool: they are cumulative, and the next export repeats them. */
export type SpooledSignal = "traces" | "logs"

export interface SpoolWriterOptions {
  /** Directory of the spool; `~/` is the home directory. */
  readonly directory: string
  readonly maxBytes?: number | undefined
  readonly maxAge?: Duration.Input | undefined
}

const defaultBytes = 128 * 1024 * 1024
const defaultAge = 7 * 86_400_000

/** Interval of maintenance. */
const maintenanceMillis = 10_000

/** Returns the absolute path of the spool. */
export const directoryOf = ({ directory }: SpoolWriterOptions): string =>
  resolve(HomeDirectory.expand(directory))

export interface OpenSpool {
  readonly store: SegmentStore
  readonly sender: ReturnType<typeof SpoolSender.make>
  readonly encoding: OtlpSerializers.Encoding
  /** Adopts the directories of dead processes. Returns those of running processes. */
  readonly adopt: Effect.Effect<ReadonlyArray<SpoolDirectory.ProcessSpool>>
}

/** Opens a spool. Fails with a system error code such as `EACCES` if the directory is not writable. */
export const open = Effect.fnUntraced(function* (
  signal: SpooledSignal,
  options: SpoolWriterOptions,
  target: OtlpExporter.Target,
  batch: Settings.BatchSettings,
  rejected: (encoding: OtlpSerializers.Encoding, body: Uint8Array) => number
) {
  const stats = yield* ExportStats
  const { warn } = stats
  const self = yield* ProcessIdentity.self
  const directory = directoryOf(options)
  const hostDirectories = yield* HostDirectories.Current
  yield* hostDirectories.add({
    path: directory,
    content: "the spool of telemetry",
    setting: "CODEX_OTLP_SPOOL_DIR or the option directory",
    isTree: true
  })
  const maxAge = Option.flatMap(Option.fromUndefinedOr(options.maxAge), Duration.fromInput)
  const store = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        new SegmentStore({
          directory,
          signal,
          owner: self,
          maxBytes: options.maxBytes ?? defaultBytes,
          maxAge: Option.match(maxAge, { onNone: () => defaultAge, onSome: Duration.toMillis }),
          now: Date.now,
          lost: (n, reason, detail) => stats.dropped(signal, n, reason, detail)
        }),
      catch: (error) => codeOf(error) ?? "unknown error"
    }),
    (store) => Effect.sync(() => store.close())
  )
  const post = yield* HttpPost.make(target, rejected)
  const sender = SpoolSender.make({
    store,
    // A request does not keep the process alive: the records are on disk.
    post: (encoding, body) =>
      Effect.promise((signal) =>
        post(encoding, body, { timeoutMillis: target.spoolTimeoutMillis, keepsProcessAlive: false, signal })
      ),
    batch,
    warn,
    exported: (n) => stats.exported(signal, n),
    lost: (n, reason, detail) => stats.dropped(signal, n, reason, detail),
    queue: (n) => stats.queue(signal, n)
  })

  const adopt = Effect.gen(function* () {
    const found = yield* SpoolDirectory.list(join(directory, signal), self, Date.now())
    for (const other of found) {
      if (other.gone) yield* Effect.promise(() => store.adopt(other).catch(() => false))
    }
    return found.filter(({ gone }) => !gone)
  })
  const opened: OpenSpool = {
    store,
    sender,
    adopt,
    encoding: OtlpSerializers.encodingOf(target.protocol)
  }
  return opened
})

export interface SpoolWriter {
  /** Writes a record. Returns false after a failed write; then the caller sends the record, and all later ones. */
  readonly write: (id: string, payload: Uint8Array) => boolean
  readonly spanStarted: (id: string, snapshot: Snapshot) => void
  readonly spanEnded: (id: string) => void
  readonly flush: () => Promise<void>
  /** Ends the tracking of open spans. */
  readonly end: () => void
}

/** Runs an open spool until the scope closes. */
export const run = Effect.fnUntraced(function* (signal: SpooledSignal, opened: OpenSpool) {
  const { adopt, encoding: kind, sender, store } = opened
  const stats = yield* ExportStats
  const { warn } = stats
  const openFile = yield* Effect.acquireRelease(
    Effect.sync(() => new OpenSpansFile({ directory: () => store.processDirectory, kind, now: Date.now })),
    (openFile) => Effect.sync(() => openFile.close())
  )
  let disabled = false
  let written = 0

  // The metric is updated once a round, because to count a span costs more than to write it.
  const count = (): void => {
    if (written > 0) stats.spooled(signal, written)
    written = 0
  }
  yield* Effect.addFinalizer(() => Effect.sync(count))
  const sending = yield* sender.run(count)

  const adoptAndSend = Effect.gen(function* () {
    const before = store.waiting
    yield* adopt
    if (store.waiting > before) sending.added(store.waiting - before)
  })
  const maintain = Effect.gen(function* () {
    yield* Effect.sync(() => {
      store.maintain()
      openFile.refresh()
    })
    yield* adoptAndSend
  })
  yield* Effect.andThen(
    adoptAndSend,
    Effect.forever(Effect.andThen(NodeTimers.sleepUnref(maintenanceMillis), maintain))
  ).pipe(Effect.forkScoped)

  const append = (record: RecordFrame.Record): boolean => {
    if (disabled) return false
    try {
      store.append(record)
    } catch (error) {
      disabled = true
      warn(`${codeOf(error) ?? "unknown error"}: the spool is not writable; telemetry is sent without it`)
      return false
    }
    written++
    sending.added(1)
    return true
  }

  const writer: SpoolWriter = {
    write: (id, payload) => append({ kind, id, payload, time: Date.now() }),
    spanStarted: (id, snapshot) => {
      if (!disabled) openFile.spanStarted(id, snapshot)
    },
    spanEnded: (id) => openFile.spanEnded(id),
    flush: () => sending.flush(),
    end: () => openFile.close()
  }
  return writer
})
