/** A turn that wrote something has side effects, also if Codex reports no item for it. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

/** Writes in the workspace and then where the sandbox forbids it. For a quick command of this kind Codex sends no item. */
const partlyDenied = "echo x > inside.txt; echo y > /effect-codex-denied.txt"

const script = (input: string) =>
  M.reply(
    M.item({
      type: "custom_tool_call",
      id: "ctc_1",
      call_id: `call_${input.length}`,
      name: "exec",
      status: "completed",
      input
    })
  )

describe.concurrent("side effects", () => {
  test("include a command that the sandbox denied in part", () =>
    Effect.gen(function* () {
      const attempts = Array.from({ length: 6 }, () => [
        M.reply(M.shell(partlyDenied)),
        M.reply(M.text("done"))
      ])
      const real = yield* Real.make(attempts.flat())
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ approvalMode: "never" })
        for (const _ of attempts) {
          const turn = yield* thread.run("go")
          assert.isTrue(turn.sideEffects)
        }
      }).pipe(Effect.provide(real.layer))
      assert.isTrue(yield* real.exists("inside.txt"))
    }))

  test("exclude tools that only read", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.call("get_goal", {})), M.reply(M.text("done"))])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const turn = yield* thread.run("go")
        assert.deepInclude(turn, { toolCalls: 1, sideEffects: false })
      }).pipe(Effect.provide(real.layer))
    }))

  test("include a script of the model only if it calls a tool that has no item", () =>
    Effect.gen(function* () {
      const run = (input: string) => [script(input), M.reply(M.text("done"))]
      const real = yield* Real.make([
        ...run("text('only a script')"),
        ...run("text(await tools.get_goal({}))"),
        ...run(`text((await tools.exec_command({ cmd: ${JSON.stringify(partlyDenied)} })).output)`)
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ approvalMode: "never", model: "gpt-6-sol" })
        const turns = yield* Effect.forEach(["a", "b", "c"], (prompt) => thread.run(prompt))
        assert.deepStrictEqual(
          turns.map(({ sideEffects }) => sideEffects),
          [false, false, true]
        )
      }).pipe(Effect.provide(real.layer))
    }))
})
