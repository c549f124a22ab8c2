import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Prices from "../../src/domain/Prices.ts"
import * as Retry from "../../src/domain/Retry.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const noRetries = "model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = 0"
const price = { input: 1000, cachedInput: 100, output: 5000 }

/** Runs an effect, and returns the cost of each model call and of each turn in its spans, in the order of their ends. */
const costsIn = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const memory = yield* InMemorySpans.make
    yield* Effect.provide(effect, Tracer.layerProcessor(Effect.succeed(memory.processor)))
    const costs = (name: string, spans: Effect.Success<typeof memory.spans>) =>
      spans.flatMap(({ attributes }) => attributes[name] ?? [])
    const spans = yield* memory.spans
    return {
      calls: costs("codex.model_call.cost_usd", spans),
      turns: costs("codex.turn.cost_usd", spans)
    }
  })

describe.concurrent("the cost of the real Codex", () => {
  test("is that of each model request, and ends the turn that exceeds its budget", () =>
    Effect.gen(function* () {
      const usage = M.usage({ input: 1000, cachedInput: 400, output: 100 })
      const real = yield* Real.make([
        M.reply(M.shell("true"), usage),
        M.reply(M.text("fine"), usage),
        M.reply(M.shell("true"), usage)
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const costs = yield* costsIn(
          Effect.gen(function* () {
            const turn = yield* thread.run("go", { budget: { usd: 2.28 } })
            assert.strictEqual(turn.cost, 2.28)
            assert.strictEqual(turn.context?.used, 1100)
            assert.isAbove(turn.context?.size ?? 0, 100_000)
          })
        )
        assert.deepStrictEqual(costs, { calls: [1.14, 1.14], turns: [2.28] })
        const error = yield* Effect.flip(thread.run("more", { budget: { usd: 1 } }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Cost", scope: "turn", used: 1.14 })
        assert.strictEqual((yield* thread.spent).usd, 3.42)
        const unpriced = yield* Effect.flip(
          thread.run("other", { model: "gpt-5.4-mini", budget: { usd: 1 } })
        )
        assert.deepInclude(unpriced, { _tag: "InvalidRequest", reason: "BadParams" })
      }).pipe(Effect.provide(real.layer), Effect.provide(Prices.layer({ "gpt-5.5": price })))
      assert.lengthOf(yield* real.server.requests, 3)
    }))

  test("is that of each model when a retry changes the model", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        [
          M.httpError(429, { type: "usage_limit_reached" }),
          M.reply(M.text("fine"), M.usage({ input: 1000, output: 100 })),
          M.reply(M.text("again"), M.usage({ input: 1000, output: 100 }))
        ],
        { config: noRetries }
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const turn = yield* thread.run("go", {
          retry: Retry.withModels(["gpt-5.4"], Schedule.recurs(1)),
          budget: { usd: 1 }
        })
        assert.deepInclude(turn, { message: "fine", attempts: 2, cost: 0.1 })
        assert.strictEqual((yield* thread.run("more")).cost, 1.5)
      }).pipe(
        Effect.provide(real.layer),
        Effect.provide(Prices.layer({ "gpt-5.5": price, "gpt-5.4": { input: 100, output: 0 } }))
      )
      const models = (yield* real.server.requests).map(({ body }) => body["model"])
      assert.deepStrictEqual(models, ["gpt-5.5", "gpt-5.4", "gpt-5.5"])
    }))

  test("of a sub-agent is by the price of its own model", () =>
    Effect.gen(function* () {
      const call = (name: string, args: object) =>
        M.item({
          type: "function_call",
          call_id: name,
          namespace: "multi_agent_v1",
          name,
          arguments: JSON.stringify(args)
        })
      let agent = ""
      const real = yield* Real.make((request) => {
        const input = JSON.stringify(request.body["input"])
        const tokens = M.usage({ input: 1000, output: 0 })
        if (input.includes("look into it") && !input.includes("spawn_agent"))
          return M.reply(M.text("found"), tokens)
        agent = /agent_id\\":\\"([0-9a-f-]+)/.exec(input)?.[1]?.replaceAll("\\", "") ?? agent
        if (input.includes("wait_agent")) return M.reply(M.text("fine"), tokens)
        return input.includes("spawn_agent")
          ? M.reply(call("wait_agent", { targets: [agent], timeout_ms: 20_000 }), tokens)
          : M.reply(
              call("spawn_agent", { message: "look into it", agent_type: "worker", model: "gpt-5.6-sol" }),
              tokens
            )
      })
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ model: "gpt-5.1-codex" })
        const costs = yield* costsIn(
          Effect.gen(function* () {
            const turn = yield* thread.run("go", { budget: { usd: 5 } })
            // Three requests of the turn at 1 dollar, one of its sub-agent at 10 cents.
            assert.deepInclude(turn, { message: "fine", cost: 3.1 })
          })
        )
        assert.deepStrictEqual(costs.calls.toSorted(), [0.1, 1, 1, 1])
        assert.deepStrictEqual(costs.turns.toSorted(), [0.1, 3])
        assert.strictEqual((yield* thread.spent).usd, 3.1)
        const error = yield* Effect.flip(thread.run("go", { budget: { usd: 0.5 } }))
        assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Cost" })
      }).pipe(
        Effect.provide(real.layer),
        Effect.provide(Prices.layer({ "gpt-5.1-codex": price, "gpt-5.6-sol": { input: 100, output: 0 } }))
      )
    }))
})
