import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codex, type Item } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

const statuses = ({ items }: { readonly items: ReadonlyArray<Item.Item> }) =>
  items.flatMap((item) => (item._tag === "CommandExecution" ? [[item.command, item.status]] : []))

const start = (options = {}) => Codex.use((codex) => codex.startThread(options))

describe("commands in the background on the scripted engine", () => {
  it.effect("are in the result, can be listed, watched and ended", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.background("npm run dev"),
        Scripted.background("npm test", { ends: { after: "1 minute", exitCode: 1, output: "failed" } }),
        Scripted.background("true", { ends: { after: 0 } }),
        Scripted.command("ls"),
        Scripted.message("Started.")
      ])
      const thread = yield* start()
      const watching = yield* Effect.forkChild(Stream.runCollect(Stream.take(thread.terminals.watch, 4)), {
        startImmediately: true
      })
      const turn = yield* thread.run("go")
      assert.deepStrictEqual(statuses(turn), [
        ["true", "completed"],
        ["ls", "completed"],
        ["npm run dev", "background"],
        ["npm test", "background"]
      ])
      assert.isTrue(turn.sideEffects)
      const counted = (yield* Captured.metrics).filter(({ id }) => id === "codex.command.count")
      assert.sameDeepMembers(
        counted.map(({ attributes, state }) => [attributes?.["codex.command.success"], state]),
        [
          ["true", { count: 2, incremental: true }],
          ["background", { count: 2, incremental: true }]
        ]
      )
      const [server, ...others] = yield* thread.terminals.list
      assert.deepStrictEqual(
        [server?.command, ...others.map(({ command }) => command)],
        ["npm run dev", "npm test"]
      )
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* thread.terminals.terminate(server?.processId ?? ""))
      assert.isFalse(yield* thread.terminals.terminate(server?.processId ?? ""))
      assert.deepStrictEqual(yield* thread.terminals.list, [])
      const events = yield* Fiber.join(watching)
      assert.deepStrictEqual(
        events.map((event) => [
          event._tag,
          "item" in event ? event.item.command : "",
          "item" in event && event.item.exitCode
        ]),
        [
          ["TerminalStarted", "npm run dev", undefined],
          ["TerminalStarted", "npm test", undefined],
          ["TerminalEnded", "npm test", 1],
          ["TerminalEnded", "npm run dev", -1]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("end with their turn by the option of the thread, which an option of the turn overrides", () =>
    Effect.gen(function* () {
      const turn = [Scripted.background("npm run dev"), Scripted.message("Started."), Scripted.completed]
      yield* Scripted.play([...turn, ...turn])
      const thread = yield* start({ terminals: "end" })
      assert.deepStrictEqual(statuses(yield* thread.run("go")), [["npm run dev", "interrupted"]])
      assert.deepStrictEqual(yield* thread.terminals.list, [])
      assert.deepStrictEqual(statuses(yield* thread.run("go", { terminals: "keep" })), [
        ["npm run dev", "background"]
      ])
      assert.lengthOf(yield* thread.terminals.list, 1)
      yield* thread.terminals.clean
      assert.deepStrictEqual(yield* thread.terminals.list, [])
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it.effect("end with an interrupted turn and with the last handle of their thread", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.background("one"),
        Scripted.completed,
        Scripted.background("two"),
        Scripted.silence
      ])
      const scope = yield* Scope.make()
      const thread = yield* start().pipe(Scope.provide(scope))
      yield* thread.run("go")
      const second = yield* Codex.use((codex) => codex.resumeThread(thread.id))
      yield* Scope.close(scope, Exit.void)
      assert.lengthOf(yield* second.terminals.list, 1)
      const running = yield* Effect.forkChild(second.run("on"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(yield* second.terminals.list, [])
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )
})
