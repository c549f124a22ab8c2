/** Tests a program that uses Codex, without a process or a model, in virtual time. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Approval, Codex } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

const release = Effect.fn("release")(function* (version: string) {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ sandbox: "workspace-write", source: "release" })
  const turn = yield* thread.run(`Release ${version}`)
  return turn.message
}, Effect.scoped)

it.effect("does not push a release without an approval", () =>
  Effect.gen(function* () {
    yield* Scripted.play([
      Scripted.command("npm version 2.0.0"),
      Scripted.command("git push --tags", { approval: true }),
      Scripted.message("Tagged, but not pushed.")
    ])
    assert.strictEqual(yield* release("2.0.0"), "Tagged, but not pushed.")
    const approval = yield* Captured.span("codex.approval")
    assert.strictEqual(approval.attributes["codex.approval.decision"], "decline")
  }).pipe(Effect.provide([TestLayer, Approval.layer(Approval.deny)]))
)
