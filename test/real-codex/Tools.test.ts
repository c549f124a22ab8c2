import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { fileURLToPath } from "node:url"
import * as M from "../../src/testing/ModelServer.ts"
import * as McpServers from "../../src/tool/McpServers.ts"
import * as ToolCommand from "../../src/tool/ToolCommand.ts"
import * as ToolSettings from "../../src/tool/ToolSettings.ts"
import { test, until } from "../support/live.ts"
import { isAlive } from "../support/processes.ts"
import * as Real from "../support/realEngine.ts"

const mcpTools = fileURLToPath(new URL("../support/mcpTools.ts", import.meta.url))

const Numbered = Tool.make("numbered", {
  parameters: Schema.Struct({ n: Schema.Finite }),
  success: Schema.String
})
const outputs = (request: M.RecordedRequest | undefined) =>
  (request?.toolOutputs ?? []).map(({ callId, output }) => [callId, output] as const)

describe.concurrent("tools of the real Codex", () => {
  test("F15 return their own result to each of three calls that end in reverse order", () =>
    Effect.gen(function* () {
      const Tools = Toolkit.make(Numbered)
      const real = yield* Real.make([
        M.reply(...[0, 1, 2].map((n) => M.call("numbered", { n }, { callId: `c${n}` }))),
        M.reply(M.text("done"))
      ])
      const gates = yield* Effect.forEach([0, 1, 2, 3], () => Deferred.make<void>())
      const gate = (n: number) => gates[n] ?? Deferred.makeUnsafe<void>()
      yield* Deferred.succeed(gate(3), undefined)
      const finished: Array<number> = []
      const turn = yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tools })
        return yield* thread.run("go")
      }).pipe(
        Effect.provide([
          Tools.toLayer({
            // Each waits for the one after it.
            numbered: ({ n }) =>
              Effect.gen(function* () {
                yield* Deferred.await(gate(n + 1))
                finished.push(n)
                yield* Deferred.succeed(gate(n), undefined)
                return `result ${n}`
              })
          }),
          real.layer
        ])
      )
      assert.deepStrictEqual(finished, [2, 1, 0])
      const [, second] = yield* real.server.requests
      assert.deepStrictEqual(outputs(second), [
        ["c0", "result 0"],
        ["c1", "result 1"],
        ["c2", "result 2"]
      ])
      assert.strictEqual(turn.toolCalls, 3)
    }))

  const Shell = Toolkit.make(
    Tool.make("hangs", { success: Schema.String }).annotate(ToolSettings.Deadline, "2 seconds"),
    Tool.make("works", { success: Schema.String })
  )
  /** Two shells that ignore TERM, which write their pids. */
  const stubborn = `trap "" TERM; echo $$ >> pids; sh -c 'trap "" TERM; echo $$ >> pids; sleep 1000' & wait`
  const shells = (cwd: string) => {
    const run = ToolCommand.run(ChildProcess.make("/bin/sh", ["-c", stubborn], { cwd }), {
      killAfter: "200 millis"
    }).pipe(Effect.as("done"), Effect.orDie)
    return Effect.map(Effect.context<ChildProcessSpawner>(), (context) =>
      Shell.toLayer({ hangs: () => Effect.provide(run, context), works: () => Effect.provide(run, context) })
    )
  }
  const pids = (folder: string, count: number) =>
    Effect.flatMap(FileSystem.FileSystem, (fs) =>
      fs.readFileString(`${folder}/pids`).pipe(
        Effect.map((text) => text.trim().split("\n").map(Number)),
        Effect.filterOrFail((found) => found.length >= count),
        Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 6000 })
      )
    )

  test("F13 end at their deadline with everything they started, the model gets an error, and the turn continues", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.call("hangs", {})), M.reply(M.text("done"))])
      const turn = yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Shell })
        return yield* thread.run("go")
      }).pipe(Effect.provide([yield* shells(real.workspace), real.layer]))
      assert.strictEqual(turn.message, "done")
      const [, second] = yield* real.server.requests
      assert.include(outputs(second)[0]?.[1], "did not finish within 2s and was stopped")
      const started = yield* pids(real.workspace, 2)
      yield* until(
        "the processes are gone",
        Effect.sync(() => !started.some(isAlive))
      )
    }))

  test("F42 end with all their processes when the turn is interrupted", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.call("works", {}))])
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Shell })
        const running = yield* Effect.forkScoped(thread.run("go"))
        const started = yield* pids(real.workspace, 2)
        assert.isTrue(started.every(isAlive))
        yield* Fiber.interrupt(running)
        // The kernel may need a moment to end a killed process.
        yield* until(
          "the processes are gone",
          Effect.sync(() => !started.some(isAlive))
        )
      }).pipe(Effect.provide([yield* shells(real.workspace), real.layer]))
    }))

  test("F14 delay neither the turn nor the scope when they ignore interruption", () =>
    Effect.gen(function* () {
      const Deaf = Toolkit.make(Tool.make("deaf", { success: Schema.String }))
      const real = yield* Real.make([M.reply(M.call("deaf", {}))])
      const release = yield* Deferred.make<string>()
      const entered = yield* Deferred.make<void>()
      const closing = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkScoped(
        Effect.scoped(
          Effect.gen(function* () {
            const thread = yield* real.start({ tools: yield* Deaf })
            yield* Effect.forkScoped(thread.run("go"))
            yield* Deferred.await(entered)
            yield* Deferred.succeed(closing, undefined)
          })
        ).pipe(
          Effect.provide([
            Deaf.toLayer({
              deaf: () =>
                Effect.uninterruptible(
                  Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(release))
                )
            }),
            real.layer
          ])
        )
      )
      yield* Deferred.await(closing)
      // The tool still runs.
      yield* Fiber.join(fiber)
      yield* Deferred.succeed(release, "")
    }))

  test("F15 end the turn and the other calls on a failure of the turn, and the thread stays usable", () =>
    Effect.gen(function* () {
      const Tools = Toolkit.make(
        Tool.make("fatal", {
          success: Schema.String,
          failure: Schema.Struct({ why: Schema.String, retryable: Schema.Boolean })
        }).annotate(ToolSettings.OnFailure, "turn"),
        Tool.make("sibling", { success: Schema.String })
      )
      const real = yield* Real.make([
        M.reply(M.call("sibling", {}), M.call("fatal", {})),
        M.reply(M.text("the next turn"))
      ])
      const entered = yield* Deferred.make<void>()
      const stopped = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tools })
        const error = yield* Effect.flip(thread.run("go"))
        assert.strictEqual(error._tag, "ToolFailed")
        if (error._tag !== "ToolFailed") return
        assert.deepInclude(error, {
          tool: "fatal",
          retryable: true,
          detail: '{"why":"broken","retryable":true}'
        })
        assert.isTrue(error.turn?.sideEffects)
        assert.isTrue(yield* Deferred.isDone(stopped))
        assert.strictEqual((yield* thread.run("again")).message, "the next turn")
      }).pipe(
        Effect.provide([
          Tools.toLayer({
            fatal: () =>
              Effect.andThen(Deferred.await(entered), Effect.fail({ why: "broken", retryable: true })),
            sibling: () =>
              Deferred.succeed(entered, undefined).pipe(
                Effect.andThen(Effect.never),
                Effect.onInterrupt(() => Deferred.succeed(stopped, undefined))
              )
          }),
          real.layer
        ])
      )
    }))
})

