import { assert, describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { Codex, CodexError } from "effect-codex"
import { Golden, Scripted, TestLayer } from "effect-codex/testing"
import { random } from "../telemetry/tail-sampling/random.ts"

const span = (
  name: string,
  start: number,
  durationMillis: number,
  more: Partial<Golden.NormalSpan> = {}
): Golden.NormalSpan => ({
  name,
  kind: "internal",
  status: "unset",
  attributes: {},
  events: [],
  spanId: `${name} ${start}`,
  start,
  durationMillis,
  ...more
})

const turn = Effect.gen(function* () {
  yield* Scripted.play([
    Scripted.command("npm test", { exitCode: 1, takes: "2 seconds" }),
    Scripted.message("It fails.", { takes: "1 second" }),
    Scripted.usage({ input: 10, output: 2 })
  ])
  const codex = yield* Codex
  const thread = yield* codex.startThread()
  const running = yield* Effect.forkChild(thread.run("go"))
  yield* TestClock.adjust("5 seconds")
  yield* Fiber.join(running)
}).pipe(Effect.scoped)

describe("the normalized form of a trace", () => {
  it.effect("is a tree for an inline snapshot", () =>
    Effect.gen(function* () {
      yield* turn
      expect(yield* Golden.trace()).toMatchInlineSnapshot(`
        "codex.thread.start
        invoke_agent codex
          chat scripted [client]
          execute_tool exec_command
            npm [client] ERROR CommandFailed
          chat scripted [client]"
      `)
      expect(yield* Golden.trace({ attributes: ["gen_ai.conversation.id", "process.exit.code"] }))
        .toMatchInlineSnapshot(`
        "codex.thread.start
          @ gen_ai.conversation.id = <thread 1>
        invoke_agent codex
          @ gen_ai.conversation.id = <thread 1>
          * codex.token_usage.updated
          chat scripted [client]
            @ gen_ai.conversation.id = <thread 1>
          execute_tool exec_command
            @ gen_ai.conversation.id = <thread 1>
            npm [client] ERROR CommandFailed
              @ gen_ai.conversation.id = <thread 1>
              @ process.exit.code = 1
          chat scripted [client]
            @ gen_ai.conversation.id = <thread 1>"
      `)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("compares with a hand-written tree at any indentation, and dies with a readable difference", () =>
    Effect.gen(function* () {
      yield* turn
      yield* Golden.expectTrace(`
        codex.thread.start
        invoke_agent codex
          chat scripted [client]
          execute_tool exec_command
            npm [client] ERROR CommandFailed
          chat scripted [client]
      `)
      const exit = yield* Effect.exit(
        Golden.expectTrace(`
          codex.thread.start
          invoke_agent codex
            chat scripted [client]
            execute_tool exec_command
              npm [client]
            chat scripted [client]
        `)
      )
      assert.isTrue(Exit.isFailure(exit))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.include(
        String(defect),
        `   execute_tool exec_command\n-    npm [client]\n+    npm [client] ERROR CommandFailed\n   chat scripted [client]`
      )
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("distinguishes a failed turn from a completed one", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.failed(new CodexError.TurnFailed({ reason: "ServerError", detail: "in /tmp/x" }))
      ])
      const codex = yield* Codex
      const thread = yield* codex.startThread()
      assert.isTrue(Option.isNone(Exit.getSuccess(yield* Effect.exit(thread.run("go")))))
      yield* Golden.expectTrace(`
        codex.thread.start
        invoke_agent codex ERROR TurnFailed.ServerError
          chat scripted [client] ERROR TurnFailed.ServerError
      `)
    }).pipe(Effect.scoped, Effect.provide(TestLayer))
  )

  it("replaces values that vary between runs, equal values by equal names", () => {
    const shown = (attributes: Record<string, unknown>, options: Golden.NormalizeOptions = {}) =>
      Golden.normalize([span("a", 0, 1, { attributes })], { attributes: "all", ...options })
        .split("\n")
        .slice(1)
        .map((line) => line.trim().slice(2))
    assert.deepStrictEqual(
      shown({
        "gen_ai.conversation.id": "t-1",
        "session.id": "t-1",
        "gen_ai.tool.call.id": "c-9",
        "codex.turn.time.tools_ms": 12.5,
        "gen_ai.response.time_to_first_chunk": 0.2
      }),
      [
        "codex.turn.time.tools_ms = <time>",
        "gen_ai.conversation.id = <thread 1>",
        "gen_ai.response.time_to_first_chunk = <time>",
        "gen_ai.tool.call.id = <call 1>",
        "session.id = <thread 1>"
      ]
    )
    assert.deepStrictEqual(
      shown({
        a: "read /tmp/x-1f/file.ts and /home/ada/b, not either/or",
        b: "http://127.0.0.1:43127/v1 at 2026-10-01T10:00:00.123Z",
        c: "codex 0.169.0",
        d: "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8",
        e: ["019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8", "~/notes.md"],
        f: "two\nlines"
      }),
      [
        "a = read <path> and <path>, not either/or",
        "b = http://127.0.0.1:<port>/v1 at <date>",
        "c = codex <version>",
        "d = <id 1>",
        'e = ["<id 1>","<path>"]',
        "f = two\\nlines"
      ]
    )
    assert.deepStrictEqual(shown({ a: "job 7 of 7" }, { replace: [[/job \d+/, "job <n>"]] }), [
      "a = job <n> of 7"
    ])
  })

  it("does not depend on the start order of parallel siblings, and keeps the order of sequential ones", () => {
    const tools = ["a", "b", "c", "d"]
    const next = random(11)
    const forms = new Set<string>()
    for (let run = 0; run < 50; run++) {
      const parallel = tools.map((tool) =>
        span(`execute_tool ${tool}`, 10 + next() * 5, 20 + next() * 5, {
          parentSpanId: "root",
          spanId: `tool ${tool}`,
          attributes: { "gen_ai.tool.call.id": `call ${next()}` }
        })
      )
      const all = [
        span("root", 0, 100, { spanId: "root" }),
        span("chat m", 0, 10, { parentSpanId: "root", kind: "client" }),
        ...parallel,
        span("chat m", 40, 10, { parentSpanId: "root", kind: "client" }),
        span("execute_tool a", 60, 1, { parentSpanId: "root" })
      ]
      const shuffled = all.map((one) => [next(), one] as const).toSorted(([a], [b]) => a - b)
      forms.add(
        Golden.normalize(
          shuffled.map(([, one]) => one),
          { attributes: "all" }
        )
      )
    }
    assert.strictEqual(forms.size, 1)
    const [form = ""] = forms
    assert.deepStrictEqual(
      form
        .split("\n")
        .filter((line) => !line.includes("@"))
        .map((line) => line.trim()),
      [
        "root",
        "chat m [client]",
        ...tools.map((tool) => `execute_tool ${tool}`),
        "chat m [client]",
        "execute_tool a"
      ]
    )
  })

  it("accepts spans without a parent and cycles of parents", () => {
    assert.strictEqual(Golden.normalize([]), "")
    assert.strictEqual(Golden.normalize([span("orphan", 1, 1, { parentSpanId: "gone" })]), "orphan")
    assert.strictEqual(Golden.normalize([span("self", 1, 1, { spanId: "x", parentSpanId: "x" })]), "self")
    const circle = [
      span("a", 1, 1, { spanId: "a", parentSpanId: "b" }),
      span("b", 2, 1, { spanId: "b", parentSpanId: "a" })
    ]
    assert.include(Golden.normalize(circle), "a")
  })

  it("contains repeated updates once, because their number depends on time", () => {
    const usage = (input: number) => ({
      name: "codex.token_usage.updated",
      attributes: { "gen_ai.usage.input_tokens": input }
    })
    const diff = (bytes: number) => ({
      name: "codex.diff.updated",
      attributes: { "codex.diff.bytes": bytes }
    })
    const form = (events: Golden.NormalSpan["events"]) =>
      Golden.normalize([span("a", 0, 1, { events })], { attributes: "all" })
    assert.strictEqual(form([usage(1), diff(5), usage(2), diff(7)]), form([diff(7), usage(3)]))
    assert.notStrictEqual(form([usage(1)]), form([usage(2)]))
  })
})

describe("Golden.diff", () => {
  it("is empty for equal texts, and otherwise shows each changed line with its context", () => {
    assert.strictEqual(Golden.diff("a\nb", "a\nb"), "")
    const lines = Array.from({ length: 20 }, (_, at) => `line ${at}`)
    const other = lines.with(10, "another").toSpliced(15, 1)
    assert.strictEqual(
      Golden.diff(lines.join("\n"), other.join("\n")),
      [
        "@@ -8,12 +8,11 @@",
        " line 7",
        " line 8",
        " line 9",
        "-line 10",
        "+another",
        " line 11",
        " line 12",
        " line 13",
        " line 14",
        "-line 15",
        " line 16",
        " line 17",
        " line 18"
      ].join("\n")
    )
  })

  it("shows the changed line of texts with thousands of lines", () => {
    const long = Array.from({ length: 3_000 }, (_, at) => `line ${at}`)
    assert.strictEqual(
      Golden.diff(long.join("\n"), long.with(2_000, "another").join("\n")),
      [
        "@@ -1998,7 +1998,7 @@",
        " line 1997",
        " line 1998",
        " line 1999",
        "-line 2000",
        "+another",
        " line 2001",
        " line 2002",
        " line 2003"
      ].join("\n")
    )
  })
})
