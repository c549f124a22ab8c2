import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as ProcessIdentity from "../../../src/internal/ProcessIdentity.ts"
import * as SpoolDirectory from "../../../src/telemetry/spool/SpoolDirectory.ts"
import * as RecordFrame from "../../../src/telemetry/spool/RecordFrame.ts"
import { headerBytes } from "../../../src/telemetry/spool/Segment.ts"
import { SegmentStore } from "../../../src/telemetry/spool/SegmentStore.ts"
import * as SpoolSender from "../../../src/telemetry/spool/SpoolSender.ts"
import type * as HttpPost from "../../../src/telemetry/delivery/HttpPost.ts"
import * as Support from "./support.ts"

const record = (n: number, bytes = 10, time = 1000): RecordFrame.Record => ({
  kind: "json",
  time,
  id: n.toString(16).padStart(16, "0"),
  payload: Buffer.from(`${n}:`.padEnd(bytes, "x"))
})

/** A store, and what it has lost. */
const make = (directory: string, more: { maxBytes?: number; maxAge?: number; now?: () => number } = {}) =>
  Effect.gen(function* () {
    const lost: Record<string, number> = {}
    const store = yield* Effect.acquireRelease(
      Effect.map(
        ProcessIdentity.self,
        (owner) =>
          new SegmentStore({
            directory,
            signal: "traces",
            owner,
            maxBytes: more.maxBytes ?? 1e9,
            maxAge: more.maxAge ?? 1e9,
            now: more.now ?? (() => 1000),
            lost: (n, reason) => {
              if (n > 0) lost[reason] = (lost[reason] ?? 0) + n
            }
          })
      ),
      (store) => Effect.sync(() => store.close())
    )
    return { store, lost }
  })

const ids = (records: ReadonlyArray<RecordFrame.Record>) => records.map(({ id }) => Number.parseInt(id, 16))

/** Takes everything out. */
const takeAll = (store: SegmentStore, limit = 1000) =>
  Effect.promise(async () => {
    const taken: Array<number> = []
    for (;;) {
      const batch = await store.take(limit)
      if (batch === undefined) return taken
      taken.push(...ids(batch.records))
      store.acknowledge(batch)
    }
  })

const adoptAll = (directory: string, store: SegmentStore) =>
  Effect.gen(function* () {
    const found = yield* SpoolDirectory.list(
      join(directory, "traces"),
      yield* ProcessIdentity.self,
      Date.now()
    )
    let taken = 0
    for (const folder of found) {
      if (folder.gone && (yield* Effect.promise(() => store.adopt(folder)))) taken++
    }
    return taken
  })

/** A folder of a dead process with one segment of these bytes. */
const leave = (directory: string, bytes: Uint8Array) => {
  const folder = join(directory, "traces", SpoolDirectory.freeName())
  Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  Fs.writeFileSync(join(folder, "00000001.seg"), bytes, { mode: 0o600 })
}

const segmentOf = (directory: string, records: ReadonlyArray<RecordFrame.Record>) =>
  Effect.gen(function* () {
    const { store } = yield* make(directory)
    for (const one of records) store.append(one)
    const [file = ""] = Support.filesBelow(directory)
    return Fs.readFileSync(file)
  }).pipe(Effect.scoped)

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

