/** The segments that a process has: its own, which it writes to, and those of dead ones that it has taken over. */
import * as Fs from "node:fs"
import { join } from "node:path"
import type * as ProcessIdentity from "../../internal/ProcessIdentity.ts"
import type { DropReason } from "../delivery/ExportStats.ts"
import * as SpoolDirectory from "./SpoolDirectory.ts"
import * as RecordFrame from "./RecordFrame.ts"
import * as OpenSpansFile from "./OpenSpansFile.ts"
import { headerBytes, Segment } from "./Segment.ts"

export interface SegmentLimits {
  /** Of all files below the spool together. */
  readonly maxBytes: number
  /** In milliseconds. */
  readonly maxAge: number
}

export interface SegmentStoreOptions extends SegmentLimits {
  readonly directory: string
  readonly signal: "traces" | "logs"
  readonly me: ProcessIdentity.Owner
  readonly now: () => number
  /** Records that are lost. */
  readonly lost: (n: number, reason: DropReason, detail?: string) => void
}

/** Records of one segment, in one encoding, on their way. */
export interface SpoolBatch {
  readonly segment: Segment
  readonly records: ReadonlyArray<RecordFrame.Record>
  /** Where in the segment it ends, damaged records after it included. */
  readonly end: number
}

/** What one request may have in it, besides the number of records. */
const batchBytes = 1024 * 1024
const smallestSegment = 4096
const largestSegment = 1024 * 1024

export class Store {
  /** The folder that is written to. */
  folder: string
  private readonly options: SegmentStoreOptions
  private readonly parent: string
  private readonly own = new Set<string>()
  private readonly segments: Array<Segment> = []
  private current: Segment | undefined
  private made = 0
  private elsewhere = 0
  private closed = false
  /** What is being sent may be dropped meanwhile, and is lost only if it does not arrive. */
  private sending: SpoolBatch | undefined

  /** Throws where the folders cannot be made. */
  constructor(options: SegmentStoreOptions) {
    this.options = options
    this.parent = join(options.directory, options.signal)
    SpoolDirectory.ensure(options.directory)
    SpoolDirectory.ensure(this.parent)
    this.folder = join(this.parent, SpoolDirectory.folderName(options.me))
    this.makeFolder()
    this.measure()
  }

