import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OpenSpansFile from "../../../src/telemetry/spool/OpenSpansFile.ts"
import * as RecordFrame from "../../../src/telemetry/spool/RecordFrame.ts"
import * as OtlpMerge from "../../../src/telemetry/spool/OtlpMerge.ts"
import { cpuMillis } from "../../support/growth.ts"

const record = (n: number): RecordFrame.Record => ({
  kind: n % 2 === 0 ? "json" : "protobuf",
  time: 1_700_000_000_000 + n,
  id: (0xabc0 + n).toString(16).padStart(16, "0"),
  payload: Buffer.from(`payload of ${n} ${"x".repeat(n * 3)}`)
})
const four = [0, 1, 2, 3].map(record)
const frames = four.map(RecordFrame.encode)
const bytes = Buffer.concat(frames)
const plain = (records: ReadonlyArray<RecordFrame.Record>) =>
  records.map(({ payload, ...rest }) => ({ ...rest, text: Buffer.from(payload).toString() }))

describe("records in a file", () => {
  it("are read as they were written", () => {
    const { damaged, records } = RecordFrame.decodeAll(bytes, 0)
    assert.deepEqual(plain(records), plain(four))
    assert.strictEqual(damaged, 0)
  })

  it("that are cut at any byte yield all complete records and one incomplete one", () => {
    let offset = 0
    const ends = frames.map((frame) => (offset += frame.length))
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = ends.filter((end) => end <= cut).length
      const { damaged, records } = RecordFrame.decodeAll(bytes.subarray(0, cut), 0)
      assert.deepEqual(plain(records), plain(four.slice(0, whole)), `cut at ${cut}`)
      const rest = cut > (ends[whole - 1] ?? 0)
      assert.strictEqual(damaged, rest ? 1 : 0, `cut at ${cut}`)
    }
  })

  it("with any flipped bit yield all other records unchanged", () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes)
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      let from = 0
      const hit = frames.findIndex((frame) => (from += frame.length) > bit >> 3)
      const { damaged, records } = RecordFrame.decodeAll(turned, 0)
      // Three bytes that mean nothing are checked like all others.
      assert.deepEqual(plain(records), plain(four.filter((_, n) => n !== hit)), `bit ${bit}`)
      assert.strictEqual(damaged, 1, `bit ${bit}`)
    }
  })

  it("are found after any bytes, and no text imitates one", () => {
    const inside = Buffer.concat([bytes.subarray(0, 20), Buffer.alloc(50, 0xf5), bytes])
    assert.deepEqual(plain(RecordFrame.decodeAll(inside, 0).records), plain(four))
    const text = { ...record(1), payload: Buffer.from(bytes.toString("utf8")) }
    const broken = RecordFrame.encode(text)
    broken[40] = (broken[40] ?? 0) ^ 1
    assert.deepEqual(RecordFrame.decodeAll(broken, 0).records, [])
  })
})

const scopes = { "effect-codex": { name: "effect-codex", version: "1" }, other: { name: "other" } }

const span = (n: number, service: string, scope: keyof typeof scopes = "effect-codex"): ReadableSpan => {
  const context = (id: number) => ({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: id.toString(16).padStart(16, "1"),
    traceFlags: 1
  })
  return {
    name: `span ${n} "spans":[`,
    kind: 0,
    spanContext: () => context(n),
    parentSpanContext: context(n + 1),
    startTime: [1_700_000_000, 123_456_789],
    endTime: [1_700_000_001, n],
    duration: [1, 0],
    ended: true,
    status: { code: 0 },
    attributes: {
      n,
      half: 0.5,
      huge: 2 ** 60,
      text: `","spans":[{"x":"]}]}]} ä€ \\ ${"y".repeat(n * 50)}`,
      list: ["a", "b"]
    },
    links: [],
    events: [{ name: "e", time: [1_700_000_000, 5], attributes: { schemaUrl: "]}]}" } }],
    resource: resources.get(service) ?? resourceFromAttributes({}),
    instrumentationScope: scopes[scope],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0
  }
}
const resources = new Map(
  ["a", 'b "spans":[ ]}]}'].map((service) => [service, resourceFromAttributes({ "service.name": service })])
)
const names = [...resources.keys()]
const spans = Array.from({ length: 6 }, (_, n) =>
  span(n, names[n % 2] ?? "", n > 3 ? "other" : "effect-codex")
)