describe("a spool on disk", () => {
  it.live("returns records in order, and keeps unsettled ones for the next process", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      yield* Effect.gen(function* () {
        const { store } = yield* make(directory)
        for (const n of numbers(0, 10)) store.append(record(n))
        const batch = yield* Effect.promise(() => store.take(4))
        assert.deepEqual(ids(batch?.records ?? []), [0, 1, 2, 3])
        if (batch !== undefined) store.acknowledge(batch)
        const kept = yield* Effect.promise(() => store.take(4))
        if (kept !== undefined) assert.isTrue(store.retain(kept))
        assert.strictEqual(store.waiting, 6)
      }).pipe(Effect.scoped)
      const { lost, store } = yield* make(directory)
      assert.strictEqual(yield* adoptAll(directory, store), 1)
      assert.strictEqual(store.waiting, 6)
      assert.deepEqual(yield* takeAll(store, 4), [4, 5, 6, 7, 8, 9])
      assert.deepEqual(Support.filesBelow(directory), [])
      assert.deepEqual(lost, {})
    }).pipe(Effect.scoped)
  )

  it.live("that is cut at any byte returns every complete record and counts one lost record", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const bytes = yield* segmentOf(
        join(directory, "made"),
        numbers(0, 4).map((n) => record(n))
      )
      const each = RecordFrame.encode(record(0)).length
      for (let cut = 0; cut <= bytes.length; cut++) {
        const here = join(directory, `cut-${cut}`)
        leave(here, bytes.subarray(0, cut))
        yield* Effect.gen(function* () {
          const { lost, store } = yield* make(here)
          yield* adoptAll(here, store)
          const whole = Math.max(0, Math.floor((cut - headerBytes) / each))
          assert.deepEqual(yield* takeAll(store), numbers(0, whole), `cut at ${cut}`)
          const part = cut > headerBytes && (cut - headerBytes) % each > 0
          assert.deepEqual(lost, part ? { export_failed: 1 } : {}, `cut at ${cut}`)
        }).pipe(Effect.scoped)
        assert.deepEqual(Support.filesBelow(here), [], `cut at ${cut}`)
      }
    }).pipe(Effect.scoped)
  )

  it.live("with any flipped bit returns all other records", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const bytes = yield* segmentOf(
        join(directory, "made"),
        numbers(0, 3).map((n) => record(n))
      )
      const each = RecordFrame.encode(record(0)).length
      for (let at = 0; at < bytes.length; at++) {
        const turned = Buffer.from(bytes)
        turned[at] = (turned[at] ?? 0) ^ (1 << (at % 8))
        const here = join(directory, `bit-${at}`)
        leave(here, turned)
        yield* Effect.gen(function* () {
          const { store } = yield* make(here)
          yield* adoptAll(here, store)
          const hit = at < headerBytes ? -1 : Math.floor((at - headerBytes) / each)
          assert.deepEqual(
            yield* takeAll(store),
            numbers(0, 3).filter((n) => n !== hit),
            `byte ${at}`
          )
        }).pipe(Effect.scoped)
      }
    }).pipe(Effect.scoped)
  )

  it.live("never exceeds its size limit, and drops the oldest records", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const maxBytes = 64 * 1024
      const { lost, store } = yield* make(directory, { maxBytes })
      for (const n of numbers(0, 400)) {
        store.append(record(n, 1000))
        assert.isAtMost(Support.bytesBelow(directory), maxBytes)
      }
      store.append(record(999, maxBytes))
      const left = yield* takeAll(store)
      assert.deepEqual(left, numbers(400 - left.length, 400))
      assert.isAtLeast(left.length, 50)
      assert.deepEqual(lost, { spool_full: 400 - left.length + 1 })
    }).pipe(Effect.scoped)
  )

  it.live("counts records of other processes, and a dropped batch in flight once", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const maxBytes = 64 * 1024
      const other = yield* make(directory, { maxBytes })
      for (const n of numbers(0, 40)) other.store.append(record(n, 1000))
      const { lost, store } = yield* make(directory, { maxBytes })
      store.append(record(0, 1000))
      const batch = yield* Effect.promise(() => store.take(100))
      for (const n of numbers(1, 100)) store.append(record(n, 1000))
      assert.isAtMost(Support.bytesBelow(directory), maxBytes)
      assert.isFalse(batch === undefined || store.retain(batch))
      const left = yield* takeAll(store)
      assert.strictEqual((lost["spool_full"] ?? 0) + left.length, 99)
      assert.strictEqual((yield* takeAll(other.store)).length, 40)
    }).pipe(Effect.scoped)
  )

  it.live("counts a batch as lost if its segment is dropped while the receiver refuses it", () =>
    Effect.gen(function* () {
      const { store } = yield* make(yield* Support.folder, { maxBytes: 64 * 1024 })
      const counts = { exported: 0, lost: 0 }
      let next = 1
      const sender = SpoolSender.make({
        store,
        batch: { size: 100, delayMillis: 0 },
        exported: (n) => void (counts.exported += n),
        lost: (n) => void (counts.lost += n),
        queue: () => {},
        warn: () => {},
        post: () =>
          Effect.sync((): HttpPost.SendResult => {
            if (next > 1) return { _tag: "Accepted", rejected: 0 }
            for (; next < 100; next++) store.append(record(next, 1000))
            return { _tag: "NoResponse", timedOut: false, detail: "" }
          })
      })
      store.append(record(0, 1000))
      yield* sender.drainAll
      assert.strictEqual(counts.lost, 1)
      assert.isAbove(counts.exported, 0)
    }).pipe(Effect.scoped)
  )

  it.live("puts records of one encoding only into a batch", () =>
    Effect.gen(function* () {
      const { store } = yield* make(yield* Support.folder)
      store.append(record(0))
      store.append({ ...record(1), kind: "protobuf" })
      const kinds: Array<ReadonlyArray<string>> = []
      for (let turn = 0; turn < 2; turn++) {
        const batch = yield* Effect.promise(() => store.take(100))
        kinds.push(batch?.records.map(({ kind }) => kind) ?? [])
        if (batch !== undefined) store.acknowledge(batch)
      }
      assert.deepStrictEqual(kinds, [["json"], ["protobuf"]])
    }).pipe(Effect.scoped)
  )

  it.live("keeps a batch in flight when its segment expires", () =>
    Effect.gen(function* () {
      let now = 1000
      const { lost, store } = yield* make(yield* Support.folder, { maxAge: 500, now: () => now })
      store.append(record(0))
      const batch = yield* Effect.promise(() => store.take(100))
      now = 3000
      store.maintain()
      assert.isTrue(batch !== undefined && store.retain(batch))
      assert.deepEqual(lost, {})
    }).pipe(Effect.scoped)
  )

  it.live("reads the next segment if the oldest one is dropped during the read", () =>
    Effect.gen(function* () {
      const { lost, store } = yield* make(yield* Support.folder, { maxBytes: 16 * 1024 })
      for (const n of numbers(0, 4)) store.append(record(n, 1000))
      const reading = store.take(100)
      for (const n of numbers(4, 20)) store.append(record(n, 1000))
      const batch = yield* Effect.promise(() => reading)
      const dropped = lost["spool_full"] ?? 0
      assert.isAtLeast(dropped, 4)
      assert.strictEqual(ids(batch?.records ?? [])[0], dropped)
    }).pipe(Effect.scoped)
  )

  it.live("drops records that are too old, waiting or in flight", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      let now = 1000
      const { lost, store } = yield* make(directory, { maxAge: 500, now: () => now })
      for (const n of numbers(0, 5)) store.append(record(n))
      store.append(record(5, 10, 1600))
      now = 1700
      store.maintain()
      assert.deepEqual(yield* takeAll(store), [5])
      assert.deepEqual(lost, { expired: 5 })
      store.append(record(6, 10, 1700))
      now = 3000
      store.maintain()
      assert.deepEqual(lost, { expired: 6 })
      assert.deepEqual(Support.filesBelow(directory), [])
    }).pipe(Effect.scoped)
  )

  it.live("F41 is private for any umask, also in an existing directory", () =>
    Effect.gen(function* () {
      for (const umask of [0o000, 0o022, 0o377]) {
        const outer = yield* Support.folder
        const directory = join(outer, "spool")
        if (umask === 0) {
          Fs.mkdirSync(directory)
          Fs.chmodSync(directory, 0o777)
        }
        const before = process.umask(umask)
        yield* Effect.gen(function* () {
          const { store } = yield* make(directory)
          store.append(record(1))
        }).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
        const modes = [directory, ...Support.below(directory)].map(
          (path) => [Fs.statSync(path).isFile(), Fs.statSync(path).mode & 0o777] as const
        )
        assert.isAtLeast(modes.length, 4)
        for (const [isFile, mode] of modes) assert.strictEqual(mode, isFile ? 0o600 : 0o700)
      }
    }).pipe(Effect.scoped)
  )

  it.live("of a dead process is taken over by exactly one process, and never while its owner lives", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const living = yield* make(directory)
      living.store.append(record(1))
      for (const n of numbers(0, 20)) {
        leave(directory, yield* segmentOf(join(directory, `made-${n}`), [record(100 + n)]))
      }
      const stores = yield* Effect.forEach(numbers(0, 4), () => make(directory))
      const taken = yield* Effect.all(
        stores.map(({ store }) => adoptAll(directory, store)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(
        taken.reduce((sum, n) => sum + n, 0),
        20
      )
      const got = yield* Effect.forEach(stores, ({ store }) => takeAll(store))
      assert.sameMembers(got.flat(), numbers(100, 120))
      assert.deepEqual(yield* takeAll(living.store), [1])
    }).pipe(Effect.scoped)
  )

  it.live("is not taken over through a link, and files with other names stay", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const elsewhere = yield* Support.folder
      Fs.mkdirSync(join(directory, "traces"))
      Fs.writeFileSync(join(elsewhere, "00000001.seg"), "precious")
      Fs.symlinkSync(elsewhere, join(directory, "traces", SpoolDirectory.freeName()))
      Fs.mkdirSync(join(directory, "traces", "mine"))
      const { store } = yield* make(directory)
      assert.strictEqual(yield* adoptAll(directory, store), 0)
      assert.strictEqual(Fs.readFileSync(join(elsewhere, "00000001.seg"), "utf8"), "precious")
      assert.isTrue(Fs.existsSync(join(directory, "traces", "mine")))
    }).pipe(Effect.scoped)
  )

  it.live("continues in a new directory if its own is removed", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const { store } = yield* make(directory)
      store.append(record(1))
      Fs.rmSync(directory, { recursive: true })
      store.maintain()
      store.append(record(2))
      assert.strictEqual(Support.filesBelow(directory).length, 1)
      assert.deepEqual(yield* takeAll(store), [1, 2])
    }).pipe(Effect.scoped)
  )

  it.live("is taken over again if the new owner dies, and its open spans end once", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const me = yield* ProcessIdentity.self
      const bytes = yield* segmentOf(join(directory, "made"), [record(1), record(2)])
      // No process has had this number since the beginning of time.
      const folder = join(directory, "traces", ProcessIdentity.directoryName({ ...me, started: "1" }))
      Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
      Fs.writeFileSync(join(folder, "00000001.seg"), bytes)
      const open = (n: number, kind: RecordFrame.FrameKind = "json") =>
        RecordFrame.encode({
          ...record(n),
          kind,
          payload: Buffer.from(
            kind === "ended" ? "" : `{"startTimeUnixNano":"5","endTimeUnixNano":"5","n":${n}}`
          )
        })
      // 2 ended, and died before it was struck out; 3 was struck out; 4 is open; of 5 a part was written.
      Fs.writeFileSync(
        join(folder, "open"),
        Buffer.concat([open(2), open(3), open(4), open(3, "ended"), open(5).subarray(0, 50)])
      )
      const last = new Date(1_800_000_000_000)
      for (const path of [...Support.below(folder), folder]) Fs.utimesSync(path, last, last)
      const { lost, store } = yield* make(directory)
      assert.strictEqual(yield* adoptAll(directory, store), 1)
      const batches: Array<string> = []
      for (;;) {
        const batch = yield* Effect.promise(() => store.take(10))
        if (batch === undefined) break
        batches.push(...batch.records.map(({ payload }) => Buffer.from(payload).toString()))
        store.acknowledge(batch)
      }
      assert.deepEqual(
        batches.map((text) => text.replace(/x+$/, "")),
        ["1:", "2:", '{"startTimeUnixNano":"5","endTimeUnixNano":"1800000000000000000","n":4}']
      )
      assert.deepEqual(lost, {})
      assert.deepEqual(Support.filesBelow(join(directory, "traces")), [])
    }).pipe(Effect.scoped)
  )

  it.live("of an owner on another machine is kept until it is unchanged for a long time", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const me = yield* ProcessIdentity.self
      const bytes = yield* segmentOf(join(directory, "made"), [record(1)])
      const folder = join(
        directory,
        "traces",
        ProcessIdentity.directoryName({ ...me, boot: "00000000", host: "00000000" })
      )
      Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
      Fs.writeFileSync(join(folder, "00000001.seg"), bytes)
      const { store } = yield* make(directory)
      assert.strictEqual(yield* adoptAll(directory, store), 0)
      const long = new Date(Date.now() - SpoolDirectory.leaseMillis - 1000)
      Fs.utimesSync(folder, long, long)
      assert.strictEqual(yield* adoptAll(directory, store), 1)
      assert.deepEqual(yield* takeAll(store), [1])
    }).pipe(Effect.scoped)
  )
})

