/** Records as they stand in a file: framed by a mark, a length and a checksum, so that what is damaged is passed over. */
import { crc32 } from "node:zlib"

/** What a record holds: a request of OTLP with one item in either encoding, or that a span which was open has ended. */
export type FrameKind = "json" | "protobuf" | "ended"

export interface Record {
  readonly kind: FrameKind
  /** When it was written, in milliseconds since 1970. */
  readonly time: number
  /** The span's, 16 hexadecimal digits; zeros where it is of none. */
  readonly id: string
  readonly payload: Uint8Array
}

export const noSpanId = "0000000000000000"

// Its first byte stands in no text of UTF-8: nothing that a span says looks like the beginning of a record.
const magic = Buffer.from([0xf5, 0x53, 0x50, 0x4c])
const headerBytes = 32
const checksumFrom = 12

const kinds: ReadonlyArray<FrameKind> = ["json", "protobuf", "ended"]

/** How many bytes a record takes beside its payload. */
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

/** A record and where the next one may begin. */
export interface LocatedRecord {
  readonly record: Record
  readonly end: number
}

const decodeAt = (bytes: Buffer, from: number): LocatedRecord | undefined => {
  if (
    from + headerBytes > bytes.length ||
    bytes.compare(magic, 0, magic.length, from, from + magic.length) !== 0
  )
    return undefined
  const end = from + headerBytes + bytes.readUInt32LE(from + 4)
  const kind = kinds[bytes.readUInt8(from + 12) - 1]
  if (end > bytes.length || kind === undefined) return undefined
  if (crc32(bytes.subarray(from + checksumFrom, end)) !== bytes.readUInt32LE(from + 8)) return undefined
  const record: Record = {
    kind,
    time: bytes.readDoubleLE(from + 16),
    id: bytes.toString("hex", from + 24, from + 32),
    payload: bytes.subarray(from + headerBytes, end)
  }
  return { record, end }
}

/** What comes next: a record, before it so many damaged ones; or the end, and damaged ones before that. */
export interface ScanResult {
  readonly found: LocatedRecord | undefined
  readonly damaged: number
}

/** Looks for a record from an offset on. A stretch without one counts for as many as begin in it, and for one at least. */
export const scan = (bytes: Buffer, from: number): ScanResult => {
  let damaged = 0
  for (let offset = from; offset < bytes.length;) {
    const found = decodeAt(bytes, offset)
    if (found !== undefined) return { found, damaged }
    if (offset === from || bytes.compare(magic, 0, 1, offset, offset + 1) === 0) damaged++
    const begin = bytes.indexOf(magic, offset + 1)
    offset = begin === -1 ? bytes.length : begin
  }
  return { found: undefined, damaged }
}

/** All that is whole. */
export const decodeAll = (bytes: Buffer, from: number) => {
  const records: Array<Record> = []
  let damaged = 0
  for (let offset = from; ;) {
    const one = scan(bytes, offset)
    damaged += one.damaged
    if (one.found === undefined) return { records, damaged }
    records.push(one.found.record)
    offset = one.found.end
  }
}
