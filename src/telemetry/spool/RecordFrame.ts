/** Frames records in a file with a magic number, a length and a checksum, so that a reader can skip damaged ones. */
import { crc32 } from "node:zlib"

/** The content of a record: an OTLP request with one item, in one of two encodings, or the end of an open span. */
export type FrameKind = "json" | "protobuf" | "ended"

export interface Record {
  readonly kind: FrameKind
  /** Time of writing, in milliseconds since 1970. */
  readonly time: number
  /** The span id, 16 hexadecimal digits; zeros for a log record. */
  readonly id: string
  readonly payload: Uint8Array
}

export const noSpanId = "0000000000000000"

// The first byte never occurs in UTF-8, so no text in a payload looks like the beginning of a record.
const magic = Buffer.from([0xf5, 0x53, 0x50, 0x4c])
const headerBytes = 32
const checksumFrom = 12

const kinds: ReadonlyArray<FrameKind> = ["json", "protobuf", "ended"]

/** Size of a record without its payload, in bytes. */
export const overhead = headerBytes

export const encode = ({ id, kind, payload, time }: Record): Buffer => {
  const frame = Buffer.alloc(headerBytes + payload.length)
  magic.copy(frame)
  frame.writeUInt32LE(payload.length, 4)
  frame.writeUInt8(kinds.indexOf(kind) + 1, 12)
  frame.writeDoubleLE(time, 16)
  frame.write(id, 24, 8, "hex")
  frame.set(payload, headerBytes)
  frame.writeUInt32LE(crc32(frame.subarray(checksumFrom)), 8)
  return frame
}

/** A record and the offset after it. */
export interface LocatedRecord {
  readonly record: Record
  readonly end: number
}

/**
 * How many bytes of damaged frames a reader may still check. A planted file of frames that begin inside each other, each
 * with the rest of the file as its length, would otherwise cost the square of its size.
 */
export interface ScanBudget {
  left: number
}

/** The budget for all scans of a file: damage costs at most a small multiple of its size. */
export const budgetFor = (bytes: Buffer): ScanBudget => ({ left: Math.max(1024 * 1024, 2 * bytes.length) })

const decodeAt = (bytes: Buffer, from: number, budget: ScanBudget): LocatedRecord | undefined => {
  if (
    from + headerBytes > bytes.length ||
    bytes.compare(magic, 0, magic.length, from, from + magic.length) !== 0
  )
    return undefined
  const end = from + headerBytes + bytes.readUInt32LE(from + 4)
  const kind = kinds[bytes.readUInt8(from + 12) - 1]
  if (end > bytes.length || kind === undefined) return undefined
  if (crc32(bytes.subarray(from + checksumFrom, end)) !== bytes.readUInt32LE(from + 8)) {
    budget.left -= end - from
    return undefined
  }
  const record: Record = {
    kind,
    time: bytes.readDoubleLE(from + 16),
    id: bytes.toString("hex", from + 24, from + 32),
    payload: bytes.subarray(from + headerBytes, end)
  }
  return { record, end }
}

/** The next record, if there is one, and the number of damaged records before it. */
export interface ScanResult {
  readonly found: LocatedRecord | undefined
  readonly damaged: number
}

/**
 * Finds the next record at or after an offset. Counts damaged records by the frames that begin in the skipped bytes, at
 * least one. Finds nothing more once the budget is used up.
 */
export const scan = (bytes: Buffer, from: number, budget = budgetFor(bytes)): ScanResult => {
  let damaged = 0
  for (let offset = from; offset < bytes.length && budget.left >= 0;) {
    const found = decodeAt(bytes, offset, budget)
    if (found !== undefined) return { found, damaged }
    if (offset === from || bytes.compare(magic, 0, 1, offset, offset + 1) === 0) damaged++
    const begin = bytes.indexOf(magic, offset + 1)
    offset = begin === -1 ? bytes.length : begin
  }
  return { found: undefined, damaged }
}

/** Decodes all intact records, and counts the damaged ones. */
export const decodeAll = (bytes: Buffer, from: number) => {
  const records: Array<Record> = []
  let damaged = 0
  const budget = budgetFor(bytes)
  for (let offset = from; ;) {
    const result = scan(bytes, offset, budget)
    damaged += result.damaged
    if (result.found === undefined) return { records, damaged }
    records.push(result.found.record)
    offset = result.found.end
  }
}