describe("requests with one item each", () => {
  it("joined in JSON hold the same bytes, with resource and scope once", () => {
    const single = spans.map((one) => JsonTraceSerializer.serializeRequest([one]) ?? new Uint8Array())
    const joined = OtlpMerge.json(single).toString()
    const items = (texts: ReadonlyArray<string>) =>
      texts.flatMap((text) => {
        const parsed: { resourceSpans: Array<{ scopeSpans: Array<{ spans: Array<unknown> }> }> } =
          JSON.parse(text)
        return parsed.resourceSpans.flatMap((of) =>
          of.scopeSpans.flatMap((scope) => scope.spans.map((one) => JSON.stringify(one)))
        )
      })
    const before = items(single.map((bytes) => Buffer.from(bytes).toString()))
    assert.sameMembers([...items([joined])], before)
    for (const item of before) assert.include(joined, item)
    assert.strictEqual(joined.split('"resource":{').length - 1, 4)
    assert.strictEqual(JSON.parse(joined).resourceSpans.length, 4)
  })

  it("joined in JSON keep the schema URL of each, also below the same resource and scope", () => {
    const request = (name: string, schemaUrl: string) =>
      Buffer.from(
        `{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":"s"},"spans":[{"name":"${name}"}],"schemaUrl":"${schemaUrl}"}]}]}`
      )
    const joined = OtlpMerge.json([request("a", "one"), request("b", "two"), request("c", "one")]).toString()
    assert.deepStrictEqual(JSON.parse(joined), {
      resourceSpans: [
        {
          resource: {},
          scopeSpans: [{ scope: { name: "s" }, spans: [{ name: "a" }, { name: "c" }], schemaUrl: "one" }]
        },
        { resource: {}, scopeSpans: [{ scope: { name: "s" }, spans: [{ name: "b" }], schemaUrl: "two" }] }
      ]
    })
  })

  it("joined in protobuf equal the SDK's encoding of all items", () => {
    const same = spans.filter((_, n) => n % 2 === 0 && n <= 3)
    const encode = (some: Array<ReadableSpan>) =>
      ProtobufTraceSerializer.serializeRequest(some) ?? new Uint8Array()
    assert.deepEqual(OtlpMerge.protobuf(same.map((one) => encode([one]))), Buffer.from(encode(same)))
    const all = OtlpMerge.protobuf(spans.map((one) => encode([one])))
    assert.strictEqual(OtlpMerge.fieldsOf(all, 0, all.length).length, 4)
    assert.strictEqual(OtlpMerge.itemFields(all).length, 6)
  })
})

describe("H18 frames that begin inside each other", () => {
  const nested = (count: number) => {
    const size = 32
    const bytes = Buffer.alloc(count * size)
    const [frame = Buffer.alloc(size)] = frames
    for (let n = 0; n < count; n++) {
      frame.copy(bytes, n * size, 0, size)
      bytes.writeUInt32LE((count - n - 1) * size, n * size + 4)
    }
    return bytes
  }
  const millis = (bytes: Buffer) => cpuMillis(() => void RecordFrame.decodeAll(bytes, 0))

  it("H18 cost time in proportion to their bytes", () => {
    const budget = RecordFrame.budgetFor(nested(100_000))
    const before = budget.left
    assert.strictEqual(RecordFrame.scan(nested(100_000), 0, budget).found, undefined)
    assert.isAtLeast(budget.left, before - 4 * 100_000 * 32)
    // Every mark in 6.4 MB would have to read the rest of the file otherwise: over 600 GB.
    assert.isBelow(millis(nested(200_000)), 2000)
  })

  it("H18 do not hide the records before them", () => {
    const { records } = RecordFrame.decodeAll(Buffer.concat([bytes, nested(50_000)]), 0)
    assert.deepEqual(plain(records), plain(four))
  })
})

describe("an open span of a crashed process", () => {
  const endOf = (payload: Uint8Array) => {
    const bytes = Buffer.from(payload)
    const ends = OtlpMerge.itemFields(bytes).flatMap((item) =>
      OtlpMerge.fieldsOf(bytes, item.content, item.end)
        .filter(({ number }) => number === 8)
        .map(({ content }) => bytes.readBigUInt64LE(content))
    )
    return ends[0]
  }
  const endTime = 1_700_000_001_000_000_003n

  for (const kind of ["json", "protobuf"] as const)
    it(`ends with its process, but never before its own time: ${kind}`, () => {
      const serializer = kind === "json" ? JsonTraceSerializer : ProtobufTraceSerializer
      const payload = serializer.serializeRequest([span(3, "a")]) ?? new Uint8Array()
      const folder = mkdtempSync(join(tmpdir(), "open-spans-"))
      try {
        const path = join(folder, "open")
        writeFileSync(path, RecordFrame.encode({ kind, id: "0000000000000003", payload, time: 1 }))
        const read = (at: number) => {
          const [found] = OpenSpansFile.readCrashed(path, at)
          const bytes = found?.payload ?? new Uint8Array()
          return kind === "protobuf"
            ? endOf(bytes)
            : BigInt(/"endTimeUnixNano":"(\d+)"/.exec(Buffer.from(bytes).toString())?.[1] ?? 0)
        }
        assert.strictEqual(read(1_800_000_000_000), 1_800_000_000_000_000_000n)
        assert.strictEqual(read(1_600_000_000_000), endTime)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
})