describe("MCP servers of a thread", () => {
  test("make each call once, and a failed call is a failed item", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const mcp = (name: string, args: object, callId: string) =>
        M.item({
          type: "function_call",
          namespace: "mcp__probe",
          name,
          arguments: JSON.stringify(args),
          call_id: callId
        })
      const real = yield* Real.make([
        M.reply(mcp("add", { a: 2, b: 3 }, "m1"), mcp("fail", {}, "m2"), mcp("sleep", { ms: 60_000 }, "m3")),
        M.reply(M.text("done"))
      ])
      const calls = `${real.workspace}/calls`
      const config = yield* Effect.fromResult(
        McpServers.toConfig({
          probe: {
            command: process.execPath,
            args: ["--no-warnings", mcpTools, calls],
            toolTimeout: "500 millis",
            required: true
          }
        })
      )
      const turn = yield* Effect.gen(function* () {
        const thread = yield* real.start({ config })
        return yield* thread.run("go")
      }).pipe(Effect.provide(real.layer))
      const found = turn.items.flatMap((item) =>
        item._tag === "McpToolCall" ? [[item.server, item.tool, item.status]] : []
      )
      assert.sameDeepMembers(found, [
        ["probe", "add", "completed"],
        ["probe", "fail", "failed"],
        ["probe", "sleep", "failed"]
      ])
      assert.strictEqual(turn.message, "done")
      const lines = (yield* fs.readFileString(calls)).trim().split("\n")
      assert.lengthOf(lines, 3)
    }))
})
