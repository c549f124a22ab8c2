import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex } from "../../src/Codex.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const noRetries = "model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = 0"
const reached = (resetsAt: number) =>
  M.httpError(429, {
    body: JSON.stringify({
      error: {
        type: "usage_limit_reached",
        plan_type: "plus",
        message: "reached",
        resets_at: resetsAt / 1000
      }
    })
  })

describe.concurrent("a usage limit of the real Codex", () => {
  test("has the time of its reset, also if Codex runs in another time zone", () =>
    Effect.gen(function* () {
      // Whole minutes, because Codex cuts the seconds.
      const now = Math.floor(Date.now() / 60_000) * 60_000
      const resets = [now + 3_600_000, now + 3 * 86_400_000, now + 400 * 86_400_000]
      const real = yield* Real.make((_, index) => reached(resets[index] ?? 0), { config: noRetries })
      const layer = Layer.fresh(Codex.layer).pipe(
        Layer.provide(AppServer.layerOptions({ env: { ...real.env, TZ: "Asia/Kathmandu" } }))
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        for (const resetsAt of resets) {
          const error = yield* Effect.flip(thread.run("go"))
          assert.deepInclude(error, { _tag: "TurnFailed", reason: "UsageLimit", retryable: false, resetsAt })
        }
      }).pipe(Effect.provide(layer))
    }))
})
