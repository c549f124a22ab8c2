import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as CodexError from "../../src/domain/CodexError.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as ToolHost from "../../src/tool/ToolHost.ts"
import * as ToolJournal from "../../src/tool/ToolJournal.ts"
import * as ToolSettings from "../../src/tool/ToolSettings.ts"

const tool = (name: string) => Tool.make(name, { success: Schema.String })
const Tools = Toolkit.make(
  tool("charge").annotate(ToolSettings.SideEffects, "once"),
  tool("put").annotate(ToolSettings.SideEffects, "idempotent"),
  tool("look").annotate(ToolSettings.SideEffects, "read"),
  Tool.make("ask", { success: Schema.String, needsApproval: true }),
  tool("broken").annotate(ToolSettings.OnFailure, "turn")
)

const call = (name: string, id = name): Engine.EngineToolCall => ({
  callId: ItemId.make(id),
  tool: name,
  arguments: {}
})
const idOf = ToolJournal.keyOf

/** A journal whose entries outlive the calls, and what the tools did. */
const make = Effect.gen(function* () {
  const entries = new Map<string, ToolJournal.JournalResult | "started">()
  const log: Array<string> = []
  const unavailable = new CodexError.EngineUnreachable({ reason: "Lost", endpoint: "db", detail: "" })
  let broken: "begin" | "done" | undefined
  const journal: ToolJournal.ToolJournal = {
    find: (call) => Effect.sync(() => entries.get(idOf(call))),
    begin: (call) =>
      broken === "begin" ? Effect.fail(unavailable) : Effect.sync(() => entries.set(idOf(call), "started")),
    done: (call, result) =>
      broken === "done"
        ? Effect.fail(unavailable)
        : Deferred.succeed(storing, undefined).pipe(
            Effect.andThen(call.tool === "put" ? Deferred.await(stored) : Effect.void),
            Effect.andThen(Effect.sync(() => entries.set(idOf(call), result)))
          )
  }
  const storing = yield* Deferred.make<void>()
  const stored = yield* Deferred.make<void>()
  const hold = yield* Deferred.make<void>()
  const started = yield* Deferred.make<void>()
  const run = (name: string) =>
    Effect.flatMap(ToolJournal.IdempotencyKey, (key) =>
      Effect.sync(() => {
        log.push(`${name} ${key}`)
        return `${name} ${log.length}`
      })
    )
  const toolkit = yield* Tools.pipe(
    Effect.provide(
      Tools.toLayer({
        charge: () =>
          Effect.tap(run("charge"), () =>
            Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(hold))
          ),
        put: () => run("put"),
        look: () => run("look"),
        ask: () => run("ask"),
        broken: () => Effect.die("broken")
      })
    )
  )
  let asked = 0
  const host = yield* ToolHost.make(toolkit)
  /** The calls of the turn in one process. */
  const process = () => {
    const call = host.turn({
      turnId: () => TurnId.make("turn_1"),
      approve: () =>
        Effect.sync(() => {
          asked++
          return { _tag: "Accept" } as const
        })
    })
    return (request: Engine.EngineToolCall) =>
      Effect.provideService(call(request), ToolJournal.Current, journal)
  }
  return {
    log,
    entries,
    process,
    started,
    storing,
    stored,
    asked: () => asked,
    fail: (where: typeof broken) => {
      broken = where
    }
  }
})

describe("the journal of tool calls", () => {
  it.effect("answers a call that has a result without running it and without asking", () =>
    Effect.gen(function* () {
      const { asked, log, process } = yield* make
      const first = yield* process()(call("ask"))
      assert.deepStrictEqual(yield* process()(call("ask")), first)
      assert.deepStrictEqual(log, ["ask turn_1/ask"])
      assert.strictEqual(asked(), 1)
      yield* process()(call("ask", "other"))
      assert.strictEqual(log.length, 2)
    })
  )

  it.effect("F08 never runs a once tool again that had started", () =>
    Effect.gen(function* () {
      const { log, process, started } = yield* make
      const dying = yield* Effect.forkChild(process()(call("charge")))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(dying)
      const error = yield* Effect.flip(process()(call("charge")))
      assert.strictEqual(error._tag, "ToolOutcomeUnknown")
      assert.deepInclude(error, { tool: "charge", callId: "charge" })
      assert.deepStrictEqual(log, ["charge turn_1/charge"])
    })
  )

  it.effect("F07 runs an idempotent tool and a read again with the same key, unasked", () =>
    Effect.gen(function* () {
      const { entries, log, process, stored } = yield* make
      yield* Deferred.succeed(stored, undefined)
      for (const name of ["put", "look"]) {
        entries.set(`turn_1/${name}`, "started")
        yield* process()(call(name))
      }
      assert.deepStrictEqual(log, ["put turn_1/put", "look turn_1/look"])
    })
  )

  it.effect("repeats the failure of a call that failed its turn", () =>
    Effect.gen(function* () {
      const { entries, process } = yield* make
      const first = yield* Effect.flip(process()(call("broken")))
      assert.strictEqual(first._tag, "ToolFailed")
      assert.deepInclude(entries.get("turn_1/broken"), { _tag: "Failed" })
      assert.strictEqual((yield* Effect.flip(process()(call("broken"))))._tag, "ToolFailed")
    })
  )

  it.effect("runs nothing if the start cannot be stored, and gives no result that cannot be stored", () =>
    Effect.gen(function* () {
      const { fail, log, process } = yield* make
      fail("begin")
      assert.strictEqual((yield* Effect.flip(process()(call("put"))))._tag, "EngineUnreachable")
      assert.deepStrictEqual(log, [])
      fail("done")
      assert.strictEqual((yield* Effect.flip(process()(call("put"))))._tag, "EngineUnreachable")
      assert.strictEqual(log.length, 1)
    })
  )

  it.effect("stores a result although the call is interrupted when the tool has ended", () =>
    Effect.gen(function* () {
      const { entries, process, stored, storing } = yield* make
      const running = yield* Effect.forkChild(process()(call("put")))
      yield* Deferred.await(storing)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      yield* Deferred.succeed(stored, undefined)
      yield* Fiber.join(interrupting)
      assert.deepInclude(entries.get("turn_1/put"), { _tag: "Returned" })
    })
  )
})
