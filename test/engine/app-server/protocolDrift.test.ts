import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Approval from "../../../src/Approval.ts"
import * as CodexError from "../../../src/domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../../src/domain/Ids.ts"
import * as ThreadManagement from "../../../src/engine/app-server/ThreadManagement.ts"
import * as Drift from "../../support/protocolCompatibility.ts"
import * as JsonShape from "../../support/jsonSchemaCompat.ts"
import * as CommandExec from "../../../src/engine/app-server/CommandExec.ts"
import * as Protocol from "../../../src/engine/app-server/Protocol.ts"
import * as Review from "../../../src/domain/Review.ts"
import * as ProtocolItems from "../../../src/engine/app-server/ProtocolItems.ts"
import * as ServerRequests from "../../../src/engine/app-server/ServerRequests.ts"
import * as Translate from "../../../src/engine/app-server/Translate.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import type * as TurnOptions from "../../../src/domain/TurnOptions.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

/** Returns a part of the document by its path. */
const part = (document: unknown, ...path: ReadonlyArray<string>): Record<string, unknown> => {
  let at = document
  for (const name of ["definitions", ...path]) at = Predicate.isObject(at) ? at[name] : undefined
  assert.isObject(at, path.join("."))
  return at as Record<string, unknown>
}

/** Returns the incompatibilities of the document after one change. */
const doctored = (text: string, change: (document: unknown) => void): ReadonlyArray<string> => {
  const document: unknown = JSON.parse(text)
  change(document)
  return Drift.make(document).incompatibilities
}

const rename = (object: Record<string, unknown>, from: string, to: string) => {
  object[to] = object[from]
  delete object[from]
}

const isMethod = (method: string) => (one: unknown) => JSON.stringify(one).includes(`"enum":["${method}"]`)

/** Removes a method from a list of messages. */
const forget = (messages: Record<string, unknown>, method: string) => {
  const found: unknown = messages["oneOf"]
  const all: ReadonlyArray<unknown> = Array.isArray(found) ? found : []
  const left = all.filter((one) => !isMethod(method)(one))
  assert.lengthOf(left, all.length - 1)
  messages["oneOf"] = left
}

/** Returns the smallest value of a schema: no optional fields, and the first of several variants. */
const example = (shape: JsonShape.Shape): unknown => {
  if (Predicate.isObject(shape.schema) && "default" in shape.schema) return shape.schema["default"]
  const [first] = JsonShape.alternatives(shape)
  switch (first?.name) {
    case "string":
      return JsonShape.literals(first.schema)?.[0] ?? "text"
    case "integer":
    case "number":
      return 7
    case "boolean":
      return true
    case "array":
      return []
    case "object": {
      const object = { schema: first.schema, document: shape.document }
      return Object.fromEntries(
        JsonShape.always(first.schema).flatMap((name) => {
          const field = JsonShape.at(object, name)
          return field === undefined ? [] : [[name, example(field)]]
        })
      )
    }
    default:
      return null
  }
}

const definition = (document: unknown, name: string): JsonShape.Shape => ({
  schema: { $ref: `#/definitions/v2/${name}` },
  document
})

