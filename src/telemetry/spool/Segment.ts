/** A file of records that grows at its end and is acknowledged from its beginning. */
import * as Fs from "node:fs"
import { crc32 } from "node:zlib"
import * as RecordFrame from "./RecordFrame.ts"

// mark, made at, acknowledged up to, checksum of that
const magic = Buffer.from([0xf5, 0x53, 0x45, 0x47])
const createdAtOffset = 8
const cursorOffset = 16
const cursorBytes = 12
export const headerBytes = 32

const encodeCursor = (cursor: number): Buffer => {
  const bytes = Buffer.alloc(cursorBytes)
  bytes.writeDoubleLE(cursor)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 8)), 8)
  return bytes
}

const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDWR } = Fs.constants

/** One file; who has it open is its only user. Every function may throw what the file system does. */
export class Segment {
  readonly path: string
  /** In milliseconds since 1970. */
  readonly createdAt: number
  /** Where the next record goes. */
  size: number
  /** From where on it is not acknowledged. */
  cursor: number
  /** How many records wait in it. */
  waiting: number
  /** When the last of them was written. */
  newest: number
  private descriptor: number | undefined

  private constructor(
    path: string,
    descriptor: number,
    at: { readonly createdAt: number; readonly size: number; readonly cursor: number }
  ) {
    this.path = path
    this.descriptor = descriptor
    this.createdAt = at.createdAt
    this.size = at.size
    this.cursor = at.cursor
    this.waiting = 0
    this.newest = at.createdAt
  }

  /** A new file, closed to all others whatever the umask is. */
  static create(path: string, now: number): Segment {
    const descriptor = Fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      Fs.fchmodSync(descriptor, 0o600)
      const header = Buffer.alloc(headerBytes)
      magic.copy(header)
      header.writeDoubleLE(now, createdAtOffset)
      encodeCursor(headerBytes).copy(header, cursorOffset)
      writeAll(descriptor, header, 0)
    } catch (error) {
      Fs.closeSync(descriptor)
      Fs.rmSync(path, { force: true })
      throw error
    }
    return new Segment(path, descriptor, { createdAt: now, size: headerBytes, cursor: headerBytes })
  }

  /** One that a process has left; gives how many of its records are damaged, and all that are not. */
  static adopt(path: string): {
    readonly segment: Segment
    readonly damaged: number
    readonly records: ReadonlyArray<RecordFrame.Record>
  } {
    const descriptor = Fs.openSync(path, O_RDWR | O_NOFOLLOW)
    try {
      const bytes = Fs.readFileSync(descriptor)
      const whole = bytes.length >= headerBytes
      const kept = whole
        ? bytes.subarray(cursorOffset, cursorOffset + cursorBytes)
        : encodeCursor(headerBytes)
      const asked = kept.readDoubleLE()
      const valid = encodeCursor(asked).equals(kept) && asked >= headerBytes && asked <= bytes.length
      // What was sent before is sent again rather than anything left out.
      const cursor = valid ? asked : headerBytes
      const { damaged, records } = RecordFrame.decodeAll(bytes, Math.min(cursor, bytes.length))
      const createdAt = records[0]?.time ?? Math.round(Fs.fstatSync(descriptor).mtimeMs)
      const segment = new Segment(path, descriptor, { createdAt, size: bytes.length, cursor })
      segment.waiting = records.length
      segment.newest = records.at(-1)?.time ?? createdAt
      return { segment, damaged, records }
    } catch (error) {
      Fs.closeSync(descriptor)
      throw error
    }
  }

  /** Writes a record, whole or not at all as far as the disk allows. */
  append(frame: Buffer, time: number): void {
    const { descriptor } = this
    if (descriptor === undefined) throw new Error("the segment is closed")
    try {
      writeAll(descriptor, frame, this.size)
    } catch (error) {
      Fs.ftruncateSync(descriptor, this.size)
      throw error
    }
    this.size += frame.length
    this.waiting++
    this.newest = time
  }

  /** What is not acknowledged. */
  read(): Promise<Buffer> {
    const { descriptor } = this
    const bytes = Buffer.alloc(Math.max(0, this.size - this.cursor))
    if (descriptor === undefined || bytes.length === 0) return Promise.resolve(bytes)
    return new Promise((resolve, reject) => {
      Fs.read(descriptor, bytes, 0, bytes.length, this.cursor, (error, length) => {
        if (error === null) resolve(bytes.subarray(0, length))
        else reject(error)
      })
    })
  }

  /** Says that everything before an offset has arrived. A crash right before it sends that again. */
  acknowledge(cursor: number): void {
    this.cursor = cursor
    if (this.descriptor !== undefined) writeAll(this.descriptor, encodeCursor(cursor), cursorOffset)
  }

  close(): void {
    if (this.descriptor === undefined) return
    const { descriptor } = this
    this.descriptor = undefined
    Fs.closeSync(descriptor)
  }

  remove(): void {
    this.close()
    Fs.rmSync(this.path, { force: true })
  }
}

const writeAll = (descriptor: number, bytes: Buffer, position: number): void => {
  for (let written = 0; written < bytes.length;) {
    written += Fs.writeSync(descriptor, bytes, written, bytes.length - written, position + written)
  }
}
