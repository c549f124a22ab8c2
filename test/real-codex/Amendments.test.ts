import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Approval from "../../src/Approval.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const turn = [M.reply(M.shell("touch made", { escalate: "I need it" })), M.reply(M.text("done"))]

/** Runs the same command in two turns. Returns the requests, and the rules that Codex stored. */
const run = (decide: (request: Approval.ApprovalRequest) => Approval.ApprovalDecision) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const asked: Array<Approval.ApprovalRequest> = []
    const real = yield* Real.make([...turn, ...turn])
    const policy = Approval.layer((request) =>
      Effect.sync(() => {
        asked.push(request)
        return decide(request)
      })
    )
    yield* Effect.gen(function* () {
      const thread = yield* real.start()
      yield* thread.run("one")
      yield* thread.run("two")
    }).pipe(Effect.provide(real.layer.pipe(Layer.provideMerge(policy))))
    const rules = yield* Effect.orElseSucceed(
      fs.readFileString(`${real.env.CODEX_HOME}/rules/default.rules`),
      () => ""
    )
    return { asked, rules, ran: yield* real.exists("made") }
  })

describe.concurrent("a lasting approval of the real Codex", () => {
  test("is offered with the exact words, and holds for later commands only if the decision names it", () =>
    Effect.gen(function* () {
      const { asked, ran, rules } = yield* run((request) =>
        request._tag === "Command" && request.amendments?.[0] !== undefined
          ? Approval.acceptWithAmendment(request.amendments[0])
          : Approval.decline("nothing is offered")
      )
      assert.isTrue(ran)
      assert.lengthOf(asked, 1)
      const offered = asked[0]?._tag === "Command" ? asked[0].amendments : undefined
      assert.deepStrictEqual(offered, [{ _tag: "ExecPolicy", prefix: ["touch", "made"] }])
      assert.include(rules, '["touch", "made"]')
    }))

  test("is not granted by an acceptance, also for the session", () =>
    Effect.gen(function* () {
      for (const decision of [Approval.accept, Approval.acceptForSession]) {
        const { asked, ran, rules } = yield* run(() => decision)
        assert.isTrue(ran)
        assert.isAtLeast(asked.length, 1)
        assert.strictEqual(rules, "")
      }
    }))

  test("that Codex does not offer declines the request", () =>
    Effect.gen(function* () {
      const { ran, rules } = yield* run(() =>
        Approval.acceptWithAmendment({ _tag: "ExecPolicy", prefix: ["touch"] })
      )
      assert.isFalse(ran)
      assert.strictEqual(rules, "")
    }))
})