describe("the protocol of the installed Codex", () => {
  test("matches the schemas that this library decodes", () =>
    Effect.map(Drift.protocolSchema, (text) =>
      assert.deepStrictEqual(Drift.make(JSON.parse(text)).incompatibilities, [])
    ))

  it("is compared with every schema that the wire is read by", () => {
    // These are parts of other schemas, or fields of every message. Reviews on the real Codex test the content of messages.
    const parts: ReadonlyArray<unknown> = [
      Protocol.TurnIds,
      Protocol.TurnRef,
      Protocol.TokenUsage,
      Protocol.TurnError,
      Protocol.SandboxPolicy,
      Protocol.PermissionProfileRef,
      Protocol.MessageContent
    ]
    const compared: ReadonlyArray<unknown> = [...Object.values(Drift.results).flat(), ...parts]
    for (const [name, value] of Object.entries(Protocol)) {
      if (Schema.isSchema(value)) assert.include(compared, value, name)
    }
  })

  const usage = ["v2", "TokenUsageBreakdown", "properties"]
  const cases: ReadonlyArray<readonly [string, (document: unknown) => void, ReadonlyArray<string>]> = [
    [
      "a field has another name",
      (document) => rename(part(document, ...usage), "inputTokens", "promptTokens"),
      [
        "thread/tokenUsage/updated: tokenUsage.last.inputTokens: gone",
        "thread/tokenUsage/updated: tokenUsage.total.inputTokens: gone",
        "rawResponse/completed: usage.inputTokens: gone"
      ]
    ],
    [
      "a field has another type",
      (document) => void (part(document, ...usage)["outputTokens"] = { type: "string" }),
      [
        "thread/tokenUsage/updated: tokenUsage.last.outputTokens: is string, where integer is read",
        "thread/tokenUsage/updated: tokenUsage.total.outputTokens: is string, where integer is read",
        "rawResponse/completed: usage.outputTokens: is string, where integer is read"
      ]
    ],
    [
      "a field may be null",
      (document) =>
        void (part(document, "v2", "AgentMessageDeltaNotification", "properties")["delta"] = {
          type: ["string", "null"]
        }),
      ["item/agentMessage/delta: delta: is string or null, where string is read"]
    ],
    [
      "a field may be left out",
      (document) =>
        void (part(document, "v2", "TurnDiffUpdatedNotification")["required"] = ["threadId", "turnId"]),
      ["turn/diff/updated: diff: may be left out, and is read as always there"]
    ],
    [
      "a field that need not be there is gone",
      (document) => void delete part(document, "v2", "TurnError", "properties")["additionalDetails"],
      [
        "turn/completed: turn.error.additionalDetails: gone",
        "error: error.additionalDetails: gone",
        "answer to thread/read: thread.turns[].error.additionalDetails: gone",
        "answer to thread/turns/list: data[].error.additionalDetails: gone"
      ]
    ],
    [
      "a notification is gone",
      (document) => forget(part(document, "ServerNotification"), "turn/started"),
      ["turn/started: gone"]
    ],
    [
      "a question is gone",
      (document) => forget(part(document, "ServerRequest"), "item/tool/call"),
      ["item/tool/call: gone"]
    ],
    [
      "an answer is another one",
      (document) =>
        void (part(document, "v2", "TurnStartResponse", "properties")["turn"] = { type: "string" }),
      ["answer to turn/start: turn: is string, where object is read"]
    ],
    [
      "a request is gone",
      (document) => forget(part(document, "ClientRequest"), "model/list"),
      ["answer to model/list: gone"]
    ],
    [
      "a part of a question is another one",
      (document) => rename(part(document, "NetworkApprovalContext", "properties"), "host", "hosts"),
      ["item/commandExecution/requestApproval: networkApprovalContext.host: gone"]
    ],
    ["a field is new", (document) => void (part(document, ...usage)["audioTokens"] = { type: "integer" }), []]
  ]
  test("is reported by field name when it differs", () =>
    Effect.gen(function* () {
      const text = yield* Drift.protocolSchema
      for (const [name, change, expected] of cases)
        assert.deepStrictEqual(doctored(text, change), expected, name)
      assert.deepInclude(
        doctored("{}", () => {}),
        "turn/completed: gone"
      )
    }))

  test("accepts every reply of this library", () =>
    Effect.gen(function* () {
      const codex = Drift.make(JSON.parse(yield* Drift.protocolSchema))
      for (const decision of [
        Approval.accept,
        Approval.acceptForSession,
        Approval.decline("no"),
        Approval.cancel
      ]) {
        for (const kind of ["commandExecution", "fileChange"]) {
          const method = `item/${kind}/requestApproval`
          assert.deepStrictEqual(codex.answer(method, ServerRequests.decisionReply(decision)), [])
        }
      }
      const output = Translate.toolOutput({ success: true, text: "fine" })
      assert.deepStrictEqual(codex.answer("item/tool/call", output), [])
      for (const [method, refusal] of Object.entries(Protocol.declineReplies)) {
        assert.deepStrictEqual(codex.answer(method, refusal), [])
      }
      assert.deepStrictEqual(codex.answer("item/fileChange/requestApproval", { decision: "maybe" }), [
        'answer to item/fileChange/requestApproval: decision: "maybe" is none of accept, acceptForSession, decline, cancel'
      ])
    }))

  test("accepts every request of this library", () =>
    Effect.gen(function* () {
      const codex = Drift.make(JSON.parse(yield* Drift.protocolSchema))
      const opened = { thread: { id: "thread-9" }, model: "fake-model", modelProvider: "fake", cwd: "/" }
      const fake = yield* Fake.make({
        on: {
          "thread/fork": [[{ reply: opened }]],
          "turn/start": [Fake.turn("fine"), Fake.turn("fine"), Fake.begin]
        }
      })
      yield* Effect.gen(function* () {
        const engine = yield* Engine.Engine
        const settings: Engine.EngineThreadOptions = {
          cwd: fake.folder,
          sandbox: "workspace-write",
          approvalMode: "on-request",
          model: "gpt-5.5",
          instructions: "be brief",
          ephemeral: true,
          tools: [{ name: "look", description: "looks", inputSchema: { type: "object" } }]
        }
        const thread = yield* engine.startThread(settings)
        yield* engine.resumeThread(thread.id, settings)
        const attachment = { path: "/a.png", name: "a.png", size: 1, mediaType: "image/png", sha256: "0" }
        const input: TurnOptions.TurnInput = [
          { _tag: "Text", text: "look" },
          { _tag: "Image", url: "data:image/png;base64,AAAA" },
          { _tag: "LocalImage", path: "/a.png" },
          { _tag: "Attachment", attachment }
        ]
        const options: Engine.EngineTurnOptions = {
          model: "gpt-5.5",
          effort: "high",
          sandbox: "read-only",
          cwd: fake.folder,
          outputSchema: { type: "object" }
        }
        const handlers: Engine.Handlers = {
          emit: () => {},
          approve: () => Effect.succeed(Approval.accept),
          callTool: () => Effect.succeed({ success: true, text: "" })
        }
        const forked = yield* engine.forkThread(thread.id, { ...settings, through: TurnId.make("t") })
        yield* forked.turn("as before", {}, handlers)
        yield* thread.turn(input, options, handlers)
        const running = yield* Effect.forkChild(thread.turn("again", {}, handlers))
        yield* fake.waitFor("turn/start", 3)
        yield* Effect.ignore(thread.steer("and this"))
        yield* Fiber.interrupt(running)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      const received = (yield* fake.received).filter(
        ({ id, method }) => id !== undefined && method !== undefined
      )
      const wrong = received.flatMap(({ method = "", params }) => codex.request(method, params))
      assert.deepStrictEqual(wrong, [])
      assert.includeMembers(
        received.map(({ method }) => method),
        [
          "initialize",
          "thread/start",
          "thread/resume",
          "thread/fork",
          "turn/start",
          "turn/steer",
          "turn/interrupt",
          "thread/backgroundTerminals/clean",
          "thread/unsubscribe"
        ]
      )
    }))

  test("accepts every request about commands and terminals", () =>
    Effect.gen(function* () {
      const codex = Drift.make(JSON.parse(yield* Drift.protocolSchema))
      const command = {
        command: ["ls"],
        cwd: "/",
        env: { A: "1", B: undefined },
        stdin: true,
        tty: undefined
      }
      const size = { rows: 24, cols: 80 }
      for (const sandbox of ["read-only", "workspace-write", "danger-full-access"] as const)
        for (const tty of [undefined, { rows: 24, columns: 80 }])
          assert.deepStrictEqual(
            codex.request("command/exec", CommandExec.params({ ...command, sandbox, tty }, "/", "p")),
            []
          )
      for (const [method, params] of [
        ["command/exec/write", { processId: "p", deltaBase64: "eA==", closeStdin: true }],
        ["command/exec/resize", { processId: "p", size }],
        ["command/exec/terminate", { processId: "p" }],
        ["thread/backgroundTerminals/list", { threadId: "t", cursor: null }],
        ["thread/backgroundTerminals/terminate", { threadId: "t", processId: "p" }],
        ["thread/backgroundTerminals/clean", { threadId: "t" }]
      ] as const)
        assert.deepStrictEqual(codex.request(method, params), [])
    }))

  test("accepts every request about threads and models", () =>
    Effect.gen(function* () {
      const codex = Drift.make(JSON.parse(yield* Drift.protocolSchema))
      const asked: Array<string> = []
      const directory = ThreadManagement.make((method, params) => {
        asked.push(method)
        assert.deepStrictEqual(codex.request(method, params), [])
        return Effect.fail(new CodexError.ProtocolError({ detail: "not asked for its answer" }))
      })
      const threadId = ThreadId.make("t")
      yield* Effect.forEach(
        [
          directory.listThreads({}, undefined),
          directory.listThreads(
            { archived: true, cwd: "/", search: "x", everywhere: true, sort: "updated" },
            "next"
          ),
          directory.readThread(threadId),
          directory.renameThread(threadId, "name"),
          directory.archiveThread(threadId),
          directory.unarchiveThread(threadId),
          directory.deleteThread(threadId),
          directory.listModels("next")
        ],
        (ask) => Effect.flip<unknown, CodexError.StartError, never>(ask)
      )
      assert.lengthOf(asked, 8)
    }))

  test("accepts every target of a review", () =>
    Effect.gen(function* () {
      const codex = Drift.make(JSON.parse(yield* Drift.protocolSchema))
      for (const target of [
        Review.uncommitted,
        Review.branch("main"),
        Review.commit("abc1234"),
        Review.commit("abc1234", "Fix it"),
        Review.custom("Look.")
      ]) {
        const params = { threadId: "t", target: Translate.reviewTarget(target), delivery: "inline" }
        assert.deepStrictEqual(codex.request("review/start", params), [])
      }
    }))

  test("generates examples that this library decodes", () =>
    Effect.gen(function* () {
      const document: unknown = JSON.parse(yield* Drift.protocolSchema)
      const items = JsonShape.variants(definition(document, "ThreadItem"), "type")
      for (const kind of Object.keys(ProtocolItems.items)) {
        const shape = items.get(kind)
        const wire = shape === undefined ? {} : example(shape)
        const item = Translate.item({ ...(wire as object), id: ItemId.make("i"), type: kind })
        assert.notStrictEqual(item._tag, "Unknown", kind)
      }
      const methods = JsonShape.variants(
        { schema: { $ref: "#/definitions/ServerNotification" }, document },
        "method"
      )
      for (const method of Object.keys(Protocol.notifications)) {
        const message = methods.get(method)
        const params = message === undefined ? undefined : JsonShape.at(message, "params")
        if (params === undefined) continue
        const received = Translate.notification(method, example(params), 0)
        if (received._tag === "Event") assert.notStrictEqual(received.event._tag, "Unknown", method)
      }
    }))

  test("has no item status that this library maps to another one", () =>
    Effect.gen(function* () {
      const document: unknown = JSON.parse(yield* Drift.protocolSchema)
      const items = JsonShape.variants(definition(document, "ThreadItem"), "type")
      for (const kind of ["commandExecution", "fileChange", "dynamicToolCall", "mcpToolCall"]) {
        const shape = items.get(kind)
        const status = shape === undefined ? undefined : JsonShape.at(shape, "status")
        assert.isDefined(status, kind)
        if (shape === undefined || status === undefined) continue
        const values = JsonShape.alternatives(status).flatMap(
          ({ schema }) => JsonShape.literals(schema) ?? []
        )
        assert.isAbove(values.length, 2)
        for (const value of values) {
          const wire = { ...(example(shape) as object), id: ItemId.make("i"), type: kind, status: value }
          const item = Translate.item(wire)
          assert.strictEqual("status" in item ? item.status : undefined, value, kind)
        }
      }
    }))
})
