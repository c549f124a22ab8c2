import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { Codex } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { inFolder, on } from "./support.ts"

/** Runs commands without a model, and one that a turn leaves running. */
const program = Effect.gen(function* () {
  const codex = yield* Codex
  const run = (command: ReadonlyArray<string>) =>
    Effect.scoped(
      Effect.flatMap(
        codex.exec(command, { env: { DEPLOY_TOKEN: "hunter2-hunter2" } }),
        ({ result }) => result
      )
    )
  const results = [yield* run(["npm", "test"]), yield* run(["ls"])]
  const left = yield* Effect.forkChild(run(["sleep"]), { startImmediately: true })
  yield* Fiber.interrupt(left)
  const thread = yield* codex.startThread()
  const { items } = yield* thread.run("go")
  const terminals = yield* thread.terminals.list
  const ended = yield* thread.terminals.terminate(terminals[0]?.processId ?? "")
  yield* thread.terminals.clean
  return {
    results,
    statuses: items.map((item) => "status" in item && item.status),
    commands: terminals.map(({ command }) => command),
    ended,
    remaining: yield* thread.terminals.list
  }
}).pipe(Effect.scoped)

describe("a cassette with commands", () => {
  it.effect("replays their results and the background terminals, and holds no value of a variable", () =>
    inFolder(({ path }) =>
      Effect.gen(function* () {
        const file = `${path}/commands.jsonl`
        const script = Effect.gen(function* () {
          yield* Scripted.exec(({ command: [name] }) =>
            name === "sleep"
              ? { takes: "1 hour" }
              : { exitCode: name === "npm" ? 1 : 0, stdout: `${name} out`, stderr: `${name} err` }
          )
          yield* Scripted.play([Scripted.background("npm run dev"), Scripted.completed])
        })
        const engine = Layer.effectDiscard(script).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer)))
        const live = yield* on(Layer.provide(Cassette.record(file), engine), program)
        assert.deepStrictEqual(live, {
          results: [
            { exitCode: 1, stdout: "npm out", stderr: "npm err", omittedBytes: 0 },
            { exitCode: 0, stdout: "ls out", stderr: "ls err", omittedBytes: 0 }
          ],
          statuses: ["background"],
          commands: ["npm run dev"],
          ended: true,
          remaining: []
        })
        assert.notInclude(readFileSync(file, "utf8"), "hunter2")
        assert.deepStrictEqual(yield* on(Cassette.replay(file), program), live)
      })
    )
  )
})
