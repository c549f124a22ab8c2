import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import * as ToolHost from "../../src/tool/ToolHost.ts"
import * as ToolSettings from "../../src/tool/ToolSettings.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"

const text = (name: string) =>
  Tool.make(name, { parameters: Schema.Struct({ n: Schema.Finite }), success: Schema.String })
const plain = (name: string) => Tool.make(name, { success: Schema.String })

const call = (tool: string, args: unknown = {}, id = tool): Engine.EngineToolCall => ({
  callId: ItemId.make(id),
  tool,
  arguments: args
})
const no: ToolHost.Approve = () => Effect.die("no approval is requested")

/** Steps that the model asks for in one response: they run at once. */
const together = (...steps: ReadonlyArray<Scripted.ScriptedStep>): Scripted.ScriptedStep => ({
  _tag: "Step",
  play: (stage) =>
    Effect.forEach(steps, (step) => step.play(stage), { concurrency: "unbounded", discard: true })
})

/** Moves the clock on in small steps until the fiber is done: what one step wakes may sleep again. */
const finish = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    for (let step = 0; step < 2000 && fiber.pollUnsafe() === undefined; step++) {
      yield* TestClock.adjust("50 millis")
    }
    assert.isDefined(fiber.pollUnsafe(), "it is done")
    return yield* Fiber.join(fiber)
  })

/** Lets what was forked begin: it must not find the clock moved on already. */
const settle = Effect.repeat(TestClock.adjust("0 millis"), { times: 50 })

const outputs = (turn: { readonly items: ReadonlyArray<{ readonly _tag: string }> }) =>
  turn.items.flatMap((item) => (item._tag === "ToolCall" && "output" in item ? [item.output] : []))

describe("F13 a hung tool", () => {
  const Hung = Toolkit.make(
    plain("hangs").annotate(ToolSettings.Deadline, "10 seconds"),
    plain("fatal").annotate(ToolSettings.Deadline, "10 seconds").annotate(ToolSettings.OnFailure, "turn")
  )
  const handlers = (ended: Array<number>) => {
    const hang = Effect.onInterrupt(Effect.never, () =>
      Effect.map(Clock.currentTimeMillis, (now) => void ended.push(now))
    )
    return Hung.toLayer({ hangs: () => hang, fatal: () => hang })
  }

  it.effect("F13 a hung tool is interrupted at its deadline, and the model reads why", () => {
    const ended: Array<number> = []
    return Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("hangs", {}), Scripted.message("so be it")])
      const thread = yield* (yield* Codex).startThread({ tools: yield* Hung })
      const running = yield* Effect.forkChild(thread.run("go"))
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(ended, [])
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const turn = yield* Fiber.join(running)
      assert.deepStrictEqual(ended, [10_000])
      assert.deepStrictEqual(outputs(turn), [
        "The tool hangs did not finish within 10s and was stopped. It may have taken effect."
      ])
      assert.strictEqual(turn.message, "so be it")
    }).pipe(Effect.provide([handlers(ended), TestLayer]))
  })

  it.effect("F13 a hung tool fails the turn if `OnFailure` is `turn`", () => {
    const ended: Array<number> = []
    return Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("fatal", {}), Scripted.message("never said")])
      const thread = yield* (yield* Codex).startThread({ tools: yield* Hung })
      const running = yield* Effect.forkChild(Effect.flip(thread.run("go")))
      yield* settle
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(running)
      assert.deepStrictEqual(ended, [10_000])
      assert.strictEqual(error._tag, "ToolFailed")
      if (error._tag !== "ToolFailed") return
      assert.deepInclude(error, { tool: "fatal", retryable: false })
      assert.include(error.detail, "did not finish within 10s")
      assert.strictEqual(error.turn?.message, "")
    }).pipe(Effect.provide([handlers(ended), TestLayer]))
  })

  it.effect("a provided deadline applies to every tool without its own", () => {
    const Two = Toolkit.make(plain("a"), plain("b").annotate(ToolSettings.Deadline, "5 seconds"))
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(Two, ToolHost.make)
      const at = (tool: string) =>
        host.turn({ approve: no })(call(tool)).pipe(Effect.andThen(Clock.currentTimeMillis))
      const running = yield* Effect.forkChild(Effect.all([at("a"), at("b")], { concurrency: 2 }))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(running), [1000, 5000])
    }).pipe(
      Effect.provide(Two.toLayer({ a: () => Effect.never, b: () => Effect.never })),
      Effect.provideService(ToolSettings.Deadline, "1 second")
    )
  })
})

