import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex } from "../../../src/Codex.ts"
import * as Scripted from "../../../src/testing/Scripted.ts"
import * as OutlivingTurns from "../../support/outlivingTurns.ts"

const toSteps = (steps: ReadonlyArray<OutlivingTurns.Step>) => [
  ...steps.map((step) => {
    switch (step._tag) {
      case "Command":
        return Scripted.command("echo x", {
          ...(step.asks === undefined ? {} : { approval: true }),
          ...(step.endless === undefined ? {} : { takes: "100 days" })
        })
      case "Tool":
        return Scripted.toolCall("lookup", {})
      case "Message":
        return Scripted.message(step.text)
    }
  }),
  Scripted.completed
]

describe("a scripted Codex behind a socket", () => {
  it.effect("shows programs of its turns what the real Codex shows", () =>
    Effect.gen(function* () {
      const scripted = yield* Scripted.Scripted
      yield* scripted.play(OutlivingTurns.script.flatMap(toSteps))
      const program = Layer.fresh(Codex.layer).pipe(
        Layer.provide(Layer.fresh(Scripted.layerClient)),
        Layer.provide(Layer.succeed(Scripted.Scripted, scripted))
      )
      const seen = yield* OutlivingTurns.observe({ program, options: {}, crash: scripted.crash })
      assert.deepStrictEqual(seen, OutlivingTurns.expected)
    }).pipe(Effect.provide(Scripted.layerSocket))
  )
})
