/** A file of records: the owner appends at the end and acknowledges from the beginning. */
import * as Fs from "node:fs"
import { crc32 } from "node:zlib"
import * as SafeFile from "../../internal/SafeFile.ts"
import * as RecordFrame from "./RecordFrame.ts"

// Header: magic number, creation time, cursor (acknowledged up to here), checksum of the cursor.
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

/** The maximum size of a segment, also of one with a single large record. A larger file is not adopted. */
export const maxSegmentBytes = 16 * 1024 * 1024

/** One segment file. The process that has it open is its only user. Every method may throw file system errors. */
export class Segment {
  readonly path: string
  /** In milliseconds since 1970. */
  readonly createdAt: number
  /** Offset of the next record. */
  size: number
  /** Offset of the first record without acknowledgement. */
  cursor: number
  /** Number of records without acknowledgement. */
  waiting: number
  /** Time of the last record. */
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

  /** Creates a file that only this user can read, whatever the umask. */
  static create(path: string, now: number): Segment {
    const descriptor = SafeFile.open(path, "create")
    try {
      const header = Buffer.alloc(headerBytes)
      magic.copy(header)
      header.writeDoubleLE(now, createdAtOffset)
      encodeCursor(headerBytes).copy(header, cursorOffset)
      SafeFile.writeAll(descriptor, header, 0)
    } catch (error) {
      Fs.closeSync(descriptor)
      SafeFile.remove(path)
      throw error
    }
    return new Segment(path, descriptor, { createdAt: now, size: headerBytes, cursor: headerBytes })
  }

  /**
   * Opens the file of a dead process. Returns its intact records and the number of damaged ones. Throws `UnsafePath` if the
   * file cannot come from this library: a link, a FIFO, a file of another user or a huge one.
   */
  static adopt(path: string): {
    readonly segment: Segment
    readonly damaged: number
    readonly records: ReadonlyArray<RecordFrame.Record>
  } {
    const descriptor = SafeFile.open(path, "readWrite", { maxBytes: maxSegmentBytes })
    try {
      const bytes = SafeFile.readDescriptor(descriptor, Fs.fstatSync(descriptor).size)
      const hasHeader = bytes.length >= headerBytes
      const stored = hasHeader
        ? bytes.subarray(cursorOffset, cursorOffset + cursorBytes)
        : encodeCursor(headerBytes)
      const candidate = stored.readDoubleLE()
      const valid =
        encodeCursor(candidate).equals(stored) && candidate >= headerBytes && candidate <= bytes.length
      // With a damaged cursor every record is sent again: a duplicate is better than a loss.
      const cursor = valid ? candidate : headerBytes
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

  /** Writes a record. After an error, truncates the file so that no partial record stays. */
  append(frame: Buffer, time: number): void {
    const { descriptor } = this
    if (descriptor === undefined) throw new Error("the segment is closed")
    try {
      SafeFile.writeAll(descriptor, frame, this.size)
    } catch (error) {
      Fs.ftruncateSync(descriptor, this.size)
      throw error
    }
    this.size += frame.length
    this.waiting++
    this.newest = time
  }

  /** Reads all bytes without acknowledgement. */
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

  /** Stores that every record before the offset has arrived. After a crash before this, they are sent again. */
  acknowledge(cursor: number): void {
    this.cursor = cursor
    if (this.descriptor !== undefined) SafeFile.writeAll(this.descriptor, encodeCursor(cursor), cursorOffset)
  }

  close(): void {
    if (this.descriptor === undefined) return
    const { descriptor } = this
    this.descriptor = undefined
    Fs.closeSync(descriptor)
  }

  remove(): void {
    this.close()
    SafeFile.remove(this.path)
  }
}
