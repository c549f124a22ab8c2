import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import {
  Approval,
  ContentCapture,
  Item,
  Logging,
  Metrics,
  OpenTelemetryInterop,
  Otlp,
  Redaction,
  Sampling,
  TailSampling,
  Telemetry,
  Tracer,
  Turn,
  UserHash
} from "effect-codex"
import manifest from "../../package.json" with { type: "json" }
import { document } from "../../scripts/rulesSchema.ts"
import { version } from "../../src/internal/version.ts"

const read = (file: string) => FileSystem.FileSystem.use((fs) => fs.readFileString(file))

const words = (tag: string, separator: string) =>
  tag.replace(/(?<!^)([A-Z])/g, `${separator}$1`).toLowerCase()

describe("the docs", () => {
  it.effect("list every event, item and kind of request that --json prints", () =>
    Effect.gen(function* () {
      const cli = yield* read("docs/cli.md")
      const events = Object.keys(Turn.TurnEvent.cases).filter((tag) => tag !== "TurnCompleted")
      for (const tag of events) assert.include(cli, `\`${words(tag, ".")}\``)
      for (const tag of Object.keys(Item.Item.cases)) assert.include(cli, `\`${words(tag, "_")}\``)
      for (const kind of Approval.RequestKind.literals) assert.include(cli, `\`${kind}\``)
      for (const status of Item.Status.literals) assert.include(cli, `\`${status}\``)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("contain the current schema of the rules file", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        JSON.parse(yield* read("docs/rules.schema.json")),
        JSON.parse(JSON.stringify(document()))
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("contain only valid example rules", () =>
    Effect.gen(function* () {
      const example =
        /## Rules[\s\S]*?```json[^\n]*\n([\s\S]*?)```/.exec(yield* read("docs/cli.md"))?.[1] ?? ""
      const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Approval.ApprovalRule)))
      assert.strictEqual((yield* decode(example)).length, 5)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("list exactly the telemetry settings that code can set", () =>
    Effect.gen(function* () {
      const text = yield* read("docs/settings.md")
      const section = text.slice(text.indexOf("## In code")).split("\n## ")[0] ?? ""
      const named = new Set(
        [...section.matchAll(/`([A-Z]\w+)\.(\w+)/g)].map(([, space, name]) => `${space}.${name}`)
      )
      const spaces = {
        ContentCapture,
        Logging,
        Metrics,
        OpenTelemetryInterop,
        Otlp,
        Redaction,
        Sampling,
        TailSampling,
        Telemetry,
        Tracer,
        UserHash
      }
      const there = Object.entries(spaces).flatMap(([space, module]) =>
        Object.keys(module).map((name) => `${space}.${name}`)
      )
      assert.deepStrictEqual([...named].filter((name) => !there.includes(name)).toSorted(), [])
      const internal = new Set(["Tracer.layer", "Metrics.layer", "Redaction.layerDefault"])
      const wanted = there.filter(
        (name) =>
          (/\.layer\w*$/.test(name) && !internal.has(name)) ||
          /^(UserHash|Metrics|Sampling|Tracer)\.(UserHashKey|Team|Enabled|Sampler|SpanLimits|Resource|ServiceName)$/.test(
            name
          )
      )
      assert.isAtLeast(wanted.length, 15)
      for (const name of wanted.filter((name) => name !== "Otlp.OtlpLayer"))
        assert.isTrue(named.has(name), name)
      assert.include(section, "`{ telemetry: false }`")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("name the version of package.json", () => assert.strictEqual(version, manifest.version))
})