describe("H18 a spool that another program can write", () => {
  const plant = (directory: string, name: string, put: (path: string) => void) => {
    const folder = join(directory, "traces", SpoolDirectory.freeName())
    Fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    put(join(folder, name))
  }
  const aside = (directory: string) => Fs.readdirSync(join(directory, "traces", "aside"))

  it.live("H18 sets aside what is not a small regular file of this user, and sends the rest", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const bytes = yield* segmentOf(join(directory, "made"), [record(1)])
      const outside = join(directory, "outside")
      Fs.writeFileSync(outside, bytes)
      plant(directory, "1.seg", (path) => execFileSync("mkfifo", [path]))
      plant(directory, "2.seg", (path) => {
        Fs.writeFileSync(path, "")
        Fs.truncateSync(path, 1_500_000_000)
      })
      plant(directory, "3.seg", (path) => Fs.symlinkSync(outside, path))
      plant(directory, "4.seg", (path) => Fs.mkdirSync(path))
      plant(directory, "5.seg", (path) => Fs.linkSync(outside, path))
      const foreign = process.geteuid?.() === 0
      if (foreign)
        plant(directory, "6.seg", (path) => {
          Fs.writeFileSync(path, bytes)
          Fs.chownSync(path, 12_345, 12_345)
        })
      leave(directory, bytes)
      const before = process.memoryUsage().arrayBuffers
      const { lost, store } = yield* make(directory, { maxBytes: 1_000_000 })
      assert.strictEqual(yield* adoptAll(directory, store), foreign ? 7 : 6)
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 50_000_000)
      store.append(record(2))
      assert.deepEqual(yield* takeAll(store), [1, 2])
      assert.deepEqual(lost, { export_failed: foreign ? 6 : 5 })
      assert.lengthOf(aside(directory), foreign ? 6 : 5)
      assert.strictEqual(Fs.readFileSync(outside).compare(bytes), 0)
      // No later process opens them again.
      const next = yield* make(directory)
      yield* adoptAll(directory, next.store)
      assert.deepEqual(next.lost, {})
    }).pipe(Effect.scoped)
  )

  it.live("H18 waits for no FIFO in place of the open spans, and follows no link there", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      const outside = join(directory, "outside")
      Fs.writeFileSync(outside, "theirs")
      plant(directory, "open", (path) => execFileSync("mkfifo", [path]))
      plant(directory, "open", (path) => Fs.symlinkSync(outside, path))
      const { store } = yield* make(directory)
      assert.strictEqual(yield* adoptAll(directory, store), 2)
      store.close()
      assert.strictEqual(Fs.readFileSync(outside, "utf8"), "theirs")
    }).pipe(Effect.scoped)
  )

  it.live("H18 is not used if a link is on the way to it", () =>
    Effect.gen(function* () {
      const directory = yield* Support.folder
      Fs.mkdirSync(join(directory, "outside"))
      Fs.symlinkSync(join(directory, "outside"), join(directory, "link"))
      for (const path of [join(directory, "link"), join(directory, "link", "spool")]) {
        const error = yield* Effect.flip(
          Effect.try({ try: () => SpoolDirectory.ensure(path), catch: (error) => error })
        )
        assert.include(String(error), "symbolic link")
      }
      assert.deepEqual(Fs.readdirSync(join(directory, "outside")), [])
    }).pipe(Effect.scoped)
  )
})
