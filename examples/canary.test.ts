/** Searches everything that a program emits for planted secrets. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Codex } from "effect-codex"
import { Canary, Scripted, TestLayer } from "effect-codex/testing"

// The program under test: your own code.
const summarise = (prompt: string) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    const turn = yield* thread.run(prompt)
    yield* Effect.logInfo("summarised", { characters: turn.message.length })
    return turn.message
  }).pipe(Effect.scoped)

it.effect("leaks nothing", () =>
  Canary.check((planted) =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command(planted.command, { output: planted.output }),
        Scripted.message(planted.message)
      ])
      assert.strictEqual(yield* summarise(planted.prompt), planted.message)
    }).pipe(Effect.provide(TestLayer))
  )
)
