import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Codex, CodexError, ContentCapture } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"
import * as LogPipeline from "../../src/telemetry/logs/LogPipeline.ts"
import type { LogRecord } from "../../src/instrumentation/LogRecord.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"

const lookup = Tool.make("lookup", {
  parameters: Schema.Struct({ id: Schema.String, password: Schema.String }),
  success: Schema.Struct({ title: Schema.String })
})
const Tools = Toolkit.make(lookup)
const Handlers = Tools.toLayer({ lookup: ({ id }) => Effect.succeed({ title: `about ${id}` }) })

const script = [
  Scripted.reasoning("let me see"),
  Scripted.command("/bin/bash -lc 'npm test'", { output: "2 failed", exitCode: 1 }),
  Scripted.fileChange([{ path: "src/a.ts", kind: "update", diff: "+new\n-old" }]),
  Scripted.toolCall("lookup", { id: "T-42", password: "hunter2" }),
  Scripted.message("Fixed."),
  Scripted.completed
]

/** Runs the turn, and gives the records of content. */
const run = Effect.fnUntraced(function* (
  layer: Layer.Layer<never>,
  mode?: string,
  steps: ReadonlyArray<Scripted.ScriptedStep> = script
) {
  const records: Array<LogRecord> = []
  yield* Scripted.play(steps)
  const sink = Layer.effectDiscard(
    LogPipeline.LogRecords.use((all) =>
      all.add({ lines: false, write: (record) => void records.push(record) })
    )
  ).pipe(Layer.provideMerge(LogPipeline.layer))
  yield* Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      cwd: "/srv/project",
      instructions: "Be brief.",
      tools: yield* Tools
    })
    return yield* Effect.exit(thread.run("Fix ticket T-42"))
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(Handlers, layer, sink)),
    Effect.provideService(
      Settings.Environment,
      mode === undefined ? {} : { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: mode }
    )
  )
  return records
    .filter((record) => record.content)
    .map((record) => ({
      ...record,
      fields: Object.fromEntries(record.fields.map(({ key, value }) => [key, value]))
    }))
})

const content = [
  "gen_ai.system_instructions",
  "gen_ai.input.messages",
  "gen_ai.output.messages",
  "gen_ai.tool.call.arguments",
  "gen_ai.tool.call.result",
  "process.command_line",
  "process.working_directory",
  "codex.file.paths",
  "codex.file.diffs"
]

/** The names of all content that is on a span. */
const onSpans = Effect.map(Captured.spans, (spans) =>
  content.filter((name) => spans.some((span) => Object.hasOwn(span.attributes, name)))
)

const text = (content: string) => ({ type: "text", content })
const assistant = (...parts: ReadonlyArray<unknown>) => [{ role: "assistant", parts, finish_reason: "stop" }]
const parsed = (value: unknown): unknown => JSON.parse(String(value))

