import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Codex } from "../../src/Codex.ts"
import type * as Item from "../../src/domain/Item.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test, until } from "../support/live.ts"
import { running } from "../support/processes.ts"

const background = { timeoutMillis: 250 } as const

const commands = (turn: Turn.Turn): ReadonlyArray<Item.CommandExecution> =>
  turn.items.flatMap((item) => (item._tag === "CommandExecution" ? [item] : []))

/**
 * Asks for two seconds whether a process runs and what Codex lists. Returns all that appeared. The kernel may need a moment
 * to end a killed process.
 */
const observe = (text: string, threadId: string) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const seen = new Set<string>()
    yield* Effect.sleep("50 millis")
    for (let round = 0; round < 20; round++) {
      for (const pid of running(text)) seen.add(pid)
      const listed = yield* Effect.exit(codex.request("thread/backgroundTerminals/list", { threadId }))
      if (Exit.isSuccess(listed) && JSON.stringify(listed.value).includes(text)) seen.add("listed")
      yield* Effect.sleep("100 millis")
    }
    return [...seen]
  })

describe.concurrent("background terminals of the real Codex", () => {
  for (const sandbox of ["workspace-write", "danger-full-access"] as const) {
    test(`F42 are in the result as running, can be watched, and end with the thread's scope (${sandbox})`, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const text = `sleep 39${sandbox.length}.25`
        const real = yield* Real.make([
          M.reply(M.shell(`echo up; ${text}; echo down`, background)),
          M.reply(M.text("started")),
          M.reply(M.shell("until [ -e leave ]; do sleep 0.05; done; echo bye; exit 3", background)),
          M.reply(M.text("again"))
        ])
        yield* Effect.gen(function* () {
          const scope = yield* Scope.make()
          const thread = yield* real.start({ sandbox }).pipe(Scope.provide(scope))
          const first = yield* thread.run("go")
          assert.deepStrictEqual(
            commands(first).map(({ status }) => status),
            ["background"]
          )
          assert.isTrue(first.sideEffects)
          assert.deepStrictEqual(
            (yield* thread.terminals.list).map(({ command, itemId }) => [itemId, command]),
            [[commands(first)[0]?.id, `echo up; ${text}; echo down`]]
          )
          assert.isNotEmpty(running(text))

          const events = yield* thread.terminals.watch.pipe(
            Stream.filter((event) => event._tag !== "TerminalOutput"),
            Stream.take(2),
            Stream.runCollect,
            Effect.forkScoped({ startImmediately: true })
          )
          const second = yield* thread.run("again")
          const [ending] = commands(second)
          assert.strictEqual(ending?.status, "background")
          yield* fs.writeFileString(`${real.workspace}/leave`, "")
          const [started, ended] = yield* Fiber.join(events)
          assert.deepStrictEqual([started?._tag, started?.item.id], ["TerminalStarted", ending?.id])
          assert.deepInclude(ended, { _tag: "TerminalEnded" })
          assert.strictEqual(ended?.item.id, ending?.id)
          assert.deepInclude(ended?.item, { status: "failed", exitCode: 3, output: "bye\n" })

          yield* Scope.close(scope, Exit.void)
          assert.deepStrictEqual(yield* observe(text, thread.id), [])
        }).pipe(Effect.provide(real.layer))
      }))
  }

  test("F42 end with their turn if the turn's options say so, and others continue until they are ended", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([
        M.reply(M.shell("sleep 311.5", background)),
        M.reply(M.text("kept")),
        M.reply(M.shell("echo out; sleep 312.5", background)),
        M.reply(M.text("ended")),
        M.reply(M.shell("sleep 313.5", background)),
        M.reply(M.text("kept too"))
      ])
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        assert.strictEqual(commands(yield* thread.run("keep"))[0]?.status, "background")
        const second = yield* thread.run("end", { terminals: "end" })
        assert.deepInclude(commands(second)[0], { status: "interrupted", output: "out\n" })
        assert.deepStrictEqual(yield* observe("sleep 312.5", thread.id), [])
        const [kept, ...others] = yield* thread.terminals.list
        assert.deepStrictEqual([kept?.command, others], ["sleep 311.5", []])
        assert.isTrue(yield* thread.terminals.terminate(kept?.processId ?? ""))
        assert.isFalse(yield* thread.terminals.terminate(kept?.processId ?? ""))
        yield* until(
          "the terminated command is gone",
          Effect.sync(() => running("sleep 311.5").length === 0)
        )
        yield* thread.run("keep")
        assert.lengthOf(yield* thread.terminals.list, 1)
        yield* thread.terminals.clean
        assert.deepStrictEqual(yield* thread.terminals.list, [])
        yield* until(
          "the cleaned command is gone",
          Effect.sync(() => running("sleep 313.5").length === 0)
        )
      }).pipe(Effect.provide(real.layer))
    }))

  test("F42 continue while another handle of the thread is open", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.shell("sleep 314.5", background)), M.reply(M.text("kept"))])
      yield* Effect.gen(function* () {
        const scope = yield* Scope.make()
        const thread = yield* real.start().pipe(Scope.provide(scope))
        yield* thread.run("keep")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const second = yield* real.resume(thread.id)
            yield* Scope.close(scope, Exit.void)
            assert.lengthOf(yield* second.terminals.list, 1)
          })
        )
        assert.deepStrictEqual(yield* observe("sleep 314.5", thread.id), [])
      }).pipe(Effect.provide(real.layer))
    }))
})
