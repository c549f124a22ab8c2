/** docs/telemetry.md equals the generated page, and turns emit what it describes. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { CodexError } from "effect-codex"
import { type Attribute, attributes, type ValueType } from "../../scripts/catalogue/attributes.ts"
import { errors } from "../../scripts/catalogue/errors.ts"
import { difference } from "../../scripts/catalogue/markdown.ts"
import { instrumentOf, type Metric, metrics, nameOf } from "../../scripts/catalogue/metrics.ts"
import { annotatedAttributes, levels, records, idFields } from "../../scripts/catalogue/records.ts"
import { type AttributePresence, events, type Span, spans } from "../../scripts/catalogue/spans.ts"
import { document, file } from "../../scripts/telemetryDocs.ts"
import * as Convention from "../../src/semconv/Convention.ts"
import * as Instruments from "../../src/semconv/Instruments.ts"
import { type Emitted, emitted } from "../support/everything.ts"

const keyOf = new Map<string, string>(
  [...Object.entries(Convention.attribute), ...Object.entries(Convention.v1_41.attribute)].map(
    ([key, name]) => [name, key]
  )
)

const isSpan: { readonly [Key in Span]: (span: Emitted["spans"][number]) => boolean } = {
  run: ({ name }) => name === Convention.span.run,
  engineStart: ({ name }) => name === Convention.span.engineStart,
  threadStart: ({ name }) => name === Convention.span.threadStart,
  threadResume: ({ name }) => name === Convention.span.threadResume,
  threadFork: ({ name }) => name === Convention.span.threadFork,
  listThreads: ({ name }) => name === Convention.span.listThreads,
  readThread: ({ name }) => name === Convention.span.readThread,
  renameThread: ({ name }) => name === Convention.span.renameThread,
  archiveThread: ({ name }) => name === Convention.span.archiveThread,
  unarchiveThread: ({ name }) => name === Convention.span.unarchiveThread,
  deleteThread: ({ name }) => name === Convention.span.deleteThread,
  listModels: ({ name }) => name === Convention.span.listModels,
  request: ({ name }) => name === Convention.span.request,
  invokeAgent: ({ name }) => name === Convention.span.invokeAgent(Convention.agent),
  chat: ({ attributes: has, name }) => name === Convention.span.chat(String(has["gen_ai.request.model"])),
  executeTool: ({ attributes: has, name }) =>
    name === Convention.span.executeTool(String(has["gen_ai.tool.name"])),
  command: ({ attributes: has, name }) => name === has["process.executable.name"],
  approval: ({ name }) => name === Convention.span.approval,
  retry: ({ name }) => name === Convention.span.retry,
  compaction: ({ name }) => name === Convention.span.compaction,
  exec: ({ name }) => name === Convention.span.exec,
  durableSubmit: ({ name }) => name === Convention.span.durableSubmit,
  durableRun: ({ name }) => name === Convention.span.durableRun,
  durableApproval: ({ name }) => name === Convention.span.durableApproval,
  hostStart: ({ name }) => name === Convention.span.hostStart,
  hostAttach: ({ name }) => name === Convention.span.hostAttach,
  hostDrain: ({ name }) => name === Convention.span.hostDrain,
  hostStop: ({ name }) => name === Convention.span.hostStop,
  attachmentStage: ({ name }) => name === Convention.span.attachmentStage,
  attachmentCleanup: ({ name }) => name === Convention.span.attachmentCleanup
}

const hasType: { readonly [Type in ValueType]: (value: unknown) => boolean } = {
  string: (value) => typeof value === "string",
  "string[]": (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  int: (value) => Number.isSafeInteger(value),
  double: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean"
}

const typeOf = new Map<string, ValueType>(Object.entries(attributes).map(([key, { type }]) => [key, type]))

/** What is wrong with attributes that were emitted, by the catalogue; what was seen is noted in `seen`. */
const complaints = (
  on: string,
  given: AttributePresence,
  has: Readonly<Record<string, unknown>>,
  seen: Set<string>,
  isText = false
): ReadonlyArray<string> => {
  const found = new Map(Object.entries(has).map(([name, value]) => [keyOf.get(name) ?? name, value]))
  for (const key of found.keys()) seen.add(`${on} ${key}`)
  const listed = new Map<string, string>(Object.entries(given))
  return [
    ...[...found.keys()]
      .filter((key) => !listed.has(key))
      .map((key) => `${on} has ${key}, which is not listed`),
    ...[...listed]
      .filter(([key, there]) => there.startsWith("always") && !found.has(key))
      .map(([key]) => `${on} has no ${key}`),
    ...[...found]
      .filter(
        ([key, value]) => !(isText ? hasType.string(value) : hasType[typeOf.get(key) ?? "string"](value))
      )
      .map(([key, value]) => `${on}: ${key} is ${JSON.stringify(value)}, no ${typeOf.get(key)}`)
  ]
}

