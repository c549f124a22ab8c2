import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Approval, Codex } from "effect-codex"
import * as AppServer from "../../src/engine/AppServer.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as Cassette from "../../src/testing/Cassette.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"
import { inFolder, Tickets } from "../testing/cassette/support.ts"

const script = [
  M.reply(M.call("lookup_ticket", { id: "T-1" }, { callId: "t1" }), M.usage({ input: 100, output: 10 })),
  M.reply(M.shell("echo hello", { callId: "c1" }), M.usage({ input: 150, output: 20 })),
  M.reply(M.text("All is well.", { deltas: true }), M.usage({ input: 200, output: 5 }))
]

const run = (cwd: string) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      cwd,
      sandbox: "workspace-write",
      approvalMode: "untrusted",
      tools: yield* Tickets
    })
    return yield* thread.run("Fix it")
  }).pipe(
    Effect.scoped,
    Effect.provide([
      Tickets.toLayer({ lookup_ticket: ({ id }) => Effect.succeed({ title: `about ${id}` }) }),
      Approval.layer(Approval.allow)
    ])
  )

const on = <E>(engine: Layer.Layer<Engine.Engine, E>) =>
  Layer.fresh(Codex.layer).pipe(Layer.provideMerge(engine))

/** Codex may send the output of a command in any number of deltas, or only with its end. */
const withoutOutput = (cassette: string) =>
  cassette
    .split("\n")
    .filter((line) => !line.includes('{"_tag":"OutputDelta"'))
    .join("\n")

describe("a cassette of the real Codex", () => {
  test("is equal when it is recorded again, and replays the turn without Codex", () =>
    inFolder(({ path, read }) =>
      Effect.gen(function* () {
        const record = Effect.fnUntraced(function* (name: string) {
          const real = yield* Real.make(script)
          const engine = AppServer.layerOptions({ env: real.env })
          const recorder = Cassette.record(`${path}/${name}.jsonl`, { times: "none" })
          return yield* run(real.workspace).pipe(Effect.provide(on(recorder.pipe(Layer.provide(engine)))))
        })
        const live = yield* record("a")
        yield* record("b")
        assert.strictEqual(withoutOutput(yield* read("a.jsonl")), withoutOutput(yield* read("b.jsonl")))
        const played = yield* run(path).pipe(
          Effect.provide(on(Cassette.replay(`${path}/a.jsonl`, { timing: "instant" })))
        )
        assert.strictEqual(played.message, "All is well.")
        assert.deepStrictEqual(
          played.items.map(({ _tag }) => _tag),
          live.items.map(({ _tag }) => _tag)
        )
        assert.deepStrictEqual(played.usage, live.usage)
        assert.deepInclude(played, { modelCalls: live.modelCalls, toolCalls: live.toolCalls })
      })
    ))
})
