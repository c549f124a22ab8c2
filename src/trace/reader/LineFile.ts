/**
 * Reads the documents of a file of JSON lines, in constant memory: a plain, gzip or Zstandard file, as its first bytes say. Codex writes one document over several lines, from `{` alone to `}` alone, so that is one document too.
 */
import { open } from "node:fs/promises"
import type { Readable } from "node:stream"
import { createGunzip, createZstdDecompress } from "node:zlib"
import { codeOf } from "../../internal/SystemError.ts"
import type { BadLine } from "./TraceModel.ts"

export interface LineFileOptions {
  /** Receives a document and the number of its first line, from 1. Returns why it is no telemetry, if it is not. */
  readonly onDocument: (
    text: string,
    line: number
  ) => Exclude<BadLine["reason"], "cut" | "too long"> | undefined
  readonly onBad: (line: number, reason: BadLine["reason"]) => void
  /** Says from its bytes whether a document is of interest. Others are not decoded; default: all are. */
  readonly isWanted?: ((bytes: Buffer) => boolean) | undefined
  readonly signal?: AbortSignal | undefined
  /** The number of bytes that are read at once. */
  readonly chunkBytes?: number | undefined
  /** The maximum number of bytes of a document. */
  readonly maxBytes?: number | undefined
}

export interface LineFileReport {
  /** Bytes after unpacking. */
  readonly bytes: number
  readonly lines: number
  /** The file ends in the middle of a packed stream, or is damaged there. */
  readonly cut: boolean
}

/** The path is no regular file. */
export class NotAFile extends Error {}

const newline = 0x0a
const carriageReturn = 0x0d
const openBrace = 0x7b
const closeBrace = 0x7d

/** A batch of an exporter has at most some megabytes. The text of a larger line may not fit into memory. */
const defaultMaxBytes = 64 * 1024 * 1024

/** Reads a file to its end. Rejects with the error of the system if it cannot be opened or read. */
export const read = async (path: string, options: LineFileOptions): Promise<LineFileReport> => {
  const handle = await open(path, "r")
  try {
    if (!(await handle.stat()).isFile()) throw new NotAFile(path)
    const magic = Buffer.alloc(4)
    await handle.read(magic, 0, magic.length, 0)
    const { chunkBytes = 1024 * 1024, signal } = options
    const source = handle.createReadStream({ start: 0, highWaterMark: chunkBytes, autoClose: false })
    const documents = new Documents(options)
    const unpacked = unpack(source, magic, chunkBytes)
    const cut = await pump(unpacked, unpacked !== source, documents, signal)
    source.destroy()
    documents.end()
    return { bytes: documents.bytes, lines: documents.lines, cut }
  } finally {
    await handle.close()
  }
}

const gzip = Buffer.from([0x1f, 0x8b])
const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

const unpack = (source: Readable, magic: Buffer, chunkBytes: number): Readable => {
  const options = { chunkSize: Math.max(64, chunkBytes) }
  const unpacked = magic.subarray(0, 2).equals(gzip)
    ? createGunzip(options)
    : magic.equals(zstd)
      ? createZstdDecompress(options)
      : undefined
  if (unpacked === undefined) return source
  source.on("error", (error) => unpacked.destroy(error))
  return source.pipe(unpacked)
}

/** Gives all bytes to the documents. Returns whether a packed stream ended too early. */
const pump = async (
  stream: Readable,
  isPacked: boolean,
  documents: Documents,
  signal: AbortSignal | undefined
): Promise<boolean> => {
  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted()
      documents.add(chunk)
    }
    return false
  } catch (error) {
    if (isPacked && /^(?:Z_|ZSTD_|ERR_ZSTD)/.test(codeOf(error) ?? "")) return true
    throw error
  }
}

/** Cuts bytes into lines, and joins the lines of a document that has several. */
class Documents {
  private readonly options: LineFileOptions
  private readonly maxBytes: number
  /** The beginning of a line whose end has not been read. */
  private rest: Array<Buffer> = []
  private restBytes = 0
  /** The lines so far of a document that has several. */
  private open: Array<Buffer> = []
  private openBytes = 0
  private openLine = 0
  bytes = 0
  lines = 0

  constructor(options: LineFileOptions) {
    this.options = options
    this.maxBytes = options.maxBytes ?? defaultMaxBytes
  }

  add(chunk: Buffer): void {
    this.bytes += chunk.length
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      this.keep(chunk.subarray(from, at))
      this.line(false)
      from = at + 1
    }
    if (from < chunk.length) this.keep(chunk.subarray(from))
  }

  end(): void {
    if (this.restBytes > 0) this.line(true)
    if (this.open.length > 0) this.abandon("cut")
  }

  /** Keeps a part of the current line. Of a line that is too long only its length. */
  private keep(part: Buffer): void {
    this.restBytes += part.length
    if (this.restBytes <= this.maxBytes) this.rest.push(part)
    else this.rest = []
  }

  private line(isLast: boolean): void {
    this.lines++
    const { rest, restBytes } = this
    this.rest = []
    this.restBytes = 0
    if (restBytes > this.maxBytes) {
      if (this.open.length > 0) this.abandon("not JSON")
      return this.options.onBad(this.lines, "too long")
    }
    const [first] = rest
    const bytes = rest.length === 1 && first !== undefined ? first : Buffer.concat(rest)
    if (this.open.length > 0) return this.continue(bytes, isLast)
    if (!isLast && isOnly(bytes, openBrace)) {
      this.openLine = this.lines
      this.append(bytes)
      return
    }
    this.document(bytes, this.lines, isLast)
  }

  private append(bytes: Buffer): void {
    this.open.push(Buffer.from(bytes))
    this.openBytes += bytes.length
  }

  private continue(bytes: Buffer, isLast: boolean): void {
    // The next document begins although this one has not ended.
    if (bytes[0] === openBrace) {
      this.abandon("not JSON")
      if (isLast || !isOnly(bytes, openBrace)) return this.document(bytes, this.lines, isLast)
      this.openLine = this.lines
      return this.append(bytes)
    }
    this.append(bytes)
    if (this.openBytes > this.maxBytes) return this.abandon("too long")
    if (!isOnly(bytes, closeBrace)) return
    const document = Buffer.concat(this.open)
    const line = this.openLine
    this.open = []
    this.openBytes = 0
    this.document(document, line, isLast)
  }

  private abandon(reason: BadLine["reason"]): void {
    this.open = []
    this.openBytes = 0
    this.options.onBad(this.openLine, reason)
  }

  private document(bytes: Buffer, line: number, isLast: boolean): void {
    const { isWanted, onBad, onDocument } = this.options
    if (isWanted?.(bytes) === false || isBlank(bytes)) return
    const text = bytes.toString("utf8")
    const reason = onDocument(line === 1 && text.startsWith("\ufeff") ? text.slice(1) : text, line)
    if (reason !== undefined) onBad(line, isLast && reason === "not JSON" ? "cut" : reason)
  }
}

/** Whether a line consists of this byte alone, from its first column. */
const isOnly = (bytes: Buffer, byte: number): boolean =>
  bytes[0] === byte && (bytes.length === 1 || (bytes.length === 2 && bytes[1] === carriageReturn))

const isBlank = (bytes: Buffer): boolean => {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn) return false
  return true
}
