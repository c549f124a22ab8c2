import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as M from "../../src/testing/ModelServer.ts"
import * as Responses from "../../src/testing/model-server/responses.ts"
import { test } from "../support/live.ts"
import { isSoak } from "../support/soak.ts"
import * as Real from "../support/realEngine.ts"

const Pay = Toolkit.make(
  Tool.make("pay", {
    parameters: Schema.Struct({ to: Schema.String, cents: Schema.Finite }),
    success: Schema.String
  })
)
const args = { to: 'a "b" {}', cents: 12345 }

/** The whole reply to a prompt, all of one length; and where in it the event that holds the call begins and ends. */
const whole = (prompt: string) => M.reply(M.call("pay", args, { callId: `c${prompt.padStart(4, "0")}` }))
const frames = (reply: M.Reply) =>
  reply._tag === "Stream" ? Responses.encode(reply.steps, { response: 1, nextCall: () => "" }) : []
const bytes = Buffer.concat(
  frames(whole("0")).map((frame) => (frame._tag === "Write" ? frame.data : Buffer.of()))
)
const begins = bytes.indexOf("event: response.output_item.done")
const ends = bytes.indexOf("event: response.completed")

/** Every byte at both ends of the call, every fifth between them (in a soak: every byte), and some bytes around the call. */
const cuts = Array.from({ length: bytes.length }, (_, at) => at).filter((at) => {
  if (at < begins || at > ends) return at % 20 === 0
  return isSoak || at % 5 === 0 || at - begins < 10 || ends - at < 40
})

const retries = (count: number) =>
  `model_providers.mock.stream_max_retries = ${count}\nmodel_providers.mock.request_max_retries = 0`

const play = Effect.fnUntraced(function* (script: M.Script, config: string) {
  const real = yield* Real.make(script, { config })
  /** What ran, by the id of its call. */
  const ran = new Map<string, Array<unknown>>()
  const pay = (given: unknown, { toolCallId = "" }: { readonly toolCallId?: string | undefined }) =>
    Effect.sync(() => (ran.set(toolCallId, [...(ran.get(toolCallId) ?? []), given]), "ok"))
  const run = Effect.fnUntraced(
    function* (cut: number) {
      const thread = yield* real.start({ tools: yield* Pay })
      return yield* Effect.result(thread.run(String(cut)))
    },
    Effect.scoped,
    Effect.provide(Pay.toLayer({ pay }))
  )
  return { ran, layer: real.layer, run, server: real.server }
})

describe("F29 a stream that is cut", () => {
  test(
    "F29 at any byte of a call runs it whole or not at all, and the turn that fails says that it ran",
    () =>
      Effect.gen(function* () {
        assert.isAbove(begins, 0)
        assert.isAbove(ends, begins + 200)
        const { layer, ran, run } = yield* play(
          ({ lastUserText, toolOutputs }) =>
            toolOutputs.length > 0
              ? M.reply(M.text("paid"))
              : M.truncate(whole(lastUserText), Number(lastUserText)),
          retries(0)
        )
        const results = yield* Effect.forEach(cuts, run, { concurrency: 8 }).pipe(Effect.provide(layer))
        for (const [index, cut] of cuts.entries()) {
          const result = results[index]
          const given = ran.get(`c${String(cut).padStart(4, "0")}`) ?? []
          // A blank line ends the event.
          if (cut < ends - 1) assert.deepStrictEqual(given, [], `cut at ${cut} of ${ends}`)
          else assert.include(["[]", JSON.stringify([args])], JSON.stringify(given))
          assert.strictEqual(result?._tag, "Failure", `cut at ${cut}`)
          if (result?._tag !== "Failure") continue
          assert.strictEqual(result.failure._tag, "TurnFailed")
          if ("turn" in result.failure) {
            assert.strictEqual(result.failure.turn?.sideEffects, given.length > 0, `cut at ${cut}`)
          }
        }
        assert.isAbove(ran.size, 0, "a call that arrives whole runs")
      }),
    120_000
  )

  test("F29 after a call, and retried, runs the call once", () =>
    Effect.gen(function* () {
      const { layer, ran, run, server } = yield* play(
        ({ index, toolOutputs }) =>
          toolOutputs.length > 0
            ? M.reply(M.text("paid"))
            : index === 0
              ? M.truncate(whole("1"), ends + 30)
              : M.reply(M.text("not again")),
        retries(3)
      )
      const result = yield* run(1).pipe(Effect.provide(layer))
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual([...ran], [["c0001", [args]]])
      const [, second] = yield* server.requests
      assert.deepStrictEqual(
        second?.toolOutputs.map(({ output }) => output),
        ["ok"]
      )
    }))

  test("F29 in the middle of a call, and retried, runs the call once", () =>
    Effect.gen(function* () {
      const { layer, ran, run } = yield* play(
        ({ index, toolOutputs }) =>
          toolOutputs.length > 0
            ? M.reply(M.text("paid"))
            : index < 2
              ? M.truncate(whole("1"), ends - 20 - index)
              : whole("1"),
        retries(3)
      )
      const result = yield* run(1).pipe(Effect.provide(layer))
      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual([...ran], [["c0001", [args]]])
    }))
})