describe("F14 a tool that ignores its interruption", () => {
  const Deaf = Toolkit.make(
    plain("deaf").annotate(ToolSettings.Deadline, "10 seconds").annotate(ToolSettings.Concurrency, 1)
  )
  const layer = (release: Deferred.Deferred<string>) =>
    Deaf.toLayer({ deaf: () => Effect.uninterruptible(Deferred.await(release)) })

  it.effect("F14 is abandoned after its grace, counted, reported, and releases its slot", () =>
    Effect.gen(function* () {
      const release = yield* Deferred.make<string>()
      const logs: Array<unknown> = []
      const seen: Array<ToolHost.Abandoned> = []
      yield* Effect.gen(function* () {
        const host = yield* Effect.flatMap(Deaf, ToolHost.make)
        const ask = host.turn({ approve: no, abandoned: (it) => void seen.push(it) })
        const running = yield* Effect.forkChild(ask(call("deaf")))
        yield* settle
        yield* TestClock.adjust("10 seconds")
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(running.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.include((yield* Fiber.join(running)).text, "did not finish within 10s")
        assert.strictEqual(host.leaked(), 1)
        assert.deepStrictEqual(seen, [{ callId: ItemId.make("deaf"), tool: "deaf" }])
        assert.deepStrictEqual(logs, [
          ["the handler of the tool deaf ignores its interruption and is abandoned"]
        ])

        const next = yield* Effect.forkChild(ask(call("deaf", {}, "again")))
        yield* finish(next)
        assert.strictEqual(host.leaked(), 2)

        yield* Deferred.succeed(release, "at last")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(host.leaked(), 0)
      }).pipe(
        Effect.provide([
          layer(release),
          Logger.layer([Logger.make((options) => void logs.push(options.message))])
        ])
      )
    })
  )

  it.effect("F14 counts no handler that ends in time as abandoned", () =>
    Effect.gen(function* () {
      const host = yield* Effect.flatMap(Deaf, ToolHost.make)
      for (const id of ["a", "b"])
        assert.isTrue((yield* host.turn({ approve: no })(call("deaf", {}, id))).success)
      assert.strictEqual(host.leaked(), 0)
    }).pipe(Effect.provide(Deaf.toLayer({ deaf: () => Effect.succeed("heard") })))
  )

  it.effect("F14 delays neither the scope nor the interruption of the turn", () =>
    Effect.gen(function* () {
      const release = yield* Deferred.make<string>()
      yield* Scripted.play([Scripted.toolCall("deaf", {}), Scripted.message("never said")])
      const started = yield* Clock.currentTimeMillis
      const running = yield* Effect.forkChild(
        Effect.scoped(
          Effect.gen(function* () {
            const thread = yield* (yield* Codex).startThread({ tools: yield* Deaf })
            const turn = yield* Effect.forkScoped(thread.run("go"))
            yield* Effect.sleep("1 second")
            assert.isUndefined(turn.pollUnsafe())
          })
        ).pipe(Effect.provide(layer(release)), Effect.andThen(Clock.currentTimeMillis))
      )
      assert.strictEqual((yield* finish(running)) - started, 3000)
      yield* Deferred.succeed(release, "")
    }).pipe(Effect.provide([TestLayer, Logger.layer([])]))
  )
})

describe("F15 many concurrent calls", () => {
  const names = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"] as const
  const eight = (onFailure: "result" | "turn") => {
    const tool = <const N extends string>(name: N) =>
      Tool.make(name, { success: Schema.String, failure: Schema.Struct({ why: Schema.String }) }).annotate(
        ToolSettings.OnFailure,
        onFailure
      )
    return Toolkit.make(
      tool("t0"),
      tool("t1"),
      tool("t2"),
      tool("t3"),
      tool("t4"),
      tool("t5"),
      tool("t6"),
      tool("t7")
    )
  }
  /** Later ones are faster: answers come in another order than calls. `t3` fails. */
  const play = (onFailure: "result" | "turn") => {
    const Eight = eight(onFailure)
    const log = { now: 0, most: 0, started: new Array<string>(), finished: new Array<string>() }
    const work = (n: number) =>
      Effect.gen(function* () {
        log.started.push(`t${n}`)
        log.most = Math.max(log.most, ++log.now)
        yield* Effect.sleep(1000 - n * 100)
        if (n === 3) return yield* Effect.fail({ why: "three" })
        log.finished.push(`t${n}`)
        return `result ${n}`
      }).pipe(Effect.ensuring(Effect.sync(() => void log.now--)))
    const layer = Eight.toLayer({
      t0: () => work(0),
      t1: () => work(1),
      t2: () => work(2),
      t3: () => work(3),
      t4: () => work(4),
      t5: () => work(5),
      t6: () => work(6),
      t7: () => work(7)
    })
    const run = Effect.gen(function* () {
      yield* Scripted.play([
        together(...names.map((name) => Scripted.toolCall(name, {}))),
        Scripted.completed
      ])
      const thread = yield* (yield* Codex).startThread({ tools: yield* Eight })
      const running = yield* Effect.forkChild(Effect.exit(thread.run("go")))
      return yield* finish(running)
    }).pipe(Effect.provideService(ToolSettings.Concurrency, 3), Effect.provide([layer, TestLayer]))
    return { log, run }
  }

  it.effect(
    "F15 8 tools, 3 at once, one fails: each call has its own result, and its siblings finish",
    () => {
      const { log, run } = play("result")
      return Effect.gen(function* () {
        const exit = yield* run
        assert.isTrue(Exit.isSuccess(exit))
        if (Exit.isFailure(exit)) return
        assert.strictEqual(log.most, 3)
        assert.deepStrictEqual(log.started, [...names])
        assert.lengthOf(log.finished, 7)
        assert.notDeepEqual(log.finished, log.finished.toSorted())
        const answers = exit.value.items.flatMap((item) =>
          item._tag === "ToolCall" ? [[item.tool, item.status, item.output]] : []
        )
        assert.sameDeepMembers(
          answers,
          names.map((name, n) =>
            n === 3 ? [name, "failed", '{"why":"three"}'] : [name, "completed", `result ${n}`]
          )
        )
      })
    }
  )

  it.effect(
    "F15 8 tools, 3 at once, one fails the turn: what has not finished is stopped or never starts",
    () => {
      const { log, run } = play("turn")
      return Effect.gen(function* () {
        const exit = yield* run
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isSuccess(exit)) return
        const error = Cause.squash(exit.cause)
        assert.deepInclude(error, { _tag: "ToolFailed", tool: "t3", detail: '{"why":"three"}' })
        assert.deepStrictEqual(log.finished.includes("t7"), false)
        assert.isBelow(log.started.length, 8)
        assert.strictEqual(log.now, 0)
      })
    }
  )

  it.effect("a call that waits for its tool's limit takes no slot of other tools", () => {
    const Mixed = Toolkit.make(text("serial").annotate(ToolSettings.Concurrency, 1), text("free"))
    const order: Array<string> = []
    const note = (name: string, takes: number) => (params: { readonly n: number }) =>
      Effect.delay(
        Effect.sync(() => {
          order.push(`${name}${params.n}`)
          return name
        }),
        takes
      )
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(Mixed, ToolHost.make)
      const ask = host.turn({ approve: no })
      const calls = [
        ...[0, 1, 2].map((n) => call("serial", { n })),
        ...[0, 1].map((n) => call("free", { n }))
      ]
      const running = yield* Effect.forkChild(Effect.forEach(calls, ask, { concurrency: "unbounded" }))
      yield* finish(running)
      assert.deepStrictEqual(order, ["free0", "free1", "serial0", "serial1", "serial2"])
    }).pipe(
      Effect.provide(Mixed.toLayer({ serial: note("serial", 1000), free: note("free", 100) })),
      Effect.provideService(ToolSettings.Concurrency, 2)
    )
  })

  it.effect("waiting for a slot does not count towards the deadline", () => {
    const One = Toolkit.make(
      text("slow").annotate(ToolSettings.Concurrency, 1).annotate(ToolSettings.Deadline, "3 seconds")
    )
    return Effect.gen(function* () {
      const host = yield* Effect.flatMap(One, ToolHost.make)
      const calls = [0, 1, 2, 3].map((n) => call("slow", { n }))
      const running = yield* Effect.forkChild(
        Effect.forEach(calls, host.turn({ approve: no }), { concurrency: "unbounded" })
      )
      const answers = yield* finish(running)
      assert.isTrue(answers.every(({ success }) => success))
    }).pipe(Effect.provide(One.toLayer({ slow: () => Effect.as(Effect.sleep("2 seconds"), "done") })))
  })
})

