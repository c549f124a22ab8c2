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
  readonly owner: ProcessIdentity.Owner
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

export class SegmentStore {
  /** The folder that is written to. */
  processDirectory: string
  private readonly options: SegmentStoreOptions
  private readonly parent: string
  private readonly ownedDirectories = new Set<string>()
  private readonly segments: Array<Segment> = []
  private current: Segment | undefined
  private segmentCount = 0
  private otherBytes = 0
  private closed = false
  /** What is being sent may be dropped meanwhile, and is lost only if it does not arrive. */
  private sending: SpoolBatch | undefined

  /** Throws where the folders cannot be made. */
  constructor(options: SegmentStoreOptions) {
    this.options = options
    this.parent = join(options.directory, options.signal)
    SpoolDirectory.ensure(options.directory)
    SpoolDirectory.ensure(this.parent)
    this.processDirectory = join(this.parent, SpoolDirectory.directoryName(options.owner))
    this.ensureDirectory()
    this.measureOtherBytes()
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
    if (this.current !== undefined && this.current.size + frame.length > full) this.rotate()
    this.makeRoom(frame.length + (this.current === undefined ? headerBytes : 0))
    this.current ??= this.createSegment()
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
        this.release(segment)
        continue
      }
      const batch = this.collectBatch(segment, bytes, limit)
      if (batch !== undefined) return (this.sending = batch)
      // What cannot be read any more though it was written.
      this.options.lost(segment.waiting, "export_failed", "damaged in the spool")
      this.drop(segment)
    }
  }

  /** Whatever became of a batch, it is no longer here. */
  acknowledge({ end, records, segment }: SpoolBatch): void {
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
  retain(batch: SpoolBatch): boolean {
    this.sending = undefined
    return !this.segments.includes(batch.segment)
  }

  /** Drops what is too old, says that we live, and sees how large the spool is. */
  maintain(): void {
    const oldest = this.options.now() - this.options.maxAge
    for (const segment of this.segments.slice()) {
      if (segment.newest < oldest && segment !== this.sending?.segment) {
        this.options.lost(segment.waiting, "expired")
        this.drop(segment)
      }
    }
    const now = new Date()
    for (const processDirectory of this.ownedDirectories) {
      try {
        Fs.utimesSync(processDirectory, now, now)
        continue
      } catch {
        this.ownedDirectories.delete(processDirectory)
      }
      if (processDirectory !== this.processDirectory) continue
      // Somebody cleaned up, or took us for dead: what comes next goes into a folder that is there.
      this.rotate()
      this.processDirectory = join(this.parent, SpoolDirectory.directoryName(this.options.owner))
    }
    for (const processDirectory of this.ownedDirectories)
      if (processDirectory !== this.processDirectory && this.isEmpty(processDirectory))
        this.removeDirectory(processDirectory)
    this.measureOtherBytes()
  }

  /** Takes over what a dead process has left; false where somebody else did. */
  async adopt(found: SpoolDirectory.ProcessSpool): Promise<boolean> {
    const lastSeen = lastModified(found.path)
    const processDirectory = join(this.parent, SpoolDirectory.directoryName(this.options.owner))
    if (this.closed || !SpoolDirectory.claim(found.path, processDirectory)) return false
    this.ownedDirectories.add(processDirectory)
    const ids = new Set<string>()
    for (const name of SpoolDirectory.fileNames(processDirectory)) {
      if (!name.endsWith(".seg")) continue
      // A spool that is full takes a while to read; turns go on meanwhile.
      await immediate()
      if (this.closed) return true
      this.adoptSegment(join(processDirectory, name), ids)
    }
    this.segments.sort((a, b) => a.createdAt - b.createdAt)
    const crashed = OpenSpansFile.readCrashed(join(processDirectory, OpenSpansFile.fileName), lastSeen)
    for (const record of crashed) if (!ids.has(record.id)) this.append(record)
    OpenSpansFile.remove(processDirectory)
    if (this.isEmpty(processDirectory)) this.removeDirectory(processDirectory)
    this.measureOtherBytes()
    this.makeRoom(0)
    return true
  }

  /** Lets go of everything: what is left is for whoever comes next. */
  close(): void {
    this.closed = true
    for (const segment of this.segments.splice(0)) segment.close()
    for (const processDirectory of this.ownedDirectories) {
      OpenSpansFile.removeIfEmpty(processDirectory)
      if (this.isEmpty(processDirectory)) this.removeDirectory(processDirectory)
      else SpoolDirectory.claim(processDirectory, join(this.parent, SpoolDirectory.freeName()))
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

  private collectBatch(segment: Segment, bytes: Buffer, limit: number): SpoolBatch | undefined {
    const oldest = this.options.now() - this.options.maxAge
    const records: Array<RecordFrame.Record> = []
    let offset = 0
    let size = 0
    let expired = 0
    while (records.length < limit && size < batchBytes) {
      const { damaged, found } = RecordFrame.scan(bytes, offset)
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

  private createSegment(): Segment {
    const path = () => join(this.processDirectory, `${String(++this.segmentCount).padStart(8, "0")}.seg`)
    const now = this.options.now()
    let segment: Segment
    try {
      segment = Segment.create(path(), now)
    } catch {
      this.ensureDirectory()
      segment = Segment.create(path(), now)
    }
    this.segments.push(segment)
    return segment
  }

  private ensureDirectory(): void {
    SpoolDirectory.ensure(this.options.directory)
    SpoolDirectory.ensure(this.parent)
    SpoolDirectory.ensure(this.processDirectory)
    this.ownedDirectories.add(this.processDirectory)
  }

  /** What is written from now on goes into another file. */
  private rotate(): void {
    this.current = undefined
  }

  private makeRoom(bytes: number): void {
    const { maxBytes } = this.options
    while (this.otherBytes + this.size() + bytes > maxBytes) {
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
    if (segment === this.current) this.rotate()
    try {
      segment.remove()
    } catch {
      // What cannot be removed is sent once more by whoever finds it.
    }
  }

  /** A file that cannot be read stays for whoever comes next. */
  private release(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1)
    if (segment === this.current) this.rotate()
    segment.close()
  }

  private measureOtherBytes(): void {
    this.otherBytes = SpoolDirectory.sizeExcluding(this.options.directory, this.ownedDirectories)
  }

  private isEmpty(processDirectory: string): boolean {
    return SpoolDirectory.fileNames(processDirectory).length === 0
  }

  private removeDirectory(processDirectory: string): void {
    this.ownedDirectories.delete(processDirectory)
    try {
      Fs.rmdirSync(processDirectory)
    } catch {
      // Not empty after all, or gone.
    }
  }
}

const immediate = () => new Promise((resolve) => setImmediate(resolve))

/** When a process was last heard of, by its files, in milliseconds since 1970. */
const lastModified = (processDirectory: string): number =>
  [
    processDirectory,
    ...SpoolDirectory.fileNames(processDirectory).map((name) => join(processDirectory, name))
  ].reduce((latest, path) => Math.max(latest, Fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0), 0)
