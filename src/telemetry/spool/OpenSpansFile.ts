/**
 * Stores the open spans of a process in a file next to its segments. A span is written when it starts, in the form it has
 * if the process dies now; a second record marks its end.
 */
import * as Fs from "node:fs"
import { join } from "node:path"
import * as RecordFrame from "./RecordFrame.ts"
import * as SafeFile from "../../internal/SafeFile.ts"
import { maxSegmentBytes } from "./Segment.ts"
import * as OtlpMerge from "./OtlpMerge.ts"

export const fileName = "open"

/** Maximum number of open spans in the file; later ones are not written. */
const maxOpen = 1000
/** A larger file is rewritten with the spans that are still open. */
const maxBytes = 256 * 1024

/** Encodes an open span as it is now. Returns `undefined` after its end. */
export type Snapshot = () => Uint8Array | undefined

interface Entry {
  readonly snapshot: Snapshot
  written: boolean
}

export class OpenSpansFile {
  private readonly directory: () => string
  private readonly kind: RecordFrame.FrameKind
  private readonly now: () => number
  private readonly open = new Map<string, Entry>()
  private readonly ended = new Set<string>()
  private scheduled: NodeJS.Immediate | undefined
  private file: { readonly path: string; readonly descriptor: number; size: number } | undefined
  private disabled = false

  /** `directory` is a function because the directory changes if another program removes it. */
  constructor(options: { directory: () => string; kind: RecordFrame.FrameKind; now: () => number }) {
    this.directory = options.directory
    this.kind = options.kind
    this.now = options.now
  }

  spanStarted(id: string, snapshot: Snapshot): void {
    if (this.disabled || this.open.size >= maxOpen) return
    this.open.set(id, { snapshot, written: false })
    this.schedule()
  }

  /** Removes a span. A span that ends in the same event loop turn as it started was never written. */
  spanEnded(id: string): void {
    const entry = this.open.get(id)
    if (entry === undefined) return
    this.open.delete(id)
    if (!entry.written) return
    this.ended.add(id)
    this.schedule()
  }

  /** Rewrites the file with the current state of all open spans. */
  refresh(): void {
    this.guard(() => {
      if (this.open.size > 0) this.rewrite()
    })
  }

  /** Removes the file. Later calls do nothing. */
  close(): void {
    clearImmediate(this.scheduled)
    this.guard(() => this.removeFile())
    this.disabled = true
  }

  private schedule(): void {
    // The delay lets the span get its first attributes; many spans end before it, and are never written.
    this.scheduled ??= setImmediate(() => {
      this.scheduled = undefined
      this.guard(() => this.write())
    })
  }

  private guard(run: () => void): void {
    if (this.disabled) return
    try {
      run()
    } catch {
      // Ended spans are in the segments. Without this file, a crash loses only the spans that are open then.
      this.disabled = true
      this.open.clear()
      this.ended.clear()
    }
  }

  private write(): void {
    const path = join(this.directory(), fileName)
    if (this.file !== undefined && this.file.path !== path) return this.rewrite()
    const frames = [...this.ended].map((id) => this.frame("ended", id, new Uint8Array()))
    this.ended.clear()
    for (const [id, entry] of this.open) {
      if (entry.written) continue
      const payload = entry.snapshot()
      entry.written = true
      if (payload === undefined) this.open.delete(id)
      else frames.push(this.frame(this.kind, id, payload))
    }
    if (this.open.size === 0) return this.truncate()
    if (frames.length === 0) return
    if (this.file !== undefined && this.file.size > maxBytes) return this.rewrite()
    const bytes = Buffer.concat(frames)
    this.file ??= this.createFile(path)
    Fs.writeSync(this.file.descriptor, bytes, 0, bytes.length, this.file.size)
    this.file.size += bytes.length
  }

  private rewrite(): void {
    const path = join(this.directory(), fileName)
    const frames: Array<Buffer> = []
    for (const [id, entry] of this.open) {
      const payload = entry.snapshot()
      entry.written = true
      if (payload === undefined) this.open.delete(id)
      else frames.push(this.frame(this.kind, id, payload))
    }
    this.ended.clear()
    const bytes = Buffer.concat(frames)
    const next = this.createFile(`${path}.new`)
    Fs.writeSync(next.descriptor, bytes, 0, bytes.length, 0)
    SafeFile.rename(`${path}.new`, path)
    if (this.file !== undefined) Fs.closeSync(this.file.descriptor)
    this.file = { path, descriptor: next.descriptor, size: bytes.length }
  }

  private createFile(path: string) {
    return { path, descriptor: SafeFile.open(path, "replace"), size: 0 }
  }

  private truncate(): void {
    if (this.file === undefined || this.file.size === 0) return
    Fs.ftruncateSync(this.file.descriptor)
    this.file.size = 0
  }

  private removeFile(): void {
    if (this.file === undefined) return
    const { descriptor, path } = this.file
    this.file = undefined
    Fs.closeSync(descriptor)
    SafeFile.remove(path)
  }

  private frame(kind: RecordFrame.FrameKind, id: string, payload: Uint8Array): Buffer {
    return RecordFrame.encode({ kind, id, payload, time: this.now() })
  }
}

/** Reads the spans that were open when a process died, with `at` as their end time (milliseconds since 1970). */
export const readCrashed = (path: string, at: number): ReadonlyArray<RecordFrame.Record> => {
  let bytes: Buffer
  try {
    bytes = SafeFile.read(path, { maxBytes: maxSegmentBytes })
  } catch {
    return []
  }
  const open = new Map<string, RecordFrame.Record>()
  for (const record of RecordFrame.decodeAll(bytes, 0).records) {
    if (record.kind === "ended") open.delete(record.id)
    else open.set(record.id, record)
  }
  return [...open.values()].map((record) => ({ ...record, payload: withEndTime(record, at) }))
}

/** Removes the file. Ignores errors. */
export const remove = (directory: string): void => {
  for (const file of [fileName, `${fileName}.new`]) {
    try {
      SafeFile.remove(join(directory, file))
    } catch {
      // The next process that finds the file exports its spans once more.
    }
  }
}

/** Removes the file of a directory that is released, unless it has open spans of a crashed process. */
export const removeIfEmpty = (directory: string): void => {
  if (readCrashed(join(directory, fileName), 0).length === 0) remove(directory)
}

/** Replaces the end time of a span, unless it started later. */
const withEndTime = ({ kind, payload }: RecordFrame.Record, at: number): Uint8Array => {
  const end = BigInt(Math.round(at)) * 1_000_000n
  if (kind === "json") {
    const text = Buffer.from(payload).toString()
    // The first match is the span's own end time: quotes inside strings are escaped.
    return Buffer.from(
      text.replace(/"endTimeUnixNano":"(\d+)"/, (_, start: string) =>
        end > BigInt(start) ? `"endTimeUnixNano":"${end}"` : `"endTimeUnixNano":"${start}"`
      )
    )
  }
  const bytes = Buffer.from(payload)
  for (const item of OtlpMerge.itemFields(bytes)) {
    for (const { content, number } of OtlpMerge.fieldsOf(bytes, item.content, item.end)) {
      if (number === endTimeField && bytes.readBigUInt64LE(content) < end)
        bytes.writeBigUInt64LE(end, content)
    }
  }
  return bytes
}

/** Protobuf field number of `end_time_unix_nano` in a span. */
const endTimeField = 8
