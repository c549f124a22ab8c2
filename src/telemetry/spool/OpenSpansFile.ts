/**
 * The spans of a process that are open, in a file beside its segments: written when they start, as they would look had the
 * process died there, and struck out when they end.
 */
import * as Fs from "node:fs"
import { join } from "node:path"
import * as RecordFrame from "./RecordFrame.ts"
import * as OtlpMerge from "./OtlpMerge.ts"

export const fileName = "open"

/** Beyond this many the newest are not written. */
const maxOpen = 1000
/** A file that is larger is written anew, with what is still open. */
const maxBytes = 256 * 1024

/** Says what a span looks like by now; nothing once it has ended. */
export type Snapshot = () => Uint8Array | undefined

interface Entry {
  readonly snapshot: Snapshot
  written: boolean
}

export class OpenSpansFile {
  private readonly folder: () => string
  private readonly kind: RecordFrame.FrameKind
  private readonly now: () => number
  private readonly open = new Map<string, Entry>()
  private readonly ended = new Set<string>()
  private scheduled: NodeJS.Immediate | undefined
  private file: { readonly path: string; readonly descriptor: number; size: number } | undefined
  private disabled = false

  /** `folder` is asked each time: it may have been taken away. */
  constructor(options: { folder: () => string; kind: RecordFrame.FrameKind; now: () => number }) {
    this.folder = options.folder
    this.kind = options.kind
    this.now = options.now
  }

  spanStarted(id: string, snapshot: Snapshot): void {
    if (this.disabled || this.open.size >= maxOpen) return
    this.open.set(id, { snapshot, written: false })
    this.schedule()
  }

  /** One that ends where it started costs nothing: it was never written. */
  spanEnded(id: string): void {
    const one = this.open.get(id)
    if (one === undefined) return
    this.open.delete(id)
    if (!one.written) return
    this.ended.add(id)
    this.schedule()
  }

  /** Writes all that are open as they are now, in place of what was written before. */
  refresh(): void {
    this.guard(() => {
      if (this.open.size > 0) this.rewrite()
    })
  }

  /** Nothing is open any more, or nobody can wait for it. */
  close(): void {
    clearImmediate(this.scheduled)
    this.guard(() => this.removeFile())
    this.disabled = true
  }

  private schedule(): void {
    // By then the span has the attributes that it starts with, and often it has ended.
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
      // Spans that end are written elsewhere: without this only those that a crash left open are missing.
      this.disabled = true
      this.open.clear()
      this.ended.clear()
    }
  }

  private write(): void {
    const path = join(this.folder(), fileName)
    if (this.file !== undefined && this.file.path !== path) return this.rewrite()
    const frames = [...this.ended].map((id) => this.frame("ended", id, new Uint8Array()))
    this.ended.clear()
    for (const [id, one] of this.open) {
      if (one.written) continue
      const payload = one.snapshot()
      one.written = true
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
    const path = join(this.folder(), fileName)
    const frames: Array<Buffer> = []
    for (const [id, one] of this.open) {
      const payload = one.snapshot()
      one.written = true
      if (payload === undefined) this.open.delete(id)
      else frames.push(this.frame(this.kind, id, payload))
    }
    this.ended.clear()
    const bytes = Buffer.concat(frames)
    const next = this.createFile(`${path}.new`)
    Fs.writeSync(next.descriptor, bytes, 0, bytes.length, 0)
    Fs.renameSync(`${path}.new`, path)
    if (this.file !== undefined) Fs.closeSync(this.file.descriptor)
    this.file = { path, descriptor: next.descriptor, size: bytes.length }
  }

  private createFile(path: string) {
    const { O_CREAT, O_NOFOLLOW = 0, O_RDWR, O_TRUNC } = Fs.constants
    const descriptor = Fs.openSync(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
    Fs.fchmodSync(descriptor, 0o600)
    return { path, descriptor, size: 0 }
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
    Fs.rmSync(path, { force: true })
  }

  private frame(kind: RecordFrame.FrameKind, id: string, payload: Uint8Array): Buffer {
    return RecordFrame.encode({ kind, id, payload, time: this.now() })
  }
}

/** The spans that were open when a process died, ended at a time in milliseconds since 1970. */
export const readCrashed = (path: string, at: number): ReadonlyArray<RecordFrame.Record> => {
  let bytes: Buffer
  try {
    bytes = Fs.readFileSync(path)
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

/** Takes the file away, where that can be done. */
export const remove = (folder: string): void => {
  for (const file of [fileName, `${fileName}.new`]) {
    try {
      Fs.rmSync(join(folder, file), { force: true })
    } catch {
      // Whoever finds it closes the spans in it once more.
    }
  }
}

/** For a folder that is let go of; whoever has spans open in it has closed its file before. */
export const removeIfEmpty = (folder: string): void => {
  if (readCrashed(join(folder, fileName), 0).length === 0) remove(folder)
}

/** A span's end in place of the one it was written with. */
const withEndTime = ({ kind, payload }: RecordFrame.Record, at: number): Uint8Array => {
  const end = BigInt(Math.round(at)) * 1_000_000n
  if (kind === "json") {
    const text = Buffer.from(payload).toString()
    // The first in the text is the span's own: what stands in quotes has its own quotes escaped.
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

/** The number of `end_time_unix_nano` in a span. */
const endTimeField = 8
