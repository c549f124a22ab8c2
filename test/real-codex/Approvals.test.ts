import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const escalating = (...commands: ReadonlyArray<string>): ReadonlyArray<M.Reply> => [
  ...commands.map((command) => M.reply(M.shell(command, { escalate: "I need it" }))),
  M.reply(M.text("done"))
]
const statuses = (items: ReadonlyArray<Item.Item>) =>
  items.flatMap((item) =>
    item._tag === "CommandExecution" || item._tag === "FileChange" ? [item.status] : []
  )

/** A policy with one decision, and the requests it received. */
const answering = (...decisions: ReadonlyArray<Approval.ApprovalDecision>) => {
  const asked: Array<Approval.ApprovalRequest> = []
  const policy: Approval.Policy = (request) =>
    Effect.sync(() => decisions[asked.push(request) - 1] ?? Approval.decline("out of decisions"))
  return { asked, policy: Effect.provideService(Approval.Current, policy) }
}

describe.concurrent("nothing that needs approval runs before it is approved", () => {
  test("without a policy the request is declined, and the turn continues", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(escalating("touch made"))
      const turn = yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        Effect.provide(real.layer)
      )
      assert.isFalse(yield* real.exists("made"))
      assert.deepStrictEqual(statuses(turn.items), ["declined"])
      assert.deepInclude(turn, { message: "done", sideEffects: false })
    }))

  test("F27 the turn waits for the decision, and other threads do not", () =>
    Effect.gen(function* () {
      const real = yield* Real.make((request) =>
        request.lastUserText !== "ask"
          ? M.reply(M.text("quick"))
          : request.toolOutputs.length === 0
            ? M.reply(M.shell("touch made", { escalate: "I need it" }))
            : M.reply(M.text("done"))
      )
      const asked = yield* Deferred.make<void>()
      const answer = yield* Deferred.make<Approval.ApprovalDecision>()
      yield* Effect.gen(function* () {
        const [asking, other] = yield* Effect.all([real.start(), real.start()])
        const running = yield* Effect.forkScoped(asking.run("ask"), { startImmediately: true })
        yield* Deferred.await(asked)
        for (let n = 0; n < 5; n++) assert.strictEqual((yield* other.run("meanwhile")).message, "quick")
        assert.isFalse(yield* real.exists("made"))
        yield* Deferred.succeed(answer, Approval.accept)
        const turn = yield* Fiber.join(running)
        assert.isTrue(yield* real.exists("made"))
        assert.isAbove(turn.time.approvalMillis, 0)
        assert.deepStrictEqual(statuses(turn.items), ["completed"])
      }).pipe(
        Effect.provideService(Approval.Current, () =>
          Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))
        ),
        Effect.provide(real.layer)
      )
    }))

  test("a rule accepts its command and nothing added to it", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        escalating("touch made", "touch made2; touch made3", "touch made4 && true", "touch $(echo made5)")
      )
      const turn = yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        Effect.provide([
          Approval.layer(Approval.rules([{ command: ["touch", "**"], decision: "accept" }])),
          real.layer
        ])
      )
      assert.deepStrictEqual(statuses(turn.items), ["completed", "declined", "declined", "declined"])
      const made = yield* Effect.forEach(["made", "made2", "made3", "made4", "made5"], real.exists)
      assert.deepStrictEqual(made, [true, false, false, false, false])
    }))

  test('["npm", "test"] is not "npm test; touch x"', () =>
    Effect.gen(function* () {
      const real = yield* Real.make(escalating("npm test; touch x"))
      const turn = yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        Effect.provide([
          Approval.layer(Approval.rules([{ command: ["npm", "test"], decision: "accept" }])),
          real.layer
        ])
      )
      assert.deepStrictEqual(statuses(turn.items), ["declined"])
      assert.isFalse(yield* real.exists("x"))
    }))

  test("a patch outside the workspace is requested with its paths", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const outside = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-outside-" })
      const patch = (name: string) =>
        M.reply(M.patch(`*** Begin Patch\n*** Add File: ${outside}/${name}\n+text\n*** End Patch`))
      const real = yield* Real.make([patch("no"), patch("yes"), M.reply(M.text("done"))], {
        config: "[sandbox_workspace_write]\nexclude_slash_tmp = true\nexclude_tmpdir_env_var = true"
      })
      const { asked, policy } = answering(Approval.decline("no"), Approval.accept)
      const turn = yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        policy,
        Effect.provide(real.layer)
      )
      const paths = asked.map((request) =>
        request._tag === "FileChange" ? request.changes.map(({ path }) => path) : []
      )
      assert.deepStrictEqual(paths, [[`${outside}/no`], [`${outside}/yes`]])
      assert.deepStrictEqual(statuses(turn.items), ["declined", "completed"])
      assert.deepStrictEqual(
        [yield* real.exists(`${outside}/no`), yield* real.exists(`${outside}/yes`)],
        [false, true]
      )
    }))

  test("an accept for the session covers later requests, a plain accept does not", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(escalating("touch a", "touch a", "touch b", "touch b"))
      const { asked, policy } = answering(
        Approval.acceptForSession,
        Approval.accept,
        Approval.decline("enough")
      )
      const turn = yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        policy,
        Effect.provide(real.layer)
      )
      assert.deepStrictEqual(
        asked.map((request) => (request._tag === "Command" ? request.script : "")),
        ["touch a", "touch b", "touch b"]
      )
      assert.deepStrictEqual(statuses(turn.items), ["completed", "completed", "completed", "declined"])
    }))

  test("cancel ends the turn as interrupted by the policy, and the thread stays usable", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("touch made", { escalate: "x" })),
        M.reply(M.text("next"))
      ])
      const { policy } = answering(Approval.cancel)
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const error = yield* Effect.flip(thread.run("go"))
        assert.deepInclude(error, { _tag: "TurnInterrupted", by: "policy", threadId: thread.id })
        assert.isTrue(
          error._tag === "TurnInterrupted" &&
            error.turn?.items.some((item) => item._tag === "CommandExecution")
        )
        assert.strictEqual((yield* thread.run("next")).message, "next")
      }).pipe(policy, Effect.provide(real.layer))
      assert.isFalse(yield* real.exists("made"))
    }))

  test("the policy `untrusted` requests every command, and with `never` Codex itself refuses", () =>
    Effect.gen(function* () {
      const untrusted = yield* Real.make([M.reply(M.shell("touch made")), M.reply(M.text("done"))])
      const { asked, policy } = answering(Approval.decline("no"))
      yield* Effect.flatMap(untrusted.start({ approvalMode: "untrusted" }), (thread) =>
        thread.run("go")
      ).pipe(policy, Effect.provide(untrusted.layer))
      assert.lengthOf(asked, 1)
      assert.isFalse(yield* untrusted.exists("made"))
      const never = yield* Real.make(escalating("touch made"))
      const unasked = answering(Approval.accept)
      yield* Effect.flatMap(never.start({ approvalMode: "never" }), (thread) => thread.run("go")).pipe(
        unasked.policy,
        Effect.provide(never.layer)
      )
      assert.lengthOf(unasked.asked, 0)
      assert.isFalse(yield* never.exists("made"))
    }))

  test("a tool that needs approval goes to the policy with its arguments", () =>
    Effect.gen(function* () {
      const Deploy = Toolkit.make(
        Tool.make("deploy", {
          parameters: Schema.Struct({ to: Schema.String }),
          success: Schema.String,
          needsApproval: true
        })
      )
      const real = yield* Real.make([
        M.reply(M.call("deploy", { to: "production" })),
        M.reply(M.call("deploy", { to: "staging" })),
        M.reply(M.text("done"))
      ])
      const { asked, policy } = answering(Approval.decline("not on a Friday"), Approval.accept)
      const deployed: Array<string> = []
      const events = yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Deploy })
        return yield* Stream.runCollect(thread.stream("go"))
      }).pipe(
        Effect.provide(
          Deploy.toLayer({ deploy: ({ to }) => Effect.sync(() => (deployed.push(to), "deployed")) })
        ),
        policy,
        Effect.provide(real.layer)
      )
      assert.deepStrictEqual(deployed, ["staging"])
      assert.deepStrictEqual(
        asked.map((request) => (request._tag === "Tool" ? request.arguments : undefined)),
        [{ to: "production" }, { to: "staging" }]
      )
      const told = events.flatMap(({ _tag }) => (_tag.startsWith("Approval") ? [_tag] : []))
      assert.deepStrictEqual(told, [
        "ApprovalRequested",
        "ApprovalDecided",
        "ApprovalRequested",
        "ApprovalDecided"
      ])
      const [, , last] = yield* real.server.requests
      assert.deepStrictEqual(
        last?.toolOutputs.map(({ output }) => output),
        ["The call of deploy was declined.", "deployed"]
      )
    }))

  test("an interrupted request is declined, and nothing runs afterwards", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("touch made", { escalate: "x" })),
        M.reply(M.text("next"))
      ])
      const asked = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(running)
        assert.strictEqual((yield* thread.run("next")).message, "next")
      }).pipe(
        Effect.provideService(Approval.Current, () =>
          Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
        ),
        Effect.provide(real.layer)
      )
      assert.isFalse(yield* real.exists("made"))
      assert.lengthOf(yield* real.server.requests, 2)
    }))
})
