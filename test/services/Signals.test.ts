/** The program is ended from outside while a real Codex works for it. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test, until } from "../support/live.ts"
import { isSoak } from "../support/soak.ts"
import * as Host from "./manyTurns.ts"

const host = fileURLToPath(new URL("./manyTurns.ts", import.meta.url))

/** Every second turn runs a command that outlives the test, the others wait for the model. */
const model: M.Respond = ({ lastUserText }) => {
  const [what = "", number = "0"] = lastUserText?.split(" ") ?? []
  if (what !== "work") return M.reply(M.text(`fine ${number}`))
  return Number(number) % 2 === 0
    ? M.reply(M.shell(`touch started-${number}; sleep 1000; touch finished-${number}`))
    : M.reply(M.text("half", { deltas: true }), M.never)
}

const begin = Effect.fnUntraced(function* (turns: number) {
  const real = yield* Real.make(model)
  const record = `${real.workspace}/record.jsonl`
  const place = yield* Schema.encodeEffect(Host.Place)({
    cwd: real.workspace,
    env: { ...real.env },
    turns,
    record
  })
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, ["--no-warnings", host, place], { stdio: "ignore" })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const lines = Effect.sync(() =>
    existsSync(record)
      ? readFileSync(record, "utf8")
          .split("\n")
          .slice(0, -1)
          .map((line) => Schema.decodeSync(Host.Line)(line))
      : []
  )
  yield* until(
    "all turns run",
    Effect.map(lines, ({ length }) => length >= turns)
  )
  const commands = Array.from({ length: turns }, (_, index) => index).filter((index) => index % 2 === 0)
  for (const index of commands) yield* until(`command ${index} runs`, real.exists(`started-${index}`))
  assert.isAbove((yield* real.processes).length, turns / 2)
  const gone = until(
    "the program is gone",
    Effect.sync(() => child.exitCode !== null || child.signalCode !== null)
  )
  const none = until(
    "all processes are gone",
    Effect.map(real.processes, ({ length }) => length === 0)
  )
  return { real, child, lines, gone, none, commands }
})

const turns = isSoak ? 100 : 40

describe("a program that receives a signal", () => {
  test(
    "F43 ends each of its many turns on SIGTERM, exits, leaves no process, and its threads can be resumed",
    () =>
      Effect.gen(function* () {
        const { child, commands, gone, lines, none, real } = yield* begin(turns)
        child.kill("SIGTERM")
        yield* gone
        yield* none
        const ended = (yield* lines).filter(({ what }) => what === "ended")
        assert.lengthOf(ended, turns)
        for (const { how } of ended) assert.strictEqual(how, "Interrupt")
        assert.strictEqual(new Set(ended.map(({ threadId }) => threadId)).size, turns)
        for (const index of commands) assert.isFalse(yield* real.exists(`finished-${index}`))
        yield* Effect.forEach(
          ended.slice(0, 10),
          ({ threadId }) =>
            Effect.gen(function* () {
              const thread = yield* real.resume(threadId)
              assert.strictEqual((yield* thread.run("again 7")).message, "fine 7")
            }).pipe(Effect.scoped),
          { concurrency: 5, discard: true }
        ).pipe(Effect.provide(real.layer))
      }),
    300_000
  )

  test(
    "F42 leaves no Codex and no sandboxed command after SIGKILL",
    () =>
      Effect.gen(function* () {
        const { child, commands, gone, none, real } = yield* begin(20)
        child.kill("SIGKILL")
        yield* gone
        yield* none
        for (const index of commands) assert.isFalse(yield* real.exists(`finished-${index}`))
      }),
    300_000
  )
})