const unseen = (on: string, given: AttributePresence, seen: ReadonlySet<string>): ReadonlyArray<string> =>
  Object.keys(given)
    .map((key) => `${on} ${key}`)
    .filter((pair) => !seen.has(pair))

const keys = <K extends string>(record: { readonly [Key in K]: unknown }): ReadonlyArray<K> => {
  const own: Array<K> = []
  for (const key in record) own.push(key)
  return own
}

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(texts)].toSorted()

// An incomplete span needs an exporter that closes around it, and the command line reports no defect of a program.
const closing = new Set<Attribute>(["incomplete", "measured", "samplingReason", "samplingShare"])
const without = (given: AttributePresence, left: ReadonlySet<string>): AttributePresence =>
  Object.fromEntries(Object.entries(given).filter(([key]) => !left.has(key)))

describe("docs/telemetry.md", () => {
  it.effect("equals the output of the generator", () =>
    Effect.gen(function* () {
      const found = yield* FileSystem.FileSystem.use((fs) => fs.readFileString(file))
      if (found !== document())
        assert.fail(`run \`node scripts/telemetryDocs.ts\`\n${difference(found, document())}`)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("shows a difference by its line", () => {
    assert.strictEqual(difference("a\nb\nc\nd", "a\nB\nc\nd"), "line 2\n- b\n- c\n- d\n+ B\n+ c\n+ d")
    assert.strictEqual(difference("a\nb", "a"), "line 2\n- b")
    assert.strictEqual(difference("a", "a\nb"), "line 2\n+ b")
    assert.strictEqual(difference("| a   |\n| --- |", "| a    |\n| ---- |\n| long |"), "line 3\n+ | long |")
    assert.strictEqual(difference("| a |", "| a  |"), "only the alignment of columns differs")
  })

  it("explains for every metric what a bad value means and what to do", () => {
    const text = document()
    for (const key of keys(metrics)) {
      const { bad, then } = metrics[key]
      assert.isDefined(instrumentOf(key), key)
      assert.isAbove(Math.min(bad.length, then.length), 20, key)
      assert.include(text, `- A bad value: ${bad}`, key)
      assert.include(text, `- What next: ${then}`, key)
    }
    const catalogued = new Set([...keys(metrics).map(nameOf), ...Object.values(Convention.v1_41.metric)])
    for (const { name } of Instruments.all) assert.isTrue(catalogued.has(name), name)
  })

  it("has an error.type for every error, and no other", () => {
    for (const [type, { error }] of Object.entries(errors)) assert.strictEqual(error.errorType, type)
    const tags = new Set(Object.values(errors).map(({ error }) => error._tag))
    assert.deepStrictEqual(
      [...tags].toSorted(),
      CodexError.CodexError.members
        .map((member) => ("to" in member ? member.to : member).fields._tag.schema.literal)
        .toSorted()
    )
  })
})

describe("the telemetry catalogue", () => {
  it.live("lists everything that turns emit", () =>
    Effect.gen(function* () {
      const all = yield* emitted("latest")
      const old = yield* emitted("1.41")
      const wrong: Array<string> = []
      const seen = new Set<string>()
      for (const span of [...all.spans, ...old.spans]) {
        const key = keys(isSpan).find((key) => isSpan[key](span))
        if (key === undefined) {
          wrong.push(`the span ${span.name} is not listed`)
          continue
        }
        const entry = spans[key]
        if (entry.kind !== span.kind) wrong.push(`${key} is ${span.kind}`)
        if ((span.status === "error") !== "error.type" in span.attributes)
          wrong.push(`${key}: ${span.status}`)
        wrong.push(...complaints(key, entry.attributes, span.attributes, seen))
        for (const { attributes: has, name } of span.events) {
          const event = keys(events).find((event) => Convention.event[event] === name)
          if (event === undefined || !(entry.events ?? []).includes(event))
            wrong.push(`${key} has the event ${name}`)
          else wrong.push(...complaints(event, events[event].attributes, has, seen))
          seen.add(`${key} event ${event}`)
        }
      }
      for (const { fields } of [...all.contents, ...old.contents]) {
        const has = Object.fromEntries(fields.map(({ key, value }) => [key, value]))
        wrong.push(...complaints("inferenceDetails", events.inferenceDetails.attributes, has, seen))
      }
      for (const series of [...all.metrics, ...old.metrics]) {
        const key = keys(metrics).find((key) => nameOf(key) === series.id || oldNames[key] === series.id)
        if (key === undefined) wrong.push(`the metric ${series.id} is not listed`)
        else
          wrong.push(
            ...complaints(`metric ${key}`, metrics[key].attributes, series.attributes ?? {}, seen, true)
          )
      }
      assert.deepStrictEqual(unique(wrong), [])
      assert.deepStrictEqual(
        unique([
          ...keys(spans).flatMap((key) => unseen(key, without(spans[key].attributes, closing), seen)),
          ...keys(spans).flatMap((key) =>
            (spans[key].events ?? [])
              .map((event) => `${key} event ${event}`)
              .filter((pair) => !seen.has(pair))
          ),
          ...keys(events).flatMap((key) => unseen(key, events[key].attributes, seen)),
          ...keys(metrics)
            .filter((key) => metrics[key].reserved === undefined)
            .flatMap((key) => unseen(`metric ${key}`, metrics[key].attributes, seen))
        ]),
        []
      )
    })
  )

  it.live("describes the log record of every signal", () =>
    Effect.gen(function* () {
      const { records: told } = yield* emitted("latest")
      const wrong: Array<string> = []
      const seen = new Set<string>()
      for (const [tag, { event = "", fields, level }] of told) {
        const { fields: listed, stages, subjects } = records[tag]
        const found = subjects.flatMap((subject) =>
          stages
            .filter((stage) => event === `codex.${subject}.${stage}`)
            .map((stage) => [subject, stage] as const)
        )
        const [pair] = found
        if (pair === undefined) wrong.push(`${tag} is told as ${event}`)
        else if (level !== levels[pair[1]]) wrong.push(`${event} is ${level}`)
        seen.add(`${tag} ${event}`)
        const names = new Map<string, string>([
          ...Object.entries(listed),
          ...Object.entries(idFields),
          ...annotatedAttributes.map((key) => [Convention.attribute[key], key] as const)
        ])
        for (const { key, name } of fields) {
          seen.add(`${tag} ${name}`)
          if (names.get(name) !== keyOf.get(key)) wrong.push(`${event} has ${name}, which is ${key}`)
        }
        if (!fields.some(({ key }) => key === Convention.attribute.originator))
          wrong.push(`${event}: no originator`)
      }
      assert.deepStrictEqual(unique(wrong), [])
      assert.deepStrictEqual(
        keys(records)
          .filter((tag) => records[tag].reserved === undefined)
          .flatMap((tag) => [
            ...records[tag].subjects
              .flatMap((subject) => records[tag].stages.map((stage) => `${tag} codex.${subject}.${stage}`))
              .filter((pair) => !seen.has(pair)),
            ...Object.keys(records[tag].fields)
              .map((name) => `${tag} ${name}`)
              .filter((pair) => !seen.has(pair))
          ]),
        []
      )
    })
  )

  it.live("marks as reserved exactly the names that nothing emits", () =>
    Effect.gen(function* () {
      const { metrics: touched, records: told, spans: ended } = yield* emitted("latest")
      const names = new Set(ended.flatMap((span) => Object.keys(span.attributes)))
      for (const [key, { reserved }] of Object.entries(attributes)) {
        const used = names.has(keyName(key))
        if (reserved !== undefined) assert.isFalse(used, key)
      }
      for (const [tag] of told)
        assert.isUndefined(records[tag].reserved, `${tag} is told: take the mark away`)
      const ids = new Set(touched.map(({ id }) => id))
      for (const key of keys(metrics)) {
        if (key !== "tokenUsage")
          assert.strictEqual(ids.has(nameOf(key)), metrics[key].reserved === undefined, key)
      }
    })
  )
})

const oldNames: Readonly<Partial<Record<Metric, string>>> = Convention.v1_41.metric

const keyName = (key: string): string => [...keyOf].find(([, found]) => found === key)?.[0] ?? key
