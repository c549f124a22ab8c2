/** The segments of a process: its own, which it writes to, and segments that it has adopted from dead processes. */
import * as Fs from "node:fs"
import { join } from "node:path"
import type * as ProcessIdentity from "../../internal/ProcessIdentity.ts"
import type { DropReason } from "../delivery/ExportStats.ts"
import { UnsafePath } from "../../internal/SafeDirectory.ts"
import * as SpoolDirectory from "./SpoolDirectory.ts"
import * as RecordFrame from "./RecordFrame.ts"
import * as OpenSpansFile from "./OpenSpansFile.ts"
import { headerBytes, maxSegmentBytes, Segment } from "./Segment.ts"

export interface SegmentLimits {
  /** Maximum total size of all files in the spool. */
  readonly maxBytes: number
  /** Maximum age of a record, in milliseconds. */
  readonly maxAge: number
}

export interface SegmentStoreOptions extends SegmentLimits {
  readonly directory: string
  readonly signal: "traces" | "logs"
  readonly owner: ProcessIdentity.Owner
  readonly now: () => number
  /** Receives the number of dropped records and the reason. */
  readonly lost: (n: number, reason: DropReason, detail?: string) => void
}

/** Records of one segment, in one encoding, for one request. */
export interface SpoolBatch {
  readonly segment: Segment
  readonly records: ReadonlyArray<RecordFrame.Record>
  /** Offset of the end of the batch in the segment, including damaged records after it. */
  readonly end: number
}

/** Maximum payload of a batch, in bytes. The last record may exceed it. */
const batchBytes = 1024 * 1024
const smallestSegment = 4096
const largestSegment = 1024 * 1024

export class SegmentStore {
  /** The directory for new segments. */
  processDirectory: string
  private readonly options: SegmentStoreOptions
  private readonly parent: string
  private readonly ownedDirectories = new Set<string>()
  private readonly segments: Array<Segment> = []
  private current: Segment | undefined
  private segmentCount = 0
  private otherBytes = 0
  private closed = false
  /** The batch in flight. Its segment may be dropped meanwhile; its records are lost only if the request fails. */
  private sending: SpoolBatch | undefined

  /** Throws if the directories cannot be created. */
  constructor(options: SegmentStoreOptions) {
    this.options = options
    this.parent = join(options.directory, options.signal)
    SpoolDirectory.ensure(options.directory)
    SpoolDirectory.ensure(this.parent)
    this.processDirectory = join(this.parent, SpoolDirectory.directoryName(options.owner))
    this.ensureDirectory()
    this.measureOtherBytes()
  }

