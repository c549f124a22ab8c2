import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codex } from "../../../src/Codex.ts"
import * as CodexWarnings from "../../../src/engine/app-server/CodexWarnings.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test, until } from "../../support/live.ts"

const textOf = (method: string, params: unknown) => CodexWarnings.read(method, params)?.text

describe("a warning of Codex", () => {
  it("is read from each notification that warns", () => {
    const thread = { threadId: "t", turnId: "u" }
    for (const [method, params, expected] of [
      ["warning", { threadId: null, message: "careful" }, "careful"],
      ["guardianWarning", { threadId: "t", message: "careful" }, "careful"],
      ["configWarning", { summary: "bad key", details: null }, "configuration: bad key"],
      [
        "configWarning",
        { summary: "bad key", details: "line 2", path: "/c.toml" },
        "configuration /c.toml: bad key (line 2)"
      ],
      ["deprecationNotice", { summary: "old", details: "use new" }, "deprecated: old (use new)"],
      [
        "model/rerouted",
        { ...thread, fromModel: "a", toModel: "b", reason: "highRiskCyberActivity" },
        "the model b runs instead of a (highRiskCyberActivity)"
      ],
      [
        "mcpServer/startupStatus/updated",
        { threadId: "t", name: "docs", status: "failed", error: "not found" },
        'the MCP server "docs" did not start: not found'
      ],
      [
        "mcpServer/startupStatus/updated",
        { threadId: "t", name: "docs", status: "ready", error: null },
        undefined
      ],
      [
        "windows/worldWritableWarning",
        { samplePaths: ["C:\\x"], extraCount: 0, failedScan: false },
        "everyone may write to C:\\x"
      ],
      ["turn/started", thread, undefined],
      ["toString", {}, undefined]
    ] as const)
      assert.strictEqual(textOf(method, params), expected, method)
  })

  const Json = Schema.fromJsonString(Schema.Json)
  const Method = Schema.Literals([
    "warning",
    "guardianWarning",
    "configWarning",
    "deprecationNotice",
    "model/rerouted",
    "mcpServer/startupStatus/updated",
    "windows/worldWritableWarning"
  ])

  it.prop("is read from any parameters without an error", [Method, Schema.Json], ([method, params]) => {
    const text = textOf(method, params)
    assert.isTrue(
      text === undefined || typeof text === "string",
      JSON.stringify(Schema.encodeSync(Json)(params))
    )
  })

  it.prop(
    "becomes one bounded line without control characters",
    [Schema.String, Schema.Literals([1, 5000])],
    ([message, times]) => {
      const line = CodexWarnings.makeLines()({
        text: message.repeat(times),
        threadId: undefined,
        isContent: false
      })
      assert.isAtMost(line?.length ?? 0, 2000 * 8)
      assert.notMatch(line ?? "", /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
    }
  )

  it("is logged once, and at most a hundred different ones are", () => {
    const lineOf = CodexWarnings.makeLines()
    const lines = Array.from({ length: 1000 }, (_, index) =>
      lineOf({ text: `number ${index % 500}`, threadId: undefined, isContent: false })
    ).filter((line) => line !== undefined)
    assert.lengthOf(lines, 101)
    assert.strictEqual(
      lines.at(-1),
      "codex sent more than 100 different warnings; the log leaves out the others"
    )
  })
})

describe.concurrent("the warnings of a process", () => {
  test("are logged, in the turn that they concern, and are notifications too", () =>
    Effect.gen(function* () {
      const warning = (threadId: string | null, message: string) =>
        Fake.notify("warning", { threadId, message })
      const fake = yield* Fake.make({
        on: {
          "thread/start": [
            [
              { reply: { thread: { id: "thread-1" }, model: "m", modelProvider: "p", cwd: "/" } },
              warning(null, "no \u001b[31mbubblewrap\u001b]0;title\u0007"),
              warning("other-thread", "again"),
              warning("other-thread", "again")
            ]
          ],
          "turn/start": [Fake.turn("done", warning("$thread", "in the turn"))]
        }
      })
      const logged: Array<readonly [level: string, message: unknown, caller: unknown]> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        logged.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)["caller"]])
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const seen: Array<unknown> = []
        yield* Effect.forkScoped(
          Stream.runForEach(codex.notifications, (one) => Effect.sync(() => seen.push(one))),
          { startImmediately: true }
        )
        const thread = yield* codex.startThread().pipe(Effect.annotateLogs("caller", "start"))
        yield* thread.run("go").pipe(Effect.annotateLogs("caller", "turn"))
        yield* until(
          "all warnings arrive",
          Effect.sync(() => logged.length >= 3)
        )
        assert.deepStrictEqual(logged, [
          ["Warn", ["codex: no bubblewrap\\x1b]0;title\\x07"], undefined],
          ["Warn", ["codex: again"], undefined],
          ["Warn", ["codex: in the turn"], "turn"]
        ])
        assert.lengthOf(
          seen.filter((one) => JSON.stringify(one).includes('"warning"')),
          4
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(fake.layer()),
        Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
      )
    }))
})
