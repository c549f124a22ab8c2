/** A server on loopback in place of a vendor's intake: it keeps the bodies that it receives. */
import { Effect, Schema } from "effect"
import { createServer } from "node:http"
import type { SeenSpan } from "./HostProject.ts"

export interface Received {
  readonly url: string
  readonly body: Buffer
}

export const make = Effect.acquireRelease(
  Effect.promise(async () => {
    const received: Array<Received> = []
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        received.push({ url: request.url ?? "", body: Buffer.concat(chunks) })
        response.end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { server, port, received }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const SentryItems = Schema.fromJsonString(
  Schema.Struct({
    items: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        trace_id: Schema.String,
        span_id: Schema.String,
        parent_span_id: Schema.optionalKey(Schema.String)
      })
    )
  })
)

/** Reads the spans of Sentry's envelopes. */
export const sentrySpans = (received: ReadonlyArray<Received>): ReadonlyArray<SeenSpan> =>
  received
    .flatMap(({ body }) => body.toString().split("\n"))
    .filter((line) => line.startsWith('{"version":2,'))
    .flatMap((line) => Schema.decodeUnknownSync(SentryItems)(line).items)
    .map(({ name, parent_span_id: parentSpanId, span_id: spanId, trace_id: traceId }) => ({
      name,
      traceId,
      spanId,
      parentSpanId
    }))

const DatadogTraces = Schema.Array(
  Schema.Array(
    Schema.Struct({
      name: Schema.String,
      trace_id: Schema.BigInt,
      span_id: Schema.BigInt,
      parent_id: Schema.BigInt
    })
  )
)

/** Reads the spans that dd-trace sends to its agent. */
export const datadogSpans = (received: ReadonlyArray<Received>): ReadonlyArray<SeenSpan> =>
  received
    .filter(({ url }) => url.startsWith("/v0.4/traces"))
    .flatMap(({ body }) => Schema.decodeUnknownSync(DatadogTraces)(fromMessagePack(body)).flat())
    .map((span) => ({
      name: span.name,
      traceId: String(span.trace_id),
      spanId: String(span.span_id),
      parentSpanId: String(span.parent_id)
    }))

/** Decodes MessagePack; integers become bigints. */
export const fromMessagePack = (bytes: Buffer): unknown => {
  let at = 0
  const skip = (count: number) => {
    at += count
    return at - count
  }
  const text = (length: number) => bytes.toString("utf8", skip(length), at)
  const list = (length: number) => Array.from({ length }, () => read())
  const record = (length: number) =>
    Object.fromEntries(Array.from({ length }, () => [String(read()), read()] as const))
  const read = (): unknown => {
    const type = bytes.readUInt8(skip(1))
    if (type < 0x80) return BigInt(type)
    if (type < 0x90) return record(type & 0x0f)
    if (type < 0xa0) return list(type & 0x0f)
    if (type < 0xc0) return text(type & 0x1f)
    if (type >= 0xe0) return BigInt(type - 0x100)
    const known = readers[type]
    if (known === undefined) throw new Error(`MessagePack has a value of the type ${type}`)
    return known()
  }
  const u8 = () => bytes.readUInt8(skip(1))
  const u16 = () => bytes.readUInt16BE(skip(2))
  const u32 = () => bytes.readUInt32BE(skip(4))
  const readers: Readonly<Record<number, () => unknown>> = {
    0xc0: () => null,
    0xc2: () => false,
    0xc3: () => true,
    0xca: () => bytes.readFloatBE(skip(4)),
    0xcb: () => bytes.readDoubleBE(skip(8)),
    0xcc: () => BigInt(u8()),
    0xcd: () => BigInt(u16()),
    0xce: () => BigInt(u32()),
    0xcf: () => bytes.readBigUInt64BE(skip(8)),
    0xd0: () => BigInt(bytes.readInt8(skip(1))),
    0xd1: () => BigInt(bytes.readInt16BE(skip(2))),
    0xd2: () => BigInt(bytes.readInt32BE(skip(4))),
    0xd3: () => bytes.readBigInt64BE(skip(8)),
    0xd9: () => text(u8()),
    0xda: () => text(u16()),
    0xdb: () => text(u32()),
    0xdc: () => list(u16()),
    0xdd: () => list(u32()),
    0xde: () => record(u16()),
    0xdf: () => record(u32())
  }
  return read()
}