  /** Number of records in all segments. */
  get waiting(): number {
    return this.segments.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  /** Writes a record. Throws file system errors. Drops a record that is larger than the spool. */
  append(record: RecordFrame.Record): void {
    if (this.closed) throw new Error("the spool is closed")
    const frame = RecordFrame.encode(record)
    const { maxBytes } = this.options
    if (frame.length + headerBytes > Math.min(maxBytes, maxSegmentBytes))
      return this.options.lost(1, "spool_full")
    const full = Math.max(smallestSegment, Math.min(largestSegment, Math.floor(maxBytes / 16)))
    if (this.current !== undefined && this.current.size + frame.length > full) this.rotate()
    this.makeRoom(frame.length + (this.current === undefined ? headerBytes : 0))
    this.current ??= this.createSegment()
    this.current.append(frame, record.time)
  }

  /** Returns the oldest records, at most `limit`, or `undefined` if there are none. */
  async take(limit: number): Promise<SpoolBatch | undefined> {
    for (;;) {
      const [segment] = this.segments
      if (segment === undefined) return undefined
      const bytes = await segment.read().catch(() => undefined)
      // The segment may have been dropped during the read. Then these bytes belong to another file.
      if (segment !== this.segments[0]) continue
      if (bytes === undefined) {
        this.release(segment)
        continue
      }
      const batch = this.collectBatch(segment, bytes, limit)
      if (batch !== undefined) return (this.sending = batch)
      // The segment has records by its count, but none of them can be decoded.
      this.options.lost(segment.waiting, "export_failed", "damaged in the spool")
      this.drop(segment)
    }
  }

  /** Removes a batch, delivered or dropped. */
  acknowledge({ end, records, segment }: SpoolBatch): void {
    this.sending = undefined
    if (!this.segments.includes(segment)) return
    segment.waiting -= records.length
    if (end >= segment.size) return this.drop(segment)
    try {
      segment.acknowledge(end)
    } catch {
      // The next process sends the batch once more if this one dies now.
    }
  }

  /** Keeps a batch for another attempt. Returns false if its segment was dropped meanwhile. */
  retain(batch: SpoolBatch): boolean {
    this.sending = undefined
    return this.segments.includes(batch.segment)
  }

  /**
   * Drops expired segments, updates the times of the directories, and measures the spool. The times tell other processes
   * that this one is alive.
   */
  maintain(): void {
    const oldest = this.options.now() - this.options.maxAge
    for (const segment of this.segments.slice()) {
      if (segment.newest < oldest && segment !== this.sending?.segment) {
        this.options.lost(segment.waiting, "expired")
        this.drop(segment)
      }
    }
    const now = new Date()
    for (const directory of this.ownedDirectories) {
      try {
        Fs.lutimesSync(directory, now, now)
        continue
      } catch {
        this.ownedDirectories.delete(directory)
      }
      if (directory !== this.processDirectory) continue
      // Another program removed the directory, or another process claimed it: write new segments to a new one.
      this.rotate()
      this.processDirectory = join(this.parent, SpoolDirectory.directoryName(this.options.owner))
    }
    for (const directory of this.ownedDirectories)
      if (directory !== this.processDirectory && this.isEmpty(directory)) this.removeDirectory(directory)
    this.measureOtherBytes()
  }

  /** Adopts the directory of a dead process. Returns false if another process was faster. */
  async adopt(found: SpoolDirectory.ProcessSpool): Promise<boolean> {
    const lastSeen = lastModified(found.path)
    const directory = join(this.parent, SpoolDirectory.directoryName(this.options.owner))
    if (this.closed || !SpoolDirectory.claim(found.path, directory)) return false
    this.ownedDirectories.add(directory)
    const ids = new Set<string>()
    for (const name of SpoolDirectory.fileNames(directory)) {
      if (!name.endsWith(".seg")) continue
      // A full spool takes a while to read. Yield to the event loop between segments.
      await immediate()
      if (this.closed) return true
      this.adoptSegment(join(directory, name), ids)
    }
    this.segments.sort((a, b) => a.createdAt - b.createdAt)
    const crashed = OpenSpansFile.readCrashed(join(directory, OpenSpansFile.fileName), lastSeen)
    for (const record of crashed) if (!ids.has(record.id)) this.append(record)
    OpenSpansFile.remove(directory)
    if (this.isEmpty(directory)) this.removeDirectory(directory)
    this.measureOtherBytes()
    this.makeRoom(0)
    return true
  }

  /** Closes all segments and releases the directories, so that another process can claim them. */
  close(): void {
    this.closed = true
    for (const segment of this.segments.splice(0)) segment.close()
    for (const directory of this.ownedDirectories) {
      OpenSpansFile.removeIfEmpty(directory)
      if (this.isEmpty(directory)) this.removeDirectory(directory)
      else SpoolDirectory.claim(directory, join(this.parent, SpoolDirectory.freeName()))
    }
  }

  private adoptSegment(path: string, ids: Set<string>): void {
    try {
      const { damaged, records, segment } = Segment.adopt(path)
      for (const { id } of records) ids.add(id)
      this.options.lost(damaged, "export_failed", "damaged in the spool")
      if (segment.waiting === 0) segment.remove()
      else this.segments.push(segment)
    } catch (error) {
      // A file that cannot be read now stays, and the next process tries again.
      if (error instanceof UnsafePath) this.setAside(path, error)
    }
  }

  /** Moves a file out of the way that another program put into the spool, so that no later process opens it. */
  private setAside(path: string, { found }: UnsafePath): void {
    this.options.lost(1, "export_failed", `not a file of the spool, which ${found}; it is set aside`)
    try {
      SpoolDirectory.setAside(path)
    } catch {
      // The next process tries again.
    }
  }

  private collectBatch(segment: Segment, bytes: Buffer, limit: number): SpoolBatch | undefined {
    const oldest = this.options.now() - this.options.maxAge
    const records: Array<RecordFrame.Record> = []
    let offset = 0
    let size = 0
    let expired = 0
    const budget = RecordFrame.budgetFor(bytes)
    while (records.length < limit && size < batchBytes) {
      const { damaged, found } = RecordFrame.scan(bytes, offset, budget)
      if (found === undefined) {
        // Damaged records were counted when the segment was adopted; our own segments have none.
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

  /** Makes the next record start a new segment. */
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
      // The next process that finds the file sends it once more.
    }
  }

  /** Closes a segment that cannot be read, and leaves the file for the next process. */
  private release(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1)
    if (segment === this.current) this.rotate()
    segment.close()
  }

  private measureOtherBytes(): void {
    this.otherBytes = SpoolDirectory.sizeExcluding(this.options.directory, this.ownedDirectories)
  }

  private isEmpty(directory: string): boolean {
    return SpoolDirectory.fileNames(directory).length === 0
  }

  private removeDirectory(directory: string): void {
    this.ownedDirectories.delete(directory)
    try {
      Fs.rmdirSync(directory)
    } catch {
      // The directory is not empty, or already removed.
    }
  }
}

const immediate = () => new Promise((resolve) => setImmediate(resolve))

/** Returns the last modification time of a directory and its files, in milliseconds since 1970. */
const lastModified = (directory: string): number =>
  [directory, ...SpoolDirectory.fileNames(directory).map((name) => join(directory, name))].reduce(
    (latest, path) => Math.max(latest, Fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0),
    0
  )
