import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codex } from "../../src/Codex.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const message = (id: string, text: string, phase: Item.MessagePhase) =>
  M.item({
    type: "message",
    id,
    role: "assistant",
    phase,
    content: [{ type: "output_text", text, annotations: [] }]
  })
const steps = (first: string, second: string) => ({
  explanation: "because",
  plan: [
    { step: "look", status: first },
    { step: "change", status: second }
  ]
})
const proposal = "Let me plan.\n<proposed_plan>\n# Split it\n- types\n- code\n</proposed_plan>\n"
const modeOf = (request: M.RecordedRequest | undefined) =>
  [...JSON.stringify(request?.body["input"]).matchAll(/<collaboration_mode># ([^\\]+)/g)].at(-1)?.[1]

describe.concurrent("a turn of the real Codex", () => {
  test("has the agent's list of steps, and its final answer instead of its comments as the message", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(
          message("m1", "I look around.", "commentary"),
          M.call("update_plan", steps("in_progress", "pending"), { callId: "p1" })
        ),
        M.reply(
          message("m2", "It is done.", "final_answer"),
          message("m3", "I tidy up.", "commentary"),
          M.call("update_plan", steps("completed", "completed"), { callId: "p2" })
        ),
        M.reply(message("m4", "Half of it", "partial_answer"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ config: { "tools.update_plan": { enabled: true } } })
        const events = yield* Stream.runCollect(thread.stream("Do it"))
        const plans = events.flatMap((event) => (event._tag === "PlanUpdated" ? [event.plan] : []))
        assert.deepStrictEqual(plans[0], {
          steps: [
            { step: "look", status: "inProgress" },
            { step: "change", status: "pending" }
          ],
          explanation: "because"
        })
        const last = events.at(-1)
        assert.strictEqual(last?._tag, "TurnCompleted")
        if (last?._tag !== "TurnCompleted") return
        assert.deepStrictEqual(last.turn.plan, plans[1])
        assert.deepStrictEqual(
          last.turn.plan?.steps.map(({ status }) => status),
          ["completed", "completed"]
        )
        assert.strictEqual(last.turn.message, "It is done.")
        assert.deepStrictEqual(
          last.turn.items.flatMap((item) => (item._tag === "AgentMessage" ? [item.phase] : [])),
          ["commentary", "final_answer", "commentary", "partial_answer"]
        )
      }).pipe(Effect.provide(real.layer))
    }))

  test("proposes a plan in plan mode, and leaves the mode when the thread's option or another turn says so", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.text(proposal, { deltas: true })),
        M.reply(M.text("still planning")),
        M.reply(M.text("working")),
        M.reply(M.text("planning")),
        M.reply(M.text("working"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ mode: "plan" })
        const events = yield* Stream.runCollect(thread.stream("Split the module"))
        const deltas = events.flatMap((event) => (event._tag === "PlanDelta" ? [event.delta] : [])).join("")
        const completed = events.flatMap((event) =>
          event._tag === "ItemCompleted" && event.item._tag === "Plan" ? [event.item.text] : []
        )
        assert.deepStrictEqual(completed, ["# Split it\n- types\n- code\n"])
        assert.include(deltas, "- types")
        const last = events.at(-1)
        assert.isTrue(last?._tag === "TurnCompleted" && last.turn.modelCalls === 1)
        assert.isTrue(last?._tag === "TurnCompleted" && last.turn.message.startsWith("Let me plan."))

        yield* thread.run("Go on")
        yield* thread.run("Do it", { mode: "default", effort: "low" })
        // The second handle has a mode of its own.
        const other = yield* real.resume(thread.id, { mode: "plan" })
        yield* other.run("Plan again")
        yield* thread.run("Work again", { mode: "default" })
        const requests = yield* real.server.requests
        assert.deepStrictEqual(requests.map(modeOf), [
          "Plan Mode (Conversational)",
          "Plan Mode (Conversational)",
          "Collaboration Mode: Default",
          "Plan Mode (Conversational)",
          "Collaboration Mode: Default"
        ])
        assert.deepInclude(requests[2]?.body["reasoning"], { effort: "low" })
      }).pipe(Effect.provide(real.layer))
    }))
})

describe("a scripted plan", () => {
  it.effect("is in the events and in the turn", () =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread({ mode: "plan" })
      yield* Scripted.play([
        Scripted.plan(["look", { step: "change", status: "inProgress" }], { explanation: "because" }),
        Scripted.proposedPlan("# Split it"),
        Scripted.message("Done.")
      ])
      const { items, message, plan } = yield* thread.run("Split the module")
      assert.deepStrictEqual(plan, {
        steps: [
          { step: "look", status: "pending" },
          { step: "change", status: "inProgress" }
        ],
        explanation: "because"
      })
      assert.strictEqual(message, "Done.")
      assert.deepStrictEqual(items[0]?._tag === "Plan" ? items[0].text : "", "# Split it")
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )
})
