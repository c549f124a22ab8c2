import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Approval from "../../src/Approval.ts"
import * as ApprovalRequestHash from "../../src/domain/ApprovalRequestHash.ts"
import * as PendingRequests from "../../src/approval/PendingRequests.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import * as R from "./requests.ts"

const quiet = Effect.provide(Logger.layer([]))

describe("a decision", () => {
  it.effect("F20 is declined when the policy modifies the request before it returns its effect", () =>
    Effect.gen(function* () {
      const args = { to: "staging" }
      const decided = yield* decide(
        () => {
          args.to = "production"
          return Effect.succeed(Approval.accept)
        },
        R.tool("deploy", args)
      )
      assert.deepInclude(decided, { _tag: "Decline", source: "default" })
    }).pipe(quiet)
  )

  it.effect("is a decline when the policy fails and is interrupted at once", () =>
    Effect.gen(function* () {
      const cause = Cause.combine(Cause.fail("broken"), Cause.interrupt())
      const decided = yield* decide(() => Effect.failCause(cause), R.command("ls"))
      assert.deepInclude(decided, { _tag: "Decline", source: "default" })
    }).pipe(quiet)
  )

  it.effect("is a decline when one of two answers is not an option", () =>
    Effect.gen(function* () {
      const both = Approval.answer({ which: ["red", "green"] })
      const decided = yield* decide(() => Effect.succeed(both), R.question("which"))
      assert.isFalse(Approval.isGranted(decided))
    }).pipe(quiet)
  )

  it.effect("H02 is a decline when a number of an MCP call is too large to be shown exactly", () =>
    Effect.gen(function* () {
      // Codex sends 9007199254740993 to the server; here both numbers read as 9007199254740992.
      const call = (json: string) => R.mcpTool("bank", "pay", JSON.parse(json))
      for (const json of ['{"to":9007199254740993}', '{"to":[{"id":-90071992547409930}]}'])
        assert.deepInclude(yield* decide(Approval.allow, call(json)), { _tag: "Decline" })
      for (const json of ['{"to":9007199254740991}', '{"to":0.1}', '{"to":"9007199254740993"}', "null"])
        assert.deepInclude(yield* decide(Approval.allow, call(json)), { _tag: "Accept" })
    })
  )

  it.effect("is a decline for every request when no policy is provided", () =>
    Effect.gen(function* () {
      const policy = yield* Approval.Current
      for (const request of R.all)
        assert.deepInclude(yield* decide(policy, request), { _tag: "Decline", source: "default" })
    })
  )

  it.effect("comes from a policy that runs with the services of the run rather than those of its layer", () =>
    Effect.gen(function* () {
      const Place = Context.Reference<string>("test/Place", { defaultValue: () => "default" })
      const policy: Approval.Policy = () => Effect.map(Place, (place) => Approval.decline(place))
      const context = yield* Effect.scoped(Layer.build(Approval.layer(policy))).pipe(
        Effect.provideService(Place, "layer")
      )
      const current = Context.get(context, Approval.Current)
      const run = decide(current, R.command("ls")).pipe(Effect.provideService(Place, "run"))
      assert.deepInclude(yield* run, { reason: "run" })
      assert.deepInclude(yield* decide(current, R.command("ls")), { reason: "layer" })
    }).pipe(quiet)
  )
})

describe("a grant for similar commands", () => {
  it("does not cover a longer command when the accepted one has too few words", () => {
    const covers = Approval.sameCommand(2)
    assert.isFalse(covers(R.command("npm"), R.command("npm publish")))
    assert.isFalse(covers(R.command("npm test", { extra: true }), R.command("npm test")))
    assert.isTrue(covers(R.command("npm test"), R.command("npm test a")))
  })
})

describe("an answer to a pending request", () => {
  const request = R.command("ls")
  const entry = {
    id: "1",
    threadId: undefined,
    turnId: undefined,
    request,
    text: "",
    hash: ApprovalRequestHash.hash(request),
    at: 0
  }
  const state = PendingRequests.ask(PendingRequests.initial, entry)

  it("has no effect with another hash, not even an empty one", () => {
    for (const hash of ["", ApprovalRequestHash.hash(R.command("rm"))]) {
      const [next, refusal] = PendingRequests.answer(state, "1", Approval.accept, hash)
      assert.strictEqual(next, state)
      assert.deepInclude(refusal, { _tag: "ArgumentsChanged" })
    }
  })

  it("ends the request, and a second answer is refused", () => {
    const [next, refusal] = PendingRequests.answer(state, "1", Approval.accept, entry.hash)
    assert.isUndefined(refusal)
    const [, second] = PendingRequests.answer(next, "1", Approval.cancel, entry.hash)
    assert.deepInclude(second, { _tag: "AlreadyDecided", decided: "accept" })
  })
})
