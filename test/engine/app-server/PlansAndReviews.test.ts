/** Lists of steps and reviews of a Codex that changes its mind, or whose model answers with something unreadable. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Review from "../../../src/domain/Review.ts"
import { test } from "../../support/live.ts"
import * as Fake from "../../support/fakeCodex.ts"

const plan = (steps: unknown, explanation?: unknown) =>
  Fake.ofTurn("turn/plan/updated", { plan: steps, ...(explanation === undefined ? {} : { explanation }) })
const step = (name: string, status = "pending") => ({ step: name, status })

describe.concurrent("the list of steps of a turn", () => {
  test("is the last one that can be read, also if it shrinks, repeats itself or becomes empty", () =>
    Effect.gen(function* () {
      const three = [step("a"), step("b"), step("c")]
      const one = [step("b", "inProgress")]
      const broken = [
        plan(null),
        plan("done"),
        plan([{ step: 7, status: "pending" }]),
        plan([step("x"), null])
      ]
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            Fake.turn(
              "done",
              plan(three, "because"),
              plan(one),
              plan(one),
              ...broken,
              plan([step("d", "skipped")])
            ),
            Fake.turn("done", plan(three), plan([])),
            Fake.turn("done", plan(one), ...broken)
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const events = yield* Stream.runCollect(thread.stream("go"))
        const b = { steps: [{ step: "b", status: "inProgress" }] }
        // A state that this version does not know counts as not begun.
        const d = { steps: [{ step: "d", status: "pending" }] }
        assert.deepStrictEqual<ReadonlyArray<unknown>>(
          events.flatMap((event) => (event._tag === "PlanUpdated" ? [event.plan] : [])),
          [{ steps: three, explanation: "because" }, b, b, d]
        )
        assert.strictEqual(events.filter(({ _tag }) => _tag === "Unknown").length, broken.length)
        const last = events.at(-1)
        assert.deepStrictEqual<unknown>(last?._tag === "TurnCompleted" ? last.turn.plan : undefined, d)
        assert.deepStrictEqual((yield* thread.run("go")).plan, { steps: [] })
        assert.deepStrictEqual<unknown>((yield* thread.run("go")).plan, b)
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a review whose findings cannot be read", () => {
  test("fails as OutputInvalid with the text of the model, and keeps that text in its item", () =>
    Effect.gen(function* () {
      const texts = [
        '{"findings": [{"title": "Close the file"}], "overall_explanation": "A leak."}',
        "A leak.\n\nFull review comments:\n\n- [P1] Close the file, somewhere\n  It stays open."
      ]
      const shown = (text: string) =>
        [
          ["enteredReviewMode", "current changes"],
          ["exitedReviewMode", text]
        ].map(([type, review]) => Fake.ofTurn("item/completed", { item: { type, id: type, review } }))
      const fake = yield* Fake.make({
        on: {
          "review/start": texts.map((text) => [
            { reply: { turn: { id: "$turn", status: "inProgress" }, reviewThreadId: "$thread" } },
            Fake.started,
            ...shown(text),
            Fake.said(text),
            Fake.ended()
          ])
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        for (const text of texts) {
          const error = yield* Effect.flip(thread.review({ target: Review.uncommitted }))
          assert.strictEqual(error._tag, "OutputInvalid")
          assert.strictEqual(error._tag === "OutputInvalid" ? error.output : undefined, text)
          const item = error.turn?.items.find(({ _tag }) => _tag === "ExitedReviewMode")
          assert.deepInclude(item, { text })
          assert.notProperty(item, "review")
        }
      }).pipe(Effect.provide(fake.layer()))
    }))
})