describe("F35 calls beyond the limit", () => {
  const Capped = Toolkit.make(plain("search").annotate(ToolSettings.MaxCalls, 2), plain("free"))
  it.effect("F35 are rejected and do not run; the next turn counts anew", () => {
    let ran = 0
    return Effect.gen(function* () {
      const loop = Array.from({ length: 5 }, () => Scripted.toolCall("search", {}))
      yield* Scripted.play([...loop, Scripted.completed, Scripted.toolCall("search", {}), Scripted.completed])
      const thread = yield* (yield* Codex).startThread({ tools: yield* Capped })
      const turn = yield* thread.run("go")
      const rejection =
        "The call was rejected: this turn has already called search 2 times, which is the limit."
      assert.deepStrictEqual(outputs(turn), ["found", "found", rejection, rejection, rejection])
      assert.strictEqual(ran, 2)
      assert.deepStrictEqual(outputs(yield* thread.run("again")), ["found"])
    }).pipe(
      Effect.provide([
        Capped.toLayer({
          search: () => Effect.sync(() => (ran++, "found")),
          free: () => Effect.succeed("")
        }),
        TestLayer
      ])
    )
  })

  it.effect("F35 are counted over all tools together", () =>
    Effect.gen(function* () {
      const host = yield* Effect.flatMap(Capped, ToolHost.make)
      const ask = host.turn({ approve: no })
      const answers = yield* Effect.forEach(["free", "search", "free", "free", "search"], (tool) =>
        Effect.map(ask(call(tool)), ({ success }) => success)
      )
      assert.deepStrictEqual(answers, [true, true, true, false, false])
    }).pipe(
      Effect.provide(Capped.toLayer({ search: () => Effect.succeed(""), free: () => Effect.succeed("") })),
      Effect.provideService(ToolSettings.MaxCalls, 3)
    )
  )
})

