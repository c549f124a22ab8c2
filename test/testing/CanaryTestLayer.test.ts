/** A canary sees what the program logs under `TestLayer`, whichever of the two is outside. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { readFileSync } from "node:fs"
import { Codex } from "effect-codex"
import { Canary, Scripted, TestLayer } from "effect-codex/testing"

const turn = (planted: Canary.PlantedSecrets, log: (secret: string) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    yield* Scripted.play([Scripted.command(planted.command), Scripted.message(planted.message)])
    const thread = yield* (yield* Codex).startThread()
    const { message } = yield* thread.run(planted.prompt)
    yield* log(message)
  }).pipe(Effect.scoped)

const logs = (secret: string) => Effect.logInfo(secret)

it("is documented with the example that the tests run", () => {
  const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")
  const [, ...code] = read("examples/canary.test.ts").split("\n")
  assert.include(read("docs/canary.md"), code.join("\n"))
})

describe("a canary and TestLayer", () => {
  it.effect("find what the program logs, with the layer inside", () =>
    Effect.gen(function* () {
      const report = yield* Canary.run((planted) => Effect.provide(turn(planted, logs), TestLayer))
      assert.isTrue(report.exit._tag === "Success", String(report.exit))
      assert.deepStrictEqual(
        [...new Set(report.leaks.map(({ location }) => location))],
        ["message"],
        JSON.stringify(report.leaks)
      )
      assert.include(
        report.leaks.map(({ source }) => source),
        "logs"
      )
    })
  )

  it.effect("find what the program logs, with the layer outside", () =>
    Effect.gen(function* () {
      const report = yield* Effect.provide(
        Canary.run((planted) => turn(planted, logs)),
        TestLayer
      )
      assert.include(
        report.leaks.map(({ source }) => source),
        "logs"
      )
    })
  )

  it.effect("find a secret in a label of a metric, with the layer inside", () =>
    Effect.gen(function* () {
      const counted = (note: string) => Metric.update(Metric.withAttributes(Metric.counter("c"), { note }), 1)
      const report = yield* Canary.run((planted) => Effect.provide(turn(planted, counted), TestLayer))
      assert.deepStrictEqual(
        report.leaks.map(({ location, source }) => [location, source]),
        [["message", "metrics"]]
      )
    })
  )

  it.effect("find nothing in a program that logs nothing of it", () =>
    Effect.gen(function* () {
      const quiet = (planted: Canary.PlantedSecrets) => turn(planted, () => Effect.logInfo("done"))
      for (const report of [
        yield* Canary.run((planted) => Effect.provide(quiet(planted), TestLayer)),
        yield* Effect.provide(Canary.run(quiet), TestLayer)
      ]) {
        assert.isTrue(report.exit._tag === "Success", String(report.exit))
        assert.deepStrictEqual(report.leaks, [])
        assert.include(report.emitted["logs"], "done")
        assert.include(report.emitted["spans"], "invoke_agent")
      }
    })
  )
})
