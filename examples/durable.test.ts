/** Tests a durable program over a crash of its worker, without a process or a model, in virtual time. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Approval } from "effect-codex"
import { Durable } from "effect-codex/durable"
import { DurableTest, Scripted } from "effect-codex/testing"

it.effect("pushes the release once, although the worker dies while the approval waits", () =>
  Effect.gen(function* () {
    yield* Scripted.play([
      Scripted.command("git push --tags", { approval: true }),
      Scripted.message("Pushed.")
    ])
    const { approvals, await: outcome, submit } = yield* Durable
    yield* submit("Push release 2.0.0", { key: "release-2.0.0" })
    yield* Durable.crash("approval-waits")
    const [request] = yield* approvals.list()
    assert.isDefined(request)
    yield* approvals.answer(request.id, { decision: Approval.accept, hash: request.hash }, "ada@example.com")
    assert.strictEqual((yield* outcome("release-2.0.0")).message, "Pushed.")
    assert.deepStrictEqual(yield* Scripted.inputs, ["Push release 2.0.0"])
  }).pipe(Effect.provide(DurableTest.layer()))
)