describe("a tool that decides itself whether it needs approval", () => {
  const ran: Array<string> = []
  const tool = (name: string, needsApproval: () => boolean | Effect.Effect<boolean>) =>
    Tool.make(name, { success: Schema.String, needsApproval })
  const Careful = Toolkit.make(
    tool("yes", () => true),
    tool("no", () => false),
    tool("effect", () => Effect.succeed(false)),
    tool("throws", () => {
      throw new Error("broken")
    }),
    tool("dies", () => Effect.die("broken"))
  )
  const run = (name: string) => () => Effect.sync(() => (ran.push(name), "done"))

  it.effect("runs without approval only if it says so; a broken decision requires approval", () =>
    Effect.gen(function* () {
      const host = yield* Effect.flatMap(Careful, ToolHost.make)
      const asked: Array<string> = []
      const callTool = host.turn({
        approve: (request) =>
          Effect.sync(() => {
            if (request._tag === "Tool") asked.push(request.tool)
            return { _tag: "Decline", reason: "no" }
          })
      })
      for (const name of ["yes", "no", "effect", "throws", "dies"]) yield* callTool(call(name))
      assert.deepStrictEqual(asked, ["yes", "throws", "dies"])
      assert.deepStrictEqual(ran, ["no", "effect"])
    }).pipe(
      Effect.provide(
        Careful.toLayer({
          yes: run("yes"),
          no: run("no"),
          effect: run("effect"),
          throws: run("throws"),
          dies: run("dies")
        })
      )
    )
  )

  it.effect("ends the turn when the policy cancels its call", () =>
    Effect.gen(function* () {
      yield* Scripted.play([Scripted.toolCall("yes", {}), Scripted.message("never said")])
      const thread = yield* (yield* Codex).startThread({
        tools: yield* Toolkit.make(tool("yes", () => true))
      })
      const error = yield* Effect.flip(thread.run("go"))
      assert.deepInclude(error, { _tag: "TurnInterrupted", by: "policy" })
    }).pipe(
      Effect.provide([
        Toolkit.make(tool("yes", () => true)).toLayer({ yes: run("yes") }),
        Approval.layer(() => Effect.succeed(Approval.cancel)),
        TestLayer
      ])
    )
  )
})
