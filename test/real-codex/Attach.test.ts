import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as Engine from "../../src/engine/Engine.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { test, until } from "../support/live.ts"

const realClock = Context.get(Context.empty(), Clock.Clock)
const hour = 3_600_000
const anHourLater: Clock.Clock = Object.setPrototypeOf(
  {
    currentTimeMillis: Effect.map(realClock.currentTimeMillis, (now) => now + hour),
    currentTimeMillisUnsafe: () => realClock.currentTimeMillisUnsafe() + hour,
    currentTimeNanosUnsafe: () => realClock.currentTimeNanosUnsafe() + BigInt(hour) * 1_000_000n
  },
  realClock
)

const escalated = (command: string) => M.reply(M.shell(command, { escalate: "I need it" }))
const attach = (id: string) => Effect.flatMap(Codex, (codex) => codex.attach(ThreadId.make(id)))
const commands = ({ items }: Turn.Turn) =>
  items.flatMap((item) => (item._tag === "CommandExecution" ? [item.status] : []))

/** A policy that never decides, and says when it is asked. */
const undecided = Effect.map(Deferred.make<void>(), (asked) => ({
  asked: Deferred.await(asked),
  layer: Approval.layer(() => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
}))

/** A turn whose request waits, after the program that started it has left it. */
const leftWaiting = Effect.gen(function* () {
  const codex = yield* CodexSocket.make([escalated("echo x >> runs"), M.reply(M.text("done"))])
  const first = yield* undecided
  const id = yield* Effect.gen(function* () {
    const thread = yield* codex.start({ onScopeClose: "detach" })
    yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
    yield* first.asked
    return thread.id
  }).pipe(Effect.scoped, Effect.provide([codex.layer, first.layer]))
  return { codex, id }
})

describe.concurrent("attaching to a running turn", () => {
  test("shows two programs the turn of a third, from its start to its end, and leaves it running when they go", () =>
    Effect.gen(function* () {
      const more = yield* Deferred.make<void>()
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("echo x >> runs"), M.usage({ input: 10, output: 1 })),
        M.reply(M.until(Deferred.await(more)), M.text("done"), M.usage({ input: 20, output: 3 }))
      ])
      const owner = yield* Effect.provideContext(codex.start(), yield* Layer.build(codex.layer))
      const running = yield* Effect.forkScoped(owner.run("go"))
      yield* until(
        "the model is asked again",
        Effect.map(codex.model.requests, ({ length }) => length === 2)
      )
      // The first observer only looks, an hour later by its clock.
      const looked = yield* Effect.flatMap(attach(owner.id), ({ snapshot, spent }) =>
        // Codex reports the usage so far right after it has opened the thread.
        Effect.andThen(
          until(
            "the usage so far is known",
            Effect.map(spent, ({ timeMillis, tokens }) => tokens === 11 && timeMillis >= hour)
          ),
          snapshot
        )
      ).pipe(Effect.scoped, Effect.provide(codex.layer), Effect.provideService(Clock.Clock, anHourLater))
      assert.deepInclude(looked.usage, { input: 10, output: 1 })
      assert.isAtLeast(looked.time.totalMillis, hour)
      assert.deepStrictEqual([looked.message, commands(looked)], ["", ["completed"]])
      assert.strictEqual(looked.items[0]?._tag, "UserMessage")
      const [events, turn, usage] = yield* Effect.gen(function* () {
        const attached = yield* attach(owner.id)
        assert.strictEqual(attached.turnId, looked.id)
        const events = yield* Effect.forkChild(Stream.runCollect(attached.events), {
          startImmediately: true
        })
        yield* Deferred.succeed(more, undefined)
        const turn = yield* attached.await
        return [yield* Fiber.join(events), turn, yield* attached.spent] as const
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      const own = yield* Fiber.join(running)
      assert.deepStrictEqual([turn.id, turn.message, commands(turn)], [own.id, "done", ["completed"]])
      assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
      assert.strictEqual(usage.tokens, 34)
      const none = yield* Effect.flip(attach(owner.id)).pipe(Effect.scoped, Effect.provide(codex.layer))
      assert.deepInclude(none, { _tag: "InvalidRequest", reason: "NoTurnRunning" })
      assert.include(none.message, "no turn is running")
      assert.strictEqual((yield* codex.model.requests).length, 2)
    }))

  test("counts what the turn used before against the budget of the program that attaches", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("true"), M.usage({ input: 10, output: 1 })),
        M.reply(M.never)
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* codex.start({ onScopeClose: "detach" })
        yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* until(
          "the model is asked again",
          Effect.map(codex.model.requests, ({ length }) => length === 2)
        )
        return thread.id
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      const error = yield* Effect.gen(function* () {
        const { attach } = yield* Codex
        const attached = yield* attach(id, { budget: { tokens: 10 } })
        return yield* Effect.flip(attached.await)
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      assert.deepInclude(error, { _tag: "BudgetExceeded", reason: "Tokens", limit: 10, used: 11 })
    }))

  test("leaves an approval to the program that has a policy, and asks the policy of the program that attaches", () =>
    Effect.gen(function* () {
      const { codex, id } = yield* leftWaiting
      // It has no policy, so it declines nothing.
      yield* Effect.gen(function* () {
        const { snapshot } = yield* attach(id)
        // Codex has sent the request again before it answers this.
        yield* Effect.flatMap(Codex, (codex) => codex.readThread(id))
        assert.strictEqual((yield* snapshot).items.length, 1)
        assert.strictEqual((yield* codex.model.requests).length, 1)
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      const turn = yield* Effect.flatMap(attach(id), (attached) => attached.await).pipe(
        Effect.scoped,
        Effect.provide([codex.layer, Approval.layer(() => Effect.succeed(Approval.accept))])
      )
      assert.deepStrictEqual([turn.message, commands(turn)], ["done", ["completed"]])
    }))

  test("calls the tool of the program that attaches for a call that waits, and interrupts the turn on request", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make([
        M.reply(M.call("slow", {})),
        M.reply(M.shell("touch started; sleep 100"))
      ])
      const Tools = Toolkit.make(Tool.make("slow", { success: Schema.String }))
      const called = yield* Deferred.make<void>()
      const withTool = (slow: () => Effect.Effect<string>) => Effect.provide(Tools, Tools.toLayer({ slow }))
      const id = yield* Effect.gen(function* () {
        const tools = yield* withTool(() => Effect.andThen(Deferred.succeed(called, undefined), Effect.never))
        const thread = yield* codex.start({ tools })
        yield* thread.detach
        yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* Deferred.await(called)
        return thread.id
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      const error = yield* Effect.gen(function* () {
        const tools = yield* withTool(() => Effect.succeed("the result"))
        const attached = yield* Effect.flatMap(Codex, (codex) => codex.attach(id, { tools }))
        yield* until("the command runs", codex.exists("started"))
        yield* attached.interrupt
        return yield* Effect.flip(attached.await)
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      assert.strictEqual(error._tag, "TurnInterrupted")
      assert.deepStrictEqual(
        (yield* codex.model.requests).at(-1)?.toolOutputs.map(({ output }) => output),
        ["the result"]
      )
    }))
})

describe("effect-codex attach", () => {
  test("shows the running turn of another program to its end, answers its requests, and fails without a turn", () =>
    Effect.gen(function* () {
      const { codex, id } = yield* leftWaiting
      const attach = (...args: ReadonlyArray<string>) =>
        CommandLine.run({
          args: ["attach", "--socket", codex.proxyPath, "--approve", "all", ...args],
          env: { CODEX_OTLP_ENABLE: "0" }
        })
      const ran = yield* attach("--json", id)
      const last = CommandLine.jsonLines(ran.stdout).at(-1)
      assert.strictEqual(ran.code, 0)
      assert.include(JSON.stringify(last), '"message":"done"')
      const none = yield* attach(id)
      assert.strictEqual(none.code, 1)
      assert.include(none.stderr, "no turn is running")
    }))
})

describe.concurrent("a detached thread", () => {
  test("leaves its running turn when its scope closes before a handle has the turn", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const codex = yield* CodexSocket.make([M.reply(M.until(Deferred.await(gate)), M.text("done"))])
      const id = yield* Effect.gen(function* () {
        const thread = yield* codex.start({ onScopeClose: "detach" })
        yield* Effect.forkScoped(thread.run("go", { key: "k" }), { startImmediately: true })
        yield* until(
          "the model is asked",
          Effect.map(codex.model.requests, ({ length }) => length === 1)
        )
        return thread.id
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      const turns: Array<Engine.AdoptedTurn> = []
      const none = undefined
      yield* Effect.flatMap(Engine.Engine, (engine) =>
        engine.resumeThread(id, {
          cwd: codex.workspace,
          sandbox: "workspace-write",
          approvalMode: "on-request",
          model: none,
          instructions: none,
          ephemeral: none,
          tools: [],
          observer: { onTurn: (turn) => void turns.push(turn), onGoal: () => {}, onExit: () => {} },
          leavesTurns: true
        })
      ).pipe(Effect.scoped, Effect.provide(codex.layer))
      assert.lengthOf(turns, 1)
      yield* Deferred.succeed(gate, undefined)
      const turn = yield* Effect.flatMap(codex.resume(id), (thread) => thread.run("go", { key: "k" })).pipe(
        Effect.scoped,
        Effect.provide(codex.layer)
      )
      assert.strictEqual(turn.message, "done")
      assert.lengthOf(yield* codex.model.requests, 1)
    }))

  test("finishes its turn without a program, also when the effect that runs it is interrupted", () =>
    Effect.gen(function* () {
      const more = yield* Deferred.make<void>()
      const codex = yield* CodexSocket.make([
        M.reply(M.shell("touch started; while [ ! -e go ]; do sleep 0.05; done; echo x >> runs")),
        M.reply(M.until(Deferred.await(more)), M.text("done")),
        M.reply(M.shell("touch again; sleep 100"))
      ])
      const id = yield* Effect.gen(function* () {
        const thread = yield* codex.start({ onScopeClose: "detach" })
        const running = yield* Effect.forkChild(thread.run("go", { key: "k" }), { startImmediately: true })
        yield* until("the command runs", codex.exists("started"))
        yield* Fiber.interrupt(running)
        // The handle still observes the turn.
        const attached = yield* attach(thread.id)
        // The command may run before Codex reports it.
        yield* until(
          "the command is reported",
          Effect.map(attached.snapshot, (turn) => commands(turn).includes("inProgress"))
        )
        return thread.id
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      yield* codex.touch("go")
      yield* until(
        "the model is asked again",
        Effect.map(codex.model.requests, ({ length }) => length === 2)
      )
      yield* Deferred.succeed(more, undefined)
      yield* Effect.gen(function* () {
        const thread = yield* codex.resume(id)
        const turn = yield* thread.run("go", { key: "k" })
        assert.deepStrictEqual([turn.message, commands(turn)], ["done", ["completed"]])
        yield* thread.detach
        const running = yield* Effect.forkChild(Effect.flip(thread.run("again")), { startImmediately: true })
        yield* until("the command runs", codex.exists("again"))
        yield* thread.interrupt
        assert.strictEqual((yield* Fiber.join(running))._tag, "TurnInterrupted")
      }).pipe(Effect.scoped, Effect.provide(codex.layer))
      assert.strictEqual((yield* codex.model.requests).length, 3)
    }))
})
