import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Captured from "../../src/testing/Captured.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import * as R from "./requests.ts"

const run = Effect.flatMap(Codex, (codex) =>
  Effect.flatMap(codex.startThread({ cwd: "/srv" }), (thread) => Stream.runCollect(thread.stream("go")))
).pipe(Effect.scoped)

describe("a turn that requests approval", () => {
  it.effect("has telemetry with the kind of the request and the source of the decision", () =>
    Effect.gen(function* () {
      yield* Scripted.play([...R.all.map((request) => Scripted.question(request)), Scripted.message("done")])
      yield* Effect.provide(run, Approval.layer(Approval.allow))
      const spans = yield* Captured.spans
      const decided = spans.flatMap(({ attributes, name }) =>
        name === "codex.approval"
          ? [[attributes["codex.approval.kind"], attributes["codex.approval.decision"]]]
          : []
      )
      assert.deepStrictEqual(decided, [
        ["command", "accept"],
        ["file_change", "accept"],
        ["permissions", "accept"],
        ["tool", "accept"],
        ["mcp", "accept"],
        ["mcp", "decline"],
        ["mcp", "accept"],
        ["user_input", "decline"],
        ["unknown", "decline"]
      ])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("gives the policy its thread and turn", () =>
    Effect.gen(function* () {
      const seen: Array<Approval.ApprovalContext> = []
      yield* Scripted.play([
        Scripted.question(R.command("ls")),
        Scripted.question(R.command("ls")),
        Scripted.message("done")
      ])
      yield* Scripted.play([Scripted.completed, Scripted.question(R.command("ls")), Scripted.message("done")])
      const policy: Approval.Policy = () =>
        Effect.flatMap(Approval.ApprovalContext, (asking) =>
          Effect.sync(() => (seen.push(asking), Approval.decline("no")))
        )
      yield* Effect.provideService(Effect.andThen(run, run), Approval.Current, policy)
      assert.deepStrictEqual(
        seen.map(({ threadId, turnId }) => `${threadId} ${turnId}`),
        ["thread_1 turn_1", "thread_1 turn_1", "thread_2 turn_2"]
      )
      assert.strictEqual(seen[0]?.session, seen[1]?.session)
      assert.notStrictEqual(seen[0]?.session, seen[2]?.session)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("F16 without an answer is declined at the timeout and continues", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("rm x", { approval: true }),
        Scripted.question(R.question("which"), { expect: ({ _tag }) => _tag === "Decline" }),
        Scripted.message("done")
      ])
      const fiber = yield* Effect.forkChild(
        Effect.provideService(
          run,
          Approval.Current,
          Approval.timeout(() => Effect.uninterruptible(Effect.never), "5 minutes")
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("9 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      const events = yield* Fiber.join(fiber)
      const decided = events.flatMap((event) =>
        event._tag === "ApprovalDecided" ? [[event.decision._tag, event.source, event.at]] : []
      )
      assert.deepStrictEqual(decided, [
        ["Decline", "timeout", 300_000],
        ["Decline", "timeout", 600_000]
      ])
      assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("does not use what another thread remembers", () =>
    Effect.gen(function* () {
      let asked = 0
      const policy = Approval.remember(() => Effect.sync(() => (asked++, Approval.acceptForSession)))
      for (let n = 0; n < 2; n++) {
        yield* Scripted.play([
          Scripted.command("touch x", { approval: true }),
          Scripted.command("touch x", { approval: true }),
          Scripted.completed
        ])
      }
      yield* Effect.provideService(Effect.andThen(run, run), Approval.Current, policy)
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(TestLayer))
  )
})