  /** How many records wait. */
  get waiting(): number {
    return this.segments.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  /** Writes a record; throws where it cannot. One that is larger than the spool is lost. */
  append(record: RecordFrame.Record): void {
    if (this.closed) throw new Error("the spool is closed")
    const frame = RecordFrame.encode(record)
    const { maxBytes } = this.options
    if (frame.length + headerBytes > maxBytes) return this.options.lost(1, "spool_full")
    const full = Math.max(smallestSegment, Math.min(largestSegment, Math.floor(maxBytes / 16)))
    if (this.current !== undefined && this.current.size + frame.length > full) this.seal()
    this.makeRoom(frame.length + (this.current === undefined ? headerBytes : 0))
    this.current ??= this.begin()
    this.current.append(frame, record.time)
  }

  /** The oldest records that wait, at most so many; nothing where none do. */
  async take(limit: number): Promise<SpoolBatch | undefined> {
    for (;;) {
      const [segment] = this.segments
      if (segment === undefined) return undefined
      const bytes = await segment.read().catch(() => undefined)
      // Meanwhile it may have been dropped, and what was read be of the file that came after it.
      if (segment !== this.segments[0]) continue
      if (bytes === undefined) {
        this.letGo(segment)
        continue
      }
      const batch = this.pick(segment, bytes, limit)
      if (batch !== undefined) return (this.sending = batch)
      // What cannot be read any more though it was written.
      this.options.lost(segment.waiting, "export_failed", "damaged in the spool")
      this.drop(segment)
    }
  }

  /** Whatever became of a batch, it is no longer here. */
  settle({ end, records, segment }: SpoolBatch): void {
    this.sending = undefined
    if (!this.segments.includes(segment)) return
    segment.waiting -= records.length
    if (end >= segment.size) return this.drop(segment)
    try {
      segment.acknowledge(end)
    } catch {
      // It is sent once more, should this process die.
    }
  }

  /** A batch stays; true if it was dropped meanwhile. */
  keep(batch: SpoolBatch): boolean {
    this.sending = undefined
    return !this.segments.includes(batch.segment)
  }

  /** Drops what is too old, says that we live, and sees how large the spool is. */
  tend(): void {
    const oldest = this.options.now() - this.options.maxAge
    for (const segment of this.segments.slice()) {
      if (segment.newest < oldest && segment !== this.sending?.segment) {
        this.options.lost(segment.waiting, "expired")
        this.drop(segment)
      }
    }
    const now = new Date()
    for (const folder of this.own) {
      try {
        Fs.utimesSync(folder, now, now)
        continue
      } catch {
        this.own.delete(folder)
      }
      if (folder !== this.folder) continue
      // Somebody cleaned up, or took us for dead: what comes next goes into a folder that is there.
      this.seal()
      this.folder = join(this.parent, SpoolDirectory.folderName(this.options.me))
    }
    for (const folder of this.own) if (folder !== this.folder && this.isEmpty(folder)) this.forget(folder)
    this.measure()
  }

  /** Takes over what a dead process has left; false where somebody else did. */
  async adopt(found: SpoolDirectory.OrphanedSpools): Promise<boolean> {
    const lastSign = lastSignOf(found.path)
    const folder = join(this.parent, SpoolDirectory.folderName(this.options.me))
    if (this.closed || !SpoolDirectory.take(found.path, folder)) return false
    this.own.add(folder)
    const ids = new Set<string>()
    for (const name of SpoolDirectory.list(folder)) {
      if (!name.endsWith(".seg")) continue
      // A spool that is full takes a while to read; turns go on meanwhile.
      await immediate()
      if (this.closed) return true
      this.adoptSegment(join(folder, name), ids)
    }
    this.segments.sort((a, b) => a.made - b.made)
    const crashed = OpenSpansFile.crashed(join(folder, OpenSpansFile.name), lastSign)
    for (const record of crashed) if (!ids.has(record.id)) this.append(record)
    OpenSpansFile.remove(folder)
    if (this.isEmpty(folder)) this.forget(folder)
    this.measure()
    this.makeRoom(0)
    return true
  }

  /** Lets go of everything: what is left is for whoever comes next. */
  close(): void {
    this.closed = true
    for (const segment of this.segments.splice(0)) segment.close()
    for (const folder of this.own) {
      OpenSpansFile.removeIfEmpty(folder)
      if (this.isEmpty(folder)) this.forget(folder)
      else SpoolDirectory.take(folder, join(this.parent, SpoolDirectory.freeName()))
    }
  }

  private adoptSegment(path: string, ids: Set<string>): void {
    try {
      const { damaged, records, segment } = Segment.adopt(path)
      for (const { id } of records) ids.add(id)
      this.options.lost(damaged, "export_failed", "damaged in the spool")
      if (segment.waiting === 0) segment.remove()
      else this.segments.push(segment)
    } catch {
      // A file that cannot be opened or read now: it stays, and is tried again when this process is gone.
    }
  }

  private pick(segment: Segment, bytes: Buffer, limit: number): SpoolBatch | undefined {
    const oldest = this.options.now() - this.options.maxAge
    const records: Array<RecordFrame.Record> = []
    let offset = 0
    let size = 0
    let expired = 0
    while (records.length < limit && size < batchBytes) {
      const { damaged, found } = RecordFrame.next(bytes, offset)
      if (found === undefined) {
        // Damaged ones were counted when the segment was taken over; ours are not damaged.
        if (damaged > 0 || offset > 0) offset = bytes.length
        break
      }
      const [first] = records
      if (first !== undefined && first.kind !== found.record.kind) break
      if (found.record.time < oldest) expired++
      else {
        records.push(found.record)
        size += found.record.payload.length
      }
      offset = found.end
    }
    if (expired > 0) {
      segment.waiting -= expired
      this.options.lost(expired, "expired")
    }
    return records.length === 0 ? undefined : { segment, records, end: segment.cursor + offset }
  }

  private begin(): Segment {
    const path = () => join(this.folder, `${String(++this.made).padStart(8, "0")}.seg`)
    const now = this.options.now()
    let segment: Segment
    try {
      segment = Segment.create(path(), now)
    } catch {
      this.makeFolder()
      segment = Segment.create(path(), now)
    }
    this.segments.push(segment)
    return segment
  }

  private makeFolder(): void {
    SpoolDirectory.ensure(this.options.directory)
    SpoolDirectory.ensure(this.parent)
    SpoolDirectory.ensure(this.folder)
    this.own.add(this.folder)
  }

  /** What is written from now on goes into another file. */
  private seal(): void {
    this.current = undefined
  }

  private makeRoom(bytes: number): void {
    const { maxBytes } = this.options
    while (this.elsewhere + this.size() + bytes > maxBytes) {
      const [oldest] = this.segments
      if (oldest === undefined) break
      const sending = this.sending?.segment === oldest ? this.sending.records.length : 0
      this.options.lost(oldest.waiting - sending, "spool_full")
      this.drop(oldest)
    }
  }

  private size(): number {
    return this.segments.reduce((sum, { size }) => sum + size, 0)
  }

  private drop(segment: Segment): void {
    const index = this.segments.indexOf(segment)
    if (index === -1) return
    this.segments.splice(index, 1)
    if (segment === this.current) this.seal()
    try {
      segment.remove()
    } catch {
      // What cannot be removed is sent once more by whoever finds it.
    }
  }

  /** A file that cannot be read stays for whoever comes next. */
  private letGo(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1)
    if (segment === this.current) this.seal()
    segment.close()
  }

  private measure(): void {
    this.elsewhere = SpoolDirectory.sizeWithout(this.options.directory, this.own)
  }

  private isEmpty(folder: string): boolean {
    return SpoolDirectory.list(folder).length === 0
  }

  private forget(folder: string): void {
    this.own.delete(folder)
    try {
      Fs.rmdirSync(folder)
    } catch {
      // Not empty after all, or gone.
    }
  }
}

const immediate = () => new Promise((resolve) => setImmediate(resolve))

/** When a process was last heard of, by its files, in milliseconds since 1970. */
const lastSignOf = (folder: string): number =>
  [folder, ...SpoolDirectory.list(folder).map((name) => join(folder, name))].reduce(
    (latest, path) => Math.max(latest, Fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0),
    0
  )