describe("content capture", () => {
  it.effect("captures nothing by default", () =>
    Effect.gen(function* () {
      for (const mode of [undefined, "NO_CONTENT", "nonsense", ""]) {
        assert.deepStrictEqual(yield* run(Layer.empty, mode), [])
        assert.deepStrictEqual(yield* onSpans, [])
      }
      assert.deepStrictEqual(yield* run(ContentCapture.layer({}), "SPAN_AND_EVENT"), [])
      assert.deepStrictEqual(yield* onSpans, [])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("puts content on the spans that it belongs to", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(Layer.empty, "span_only"), [])
      const agent = (yield* Captured.span("invoke_agent codex")).attributes
      assert.deepStrictEqual(parsed(agent["gen_ai.input.messages"]), [
        { role: "user", parts: [text("Fix ticket T-42")] }
      ])
      const thought = { type: "reasoning", content: "let me see" }
      assert.deepStrictEqual(parsed(agent["gen_ai.output.messages"]), assistant(thought, text("Fixed.")))
      const command = (yield* Captured.span("execute_tool exec_command")).attributes
      assert.strictEqual(command["process.command_line"], "npm test")
      assert.strictEqual(command["process.working_directory"], "/srv/project")
      assert.strictEqual(command["gen_ai.tool.call.result"], "2 failed")
      const patch = (yield* Captured.span("execute_tool apply_patch")).attributes
      assert.deepStrictEqual(patch["codex.file.paths"], ["src/a.ts"])
      assert.deepStrictEqual(patch["codex.file.diffs"], ["+new\n-old"])
      const call = (yield* Captured.span("execute_tool lookup")).attributes
      assert.deepStrictEqual(parsed(call["gen_ai.tool.call.arguments"]), {
        id: "T-42",
        password: "[redacted]"
      })
      assert.deepStrictEqual(parsed(call["gen_ai.tool.call.result"]), { title: "about T-42" })
      const chats = (yield* Captured.spans).filter((span) => span.name === "chat scripted")
      assert.deepStrictEqual(parsed(chats[0]?.attributes["gen_ai.output.messages"]), assistant(thought))
      assert.deepStrictEqual(
        parsed(chats.at(-1)?.attributes["gen_ai.output.messages"]),
        assistant(text("Fixed."))
      )
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("puts content in log records, and also on spans when both are enabled", () =>
    Effect.gen(function* () {
      const records = yield* run(Layer.empty, "EVENT_ONLY")
      assert.deepStrictEqual(yield* onSpans, [])
      assert.strictEqual(records.length, 4)
      const agent = yield* Captured.span("invoke_agent codex")
      const last = records.at(-1)
      assert.strictEqual(last?.event, "gen_ai.client.inference.operation.details")
      assert.strictEqual(last?.span?.spanId, agent.spanId)
      assert.strictEqual(last?.fields["gen_ai.conversation.id"], "thread_1")
      assert.strictEqual(last?.fields["codex.turn.id"], "turn_1")
      assert.strictEqual(last?.fields["codex.originator"], "sdk")
      assert.include(String(last?.fields["gen_ai.input.messages"]), "Fix ticket T-42")
      const call = records.find((record) => "gen_ai.tool.call.arguments" in record.fields)
      assert.strictEqual(call?.span?.spanId, (yield* Captured.span("execute_tool lookup")).spanId)
      assert.notInclude(JSON.stringify(records), "hunter2")
      assert.strictEqual((yield* run(Layer.empty, "SPAN_AND_EVENT")).length, 4)
      assert.deepStrictEqual(yield* onSpans, content)
    }).pipe(Effect.provide(TestLayer))
  )

  for (const [kind, names] of [
    ["prompts", ["gen_ai.system_instructions", "gen_ai.input.messages"]],
    ["responses", ["gen_ai.input.messages", "gen_ai.output.messages"]],
    ["toolArguments", ["gen_ai.input.messages", "gen_ai.tool.call.arguments"]],
    ["toolResults", ["gen_ai.input.messages", "gen_ai.tool.call.result"]],
    ["commands", ["gen_ai.input.messages", "process.command_line"]],
    ["paths", ["process.working_directory", "codex.file.paths"]],
    ["diffs", ["gen_ai.input.messages", "codex.file.diffs"]],
    ["errors", []]
  ] as const) {
    it.effect(`captures one kind when code enables ${kind}`, () =>
      Effect.gen(function* () {
        yield* run(ContentCapture.layer({ [kind]: true }))
        assert.deepStrictEqual(yield* onSpans, [...names])
      }).pipe(Effect.provide(TestLayer))
    )
  }

  it.effect("contains unfinished items when a turn fails", () =>
    Effect.gen(function* () {
      const item = {
        _tag: "CommandExecution",
        id: "c",
        command: "sleep 9",
        cwd: "/",
        status: "inProgress"
      } as const
      yield* run(Layer.empty, "span_only", [
        Scripted.event({ _tag: "ItemStarted", item: { ...item, operations: [] } }),
        Scripted.interrupted
      ])
      const span = yield* Captured.span("execute_tool exec_command")
      assert.strictEqual(span.attributes["process.command_line"], "sleep 9")
      const agent = yield* Captured.span("invoke_agent codex")
      assert.include(String(agent.attributes["gen_ai.input.messages"]), "T-42")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("truncates long content and keeps it valid JSON", () =>
    Effect.gen(function* () {
      yield* run(ContentCapture.layer({ responses: true }), undefined, [
        ...Array.from({ length: 50 }, () => Scripted.message("y".repeat(50_000))),
        Scripted.completed
      ])
      const agent = yield* Captured.span("invoke_agent codex")
      const value = String(agent.attributes["gen_ai.output.messages"])
      assert.isAtMost(value.length, 16_384)
      assert.isTrue(Array.isArray(parsed(value)))
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("contains the input of each request: the instructions and the turn so far", () =>
    Effect.gen(function* () {
      yield* run(Layer.empty, "span_only")
      const instructions = [text("Be brief.")]
      const agent = (yield* Captured.span("invoke_agent codex")).attributes
      assert.deepStrictEqual(parsed(agent["gen_ai.system_instructions"]), instructions)
      const chats = (yield* Captured.spans)
        .filter((span) => span.name === "chat scripted")
        .toSorted((a, b) => a.start - b.start)
        .map(({ attributes }) => attributes)
      assert.isAtLeast(chats.length, 2)
      for (const chat of chats) {
        assert.deepStrictEqual(parsed(chat["gen_ai.system_instructions"]), instructions)
      }
      const user = { role: "user", parts: [text("Fix ticket T-42")] }
      assert.deepStrictEqual(parsed(chats[0]?.["gen_ai.input.messages"]), [user])
      const [id] = (yield* Captured.spans).flatMap(({ attributes, name }) =>
        name === "execute_tool lookup" ? [attributes["gen_ai.tool.call.id"]] : []
      )
      const last = parsed(chats.at(-1)?.["gen_ai.input.messages"])
      assert.isTrue(Array.isArray(last))
      assert.deepStrictEqual(Array.isArray(last) ? [last[0], ...last.slice(-2)] : [], [
        user,
        {
          role: "assistant",
          parts: [
            {
              type: "tool_call",
              id: "call_3",
              name: "apply_patch",
              arguments: [{ kind: "update", diff: "+new\n-old", path: "src/a.ts" }]
            },
            { type: "tool_call", id, name: "lookup", arguments: { id: "T-42", password: "[redacted]" } }
          ]
        },
        {
          role: "tool",
          parts: [{ type: "tool_call_response", id, response: '{"title":"about T-42"}' }]
        }
      ])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("treats the prompt of a sub-agent as tool arguments", () =>
    Effect.gen(function* () {
      const call = {
        _tag: "AgentCall",
        id: "a1",
        tool: "spawn_agent",
        agents: [],
        prompt: "look around"
      } as const
      const steps = [
        Scripted.event({ _tag: "ItemStarted", item: { ...call, status: "inProgress" } }),
        Scripted.event({ _tag: "ItemCompleted", item: { ...call, status: "completed" } }),
        Scripted.message("done")
      ]
      yield* run(ContentCapture.layer({ prompts: true, responses: true }), undefined, steps)
      assert.notInclude(JSON.stringify(yield* Captured.spans), "look around")
      yield* run(ContentCapture.layer({ toolArguments: true }), undefined, steps)
      const captured = (yield* Captured.spans).filter((span) => JSON.stringify(span).includes("look around"))
      assert.deepStrictEqual(captured.map(({ name }) => name).toSorted(), [
        "chat scripted",
        "execute_tool spawn_agent"
      ])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("contains only the enabled kinds of a request", () =>
    Effect.gen(function* () {
      const sentWith = Effect.fnUntraced(function* (kinds: Partial<ContentCapture.Kinds>) {
        yield* run(ContentCapture.layer(kinds))
        const chats = (yield* Captured.spans).filter((span) => span.name === "chat scripted")
        return JSON.stringify(chats.at(-1)?.attributes)
      })
      const captured = {
        prompts: ["Fix ticket T-42", "Be brief."],
        responses: ["let me see"],
        toolArguments: ['\\"id\\":\\"T-42\\"'],
        toolResults: ["2 failed", "about T-42"],
        commands: ["npm test"],
        diffs: ["+new"]
      }
      for (const kind of [
        "prompts",
        "responses",
        "toolArguments",
        "toolResults",
        "commands",
        "diffs"
      ] as const) {
        const sent = yield* sentWith({ [kind]: true })
        for (const [other, words] of Object.entries(captured)) {
          for (const word of words) {
            if (other === kind) assert.include(sent, word, kind)
            else assert.notInclude(sent, word, `${other} with ${kind}`)
          }
        }
      }
      assert.notInclude(yield* sentWith({ paths: true }), "src/a.ts")
    }).pipe(Effect.provide(TestLayer))
  )

  const failing = [
    Scripted.message("half of it"),
    Scripted.failed(
      // A union, so that the type checker compares these errors with those of a turn.
      new CodexError.TurnFailed({
        reason: "ServerError",
        detail: "upstream said: sk-live-1234567890abcdefghijklmn"
      })
    )
  ]
  const exceptions = Effect.map(Captured.spans, (spans) =>
    spans.flatMap(({ events, name }) =>
      events.filter((event) => event.name === "exception").map(({ attributes }) => ({ name, attributes }))
    )
  )

  it.effect("records an error as an event with message and stack on the failed turn", () =>
    Effect.gen(function* () {
      const records = yield* run(Layer.empty, "SPAN_AND_EVENT", failing)
      const [found, ...others] = yield* exceptions
      assert.deepStrictEqual(others, [])
      assert.strictEqual(found?.name, "invoke_agent codex")
      assert.strictEqual(found?.attributes["exception.type"], "TurnFailed.ServerError")
      assert.match(String(found?.attributes["exception.message"]), /^the provider failed: upstream said: /)
      assert.include(String(found?.attributes["exception.stacktrace"]), "TurnFailed")
      const fields = records.at(-1)?.fields ?? {}
      assert.deepStrictEqual(fields["exception.type"], "TurnFailed.ServerError")
      assert.include(String(fields["exception.message"]), "upstream said: ")
      assert.notInclude(JSON.stringify([found, records]), "sk-live-1234567890")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("records no message and stack of an error by default", () =>
    Effect.gen(function* () {
      for (const layer of [
        Layer.empty,
        ContentCapture.layer({ prompts: true, responses: true, toolResults: true })
      ]) {
        const records = yield* run(layer, undefined, failing)
        assert.deepStrictEqual(yield* exceptions, [])
        assert.notInclude(JSON.stringify([records, yield* Captured.spans]), "upstream said")
      }
      yield* run(Layer.empty, "EVENT_ONLY", failing)
      assert.deepStrictEqual(yield* exceptions, [])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("records failures, defects and thrown values on the program's spans too", () =>
    Effect.gen(function* () {
      class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}
      const hostile = {
        get message(): string {
          throw new Error("not to be read")
        }
      }
      const program = Effect.gen(function* () {
        yield* Effect.exit(
          Effect.withSpan(
            Effect.fail(new Refused({ message: "no: sk-live-1234567890abcdefghijklmn" })),
            "typed"
          )
        )
        yield* Effect.exit(Effect.withSpan(Effect.fail("just words"), "text"))
        yield* Effect.exit(Effect.withSpan(Effect.die(new RangeError("too far")), "defect"))
        yield* Effect.exit(Effect.withSpan(Effect.fail(hostile), "hostile"))
        yield* Effect.exit(Effect.withSpan(Effect.interrupt, "stopped"))
        yield* Effect.withSpan(Effect.void, "fine")
      })
      yield* program
      assert.deepStrictEqual(yield* exceptions, [])
      yield* Effect.provide(program, ContentCapture.layer({ prompts: true }))
      assert.deepStrictEqual(yield* exceptions, [])
      yield* Effect.provideService(program, Settings.Environment, {
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "EVENT_ONLY"
      })
      assert.deepStrictEqual(yield* exceptions, [])

      yield* Effect.provide(program, ContentCapture.layer({ errors: true }))
      const found = yield* exceptions
      assert.deepStrictEqual(
        found.map(({ attributes, name }) => [name, attributes["exception.type"]]),
        [
          ["typed", "Refused"],
          ["text", "_OTHER"],
          ["defect", "RangeError"]
        ]
      )
      const [typed, words, defect] = found.map(({ attributes }) => attributes)
      assert.match(String(typed?.["exception.message"]), /^no: /)
      assert.strictEqual(words?.["exception.message"], "just words")
      assert.strictEqual(defect?.["exception.message"], "too far")
      assert.include(String(defect?.["exception.stacktrace"]), "RangeError")
      assert.notInclude(JSON.stringify(found), "sk-live-1234567890")
      const ended = (yield* Captured.spans).filter(({ name }) => name === "hostile")
      assert.strictEqual(ended.length, 4)
    }).pipe(Effect.provide(TestLayer))
  )

  it("warns about an unknown mode", () => {
    const { warnings } = ContentCapture.fromEnvironment({
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true"
    })
    assert.strictEqual(warnings.length, 1)
  })
})
