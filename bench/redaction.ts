/**
 * What scrubbing costs: the CPU of one exported span of ordinary size with the usual rules, with rules of a program's own
 * on top, and with none at all. `node bench/redaction.ts [--quick] [--rounds N]`
 *
 * Spans are started and ended by hand and leave as OTLP JSON, so that the rest of what a span costs is there too. In
 * "ids" every value is a new one, as ids are; in "texts" each span has a command line of 120 characters and 2 kB of
 * JSON, as with content capture on. Medians of rounds in which all take turns.
 */
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Redaction, Tracer } from "../src/index.ts"
import * as Settings from "../src/telemetry/config/Settings.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(31, 5)
const warmUp = 5
const spansPerRound = 2000
const batch = 250

const nothing: Redaction.Redaction = {
  text: (text) => text,
  value: (value) => value,
  attributes: (attributes) => attributes,
  span: (span) => span
}

const environment = {
  HOME: "/home/ada",
  GITHUB_TOKEN: "plain-looking-value",
  SHOP_PASSWORD: "hunter2-of-the-shop"
}

let made = 0
const id = (prefix: string) => `${prefix}_${(++made).toString(16).padStart(16, "0")}`

const ids = () => ({
  "gen_ai.operation.name": "execute_tool",
  "gen_ai.tool.name": "exec_command",
  "gen_ai.tool.type": "function",
  "gen_ai.tool.call.id": id("call"),
  "gen_ai.conversation.id": "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8",
  "codex.turn.id": "019a2b3c-4d5e-7f60-8192-000000000001",
  "codex.originator": "sdk",
  "process.exit.code": 0
})

const texts = () => ({
  ...ids(),
  "process.command_line": `npm run test -- --reporter dot --filter ${id("case")} ${"src/some/file.ts ".repeat(5)}`,
  "gen_ai.tool.call.result": JSON.stringify({
    id: id("result"),
    items: Array.from({ length: 20 }, (_, n) => ({
      n,
      path: `/home/ada/project/file${n}.ts`,
      note: "x".repeat(50)
    }))
  })
})

interface Subject {
  readonly name: string
  readonly round: () => Promise<void>
  readonly exported: () => number
}

const subject = Effect.fnUntraced(function* (
  name: string,
  attributesOf: () => Readonly<Record<string, string | number>>,
  layer: Layer.Layer<never>
) {
  let exported = 0
  let waiting: Array<ReadableSpan> = []
  const send = () => {
    JsonTraceSerializer.serializeRequest(waiting)
    exported += waiting.length
    waiting = []
  }
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (span) => {
      waiting.push(span)
      if (waiting.length === batch) send()
    },
    forceFlush: async () => {},
    shutdown: async () => {}
  }
  const services = yield* Layer.buildWithMemoMap(
    Tracer.layerProcessor(Effect.succeed(processor)).pipe(
      Layer.provide(layer),
      Layer.provide(Layer.succeed(Settings.Environment, environment))
    ),
    Layer.makeMemoMapUnsafe(),
    yield* Effect.scope
  )
  const [tracer, clock] = yield* Effect.provideContext(Effect.all([Effect.tracer, Clock.Clock]), services)
  const made: Subject = {
    name,
    exported: () => exported,
    round: async () => {
      for (let at = 0; at < spansPerRound; at++) {
        const span = tracer.span({
          name: "execute_tool exec_command",
          kind: "internal",
          parent: Option.none(),
          annotations: Context.empty(),
          links: [],
          startTime: clock.currentTimeNanosUnsafe(),
          root: false,
          sampled: true
        })
        const attributes = attributesOf()
        for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
        span.end(clock.currentTimeNanosUnsafe(), Exit.void)
      }
    }
  }
  return made
})

const compare = Effect.fnUntraced(function* (
  kind: string,
  attributesOf: () => Readonly<Record<string, string | number>>
) {
  const rules = [/\bCUST-\d{8}\b/, "a text that must not be seen"]
  const subjects = [
    yield* subject("no redaction", attributesOf, Layer.succeed(Redaction.Current, nothing)),
    yield* subject("the usual rules", attributesOf, Layer.empty),
    yield* subject("two more rules", attributesOf, Redaction.layer({ rules }))
  ]
  const costs = subjects.map((): Array<number> => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (const [at, { round: run }] of subjects.entries()) {
      const cpu = yield* Effect.promise(() => Report.cpuOf(run))
      if (round >= 0) costs[at]?.push((cpu * 1000) / spansPerRound)
    }
  }
  const expected = spansPerRound * (rounds + warmUp)
  for (const { exported, name } of subjects) {
    if (exported() !== expected)
      return yield* Effect.die(new Error(`${name}: ${exported()} of ${expected} spans`))
  }
  const [without = []] = costs
  return subjects.flatMap(({ name }, at): ReadonlyArray<Report.Row> => {
    const cost = costs[at] ?? []
    const row: Report.Row = { name: `${kind}, ${name}`, unit: "us", ...Report.quartilesOf(cost) }
    return at === 0
      ? [row]
      : [
          row,
          { name: `${kind}, ${name} / none`, unit: "x", ...Report.quartilesOf(Report.ratios(cost, without)) }
        ]
  })
})

const program = Effect.gen(function* () {
  Report.finish([...(yield* compare("ids", ids)), ...(yield* compare("texts", texts))])
}).pipe(Effect.scoped)

await Effect.runPromise(program)
