import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Approval from "../../src/Approval.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as AgentCalls from "../support/agentCalls.ts"
import * as ManagedCodex from "../support/managedCodex.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const turn = [M.reply(M.shell("touch made", { escalate: "I need it" })), M.reply(M.text("done"))]

/** Runs the same command in two turns. Returns the requests, and the rules that Codex stored. */
const run = (decide: (request: Approval.ApprovalRequest) => Approval.ApprovalDecision) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const asked: Array<Approval.ApprovalRequest> = []
    const real = yield* Real.make([...turn, ...turn])
    const policy = Approval.layer((request) =>
      Effect.sync(() => {
        asked.push(request)
        return decide(request)
      })
    )
    yield* Effect.gen(function* () {
      const thread = yield* real.start()
      yield* thread.run("one")
      yield* thread.run("two")
    }).pipe(Effect.provide(real.layer.pipe(Layer.provideMerge(policy))))
    const rules = yield* Effect.orElseSucceed(
      fs.readFileString(`${real.env.CODEX_HOME}/rules/default.rules`),
      () => ""
    )
    return { asked, rules, ran: yield* real.exists("made") }
  })

describe.concurrent("a lasting approval of the real Codex", () => {
  test("is offered with the exact words, and holds for later commands only if the decision names it", () =>
    Effect.gen(function* () {
      const { asked, ran, rules } = yield* run((request) =>
        request._tag === "Command" && request.amendments?.[0] !== undefined
          ? Approval.acceptWithAmendment(request.amendments[0])
          : Approval.decline("nothing is offered")
      )
      assert.isTrue(ran)
      assert.lengthOf(asked, 1)
      const offered = asked[0]?._tag === "Command" ? asked[0].amendments : undefined
      assert.deepStrictEqual(offered, [{ _tag: "ExecPolicy", prefix: ["touch", "made"] }])
      assert.include(rules, '["touch", "made"]')
    }))

  test("is not granted by an acceptance, also for the session", () =>
    Effect.gen(function* () {
      for (const decision of [Approval.accept, Approval.acceptForSession]) {
        const { asked, ran, rules } = yield* run(() => decision)
        assert.isTrue(ran)
        assert.isAtLeast(asked.length, 1)
        assert.strictEqual(rules, "")
      }
    }))

  test("that Codex does not offer declines the request", () =>
    Effect.gen(function* () {
      const { ran, rules } = yield* run(() =>
        Approval.acceptWithAmendment({ _tag: "ExecPolicy", prefix: ["touch"] })
      )
      assert.isFalse(ran)
      assert.strictEqual(rules, "")
    }))

  test("H27 of a host holds for later connections, and the agent cannot widen it to several hosts", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const hosts = ["docs.test", "docs.test", ".test", "*.test"]
      const real = yield* Real.make(
        [...hosts.map((host) => M.reply(M.shell(ManagedCodex.connectTo(host)))), M.reply(M.text("done"))],
        { engine: { codexPath: yield* ManagedCodex.make } }
      )
      const asked: Array<Approval.ApprovalRequest> = []
      const policy = Approval.layer((request) =>
        Effect.sync(() => {
          asked.push(request)
          const [amendment] = request._tag === "Command" ? (request.amendments ?? []) : []
          return amendment === undefined ? Approval.accept : Approval.acceptWithAmendment(amendment)
        })
      )
      yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(real.layer, policy))
      )
      assert.deepStrictEqual(
        asked.map((request) =>
          request._tag === "Command" ? [request.wants?.network?.host, request.amendments] : []
        ),
        [
          ["docs.test", [{ _tag: "Network", host: "docs.test" }]],
          [".test", undefined],
          ["*.test", undefined]
        ]
      )
      const rules = yield* fs.readFileString(`${real.env.CODEX_HOME}/rules/default.rules`)
      assert.deepStrictEqual(rules.match(/host="[^"]*"/g), ['host="docs.test"'])
    }))

  test("of an MCP tool holds for other arguments: for the session in its thread, always in every thread", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const call = (name: string) => M.reply(AgentCalls.callThings("write_it", { name }, name))
      const done = M.reply(M.text("done"))
      const calls = ["a", "b", "c", "d", "e"].map(call)
      const real = yield* Real.make(
        [...calls.slice(0, 2), done, ...calls.slice(2, 4), done, ...calls.slice(4), done],
        {
          config: AgentCalls.things
        }
      )
      const stored = Effect.map(fs.readFileString(`${real.env.CODEX_HOME}/config.toml`), (text) =>
        text.includes('[mcp_servers.things.tools.write_it]\napproval_mode = "approve"')
      )
      const asked: Array<unknown> = []
      const run = (lasts: "session" | "always") =>
        Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
          Effect.scoped,
          Effect.provideService(Approval.Current, (request) =>
            Effect.sync(() => {
              if (request._tag !== "McpTool") return Approval.decline("another request")
              asked.push([request.arguments, request.amendments?.length])
              return Approval.acceptWithAmendment({ _tag: "McpTool", lasts })
            })
          )
        )
      yield* Effect.gen(function* () {
        yield* run("session")
        assert.isFalse(yield* stored)
        yield* run("always")
        assert.isTrue(yield* stored)
        yield* run("always")
      }).pipe(Effect.provide(real.layer))
      assert.deepStrictEqual(asked, [
        [{ name: "a" }, 2],
        [{ name: "c" }, 2]
      ])
    }))
})
