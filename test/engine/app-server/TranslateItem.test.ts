/** The kinds of items that the real Codex does not produce with an offline model are translated from their generated types. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as BoundedContent from "../../../src/domain/BoundedContent.ts"
import { ItemId } from "../../../src/domain/Ids.ts"
import * as Item from "../../../src/domain/Item.ts"
import * as TranslateItem from "../../../src/engine/app-server/TranslateItem.ts"

const thread = "01a20038-ed6e-7cd3-8542-d1ced925655a"

/** For each kind: the fields on the wire, and the item without its id. */
const samples: ReadonlyArray<readonly [type: string, wire: object, item: object]> = [
  [
    "userMessage",
    {
      clientId: null,
      content: [
        { type: "text", text: "look", text_elements: [] },
        { type: "image", url: "https://example.com/a.png", detail: "low" },
        { type: "image", fileId: "file_1" },
        { type: "localImage", path: "/a.png" },
        { type: "audio", url: "data:audio/wav;base64,AAAA" },
        { type: "localAudio", path: "/a.wav" },
        { type: "skill", name: "deploy", path: "/skills/deploy/SKILL.md" },
        { type: "mention", name: "calendar", path: "app://calendar" },
        { type: "text", text: "well", text_elements: [] },
        { type: "hologram", url: "x" }
      ]
    },
    {
      _tag: "UserMessage",
      text: "look\nwell",
      content: [
        { _tag: "Image", url: "https://example.com/a.png" },
        { _tag: "Image", fileId: "file_1" },
        { _tag: "LocalImage", path: "/a.png" },
        { _tag: "Audio", url: "data:audio/wav;base64,AAAA" },
        { _tag: "LocalAudio", path: "/a.wav" },
        { _tag: "Skill", name: "deploy", path: "/skills/deploy/SKILL.md" },
        { _tag: "Mention", name: "calendar", path: "app://calendar" }
      ]
    }
  ],
  [
    "hookPrompt",
    { fragments: [{ text: "run the tests", hookRunId: "h1" }] },
    { _tag: "HookPrompt", fragments: [{ text: "run the tests", hookRunId: "h1" }] }
  ],
  [
    "agentMessage",
    { text: "hm", phase: "commentary", moderation: null },
    { _tag: "AgentMessage", text: "hm", phase: "commentary" }
  ],
  ["agentMessage", { text: "hm", phase: "encore" }, { _tag: "AgentMessage", text: "hm" }],
  [
    "functionCallOutput",
    { name: "lookup", namespace: "crm", output: "found" },
    { _tag: "FunctionCallOutput", name: "lookup", namespace: "crm", output: "found" }
  ],
  [
    "functionCallOutput",
    {
      name: "screenshot",
      namespace: null,
      output: [
        { type: "input_text", text: "a screen" },
        { type: "input_image", image_url: "data:image/png;base64,AAAA" },
        { type: "encrypted_content", encrypted_content: "x" }
      ]
    },
    {
      _tag: "FunctionCallOutput",
      name: "screenshot",
      output: "a screen",
      content: [
        { _tag: "Text", text: "a screen" },
        { _tag: "Image", url: "data:image/png;base64,AAAA" }
      ]
    }
  ],
  [
    "commandExecution",
    {
      command: "ls",
      cwd: "/",
      status: "completed",
      commandActions: [{ type: "listFiles", command: "ls", path: null }],
      processId: "54638",
      source: "unifiedExecStartup",
      aggregatedOutput: "a",
      exitCode: 0,
      durationMs: 5
    },
    {
      _tag: "CommandExecution",
      command: "ls",
      cwd: "/",
      status: "completed",
      operations: ["list"],
      processId: "54638",
      source: "unifiedExecStartup",
      output: "a",
      exitCode: 0,
      durationMillis: 5
    }
  ],
  [
    "dynamicToolCall",
    {
      namespace: null,
      tool: "screenshot",
      arguments: {},
      status: "completed",
      contentItems: [
        { type: "inputText", text: "a screen" },
        { type: "inputImage", imageUrl: "data:image/png;base64,AAAA" },
        { type: "inputAudio", audioUrl: "data:audio/wav;base64,AAAA" }
      ],
      success: true,
      durationMs: null
    },
    {
      _tag: "ToolCall",
      tool: "screenshot",
      arguments: {},
      status: "completed",
      output: "a screen",
      content: [
        { _tag: "Text", text: "a screen" },
        { _tag: "Image", url: "data:image/png;base64,AAAA" },
        { _tag: "Audio", url: "data:audio/wav;base64,AAAA" }
      ]
    }
  ],
  [
    "collabAgentToolCall",
    {
      tool: "spawnAgent",
      status: "interrupted",
      senderThreadId: thread,
      receiverThreadIds: [thread],
      prompt: "help",
      model: "gpt-5.5",
      reasoningEffort: "high",
      agentsStates: { [thread]: { status: "running", message: null } }
    },
    {
      _tag: "AgentCall",
      tool: "spawn_agent",
      agents: [thread],
      status: "interrupted",
      prompt: "help",
      model: "gpt-5.5",
      effort: "high",
      states: [{ agent: thread, status: "running" }]
    }
  ],
  [
    "subAgentActivity",
    {
      kind: "started",
      agentThreadId: thread,
      agentPath: "/root/tester",
      model: "gpt-5.5",
      reasoningEffort: null
    },
    { _tag: "AgentActivity", activity: "started", agent: thread, path: "/root/tester", model: "gpt-5.5" }
  ],
  [
    "webSearch",
    {
      query: "effect",
      action: { type: "findInPage", url: "https://effect.website", pattern: "Schema" },
      results: [{ url: "https://effect.website" }]
    },
    {
      _tag: "WebSearch",
      query: "effect",
      action: { _tag: "FindInPage", url: "https://effect.website", pattern: "Schema" },
      results: [{ url: "https://effect.website" }]
    }
  ],
  ["imageView", { path: "/a.png" }, { _tag: "ImageView", path: "/a.png" }],
  [
    "imageGeneration",
    { status: "completed", revisedPrompt: "a cat", result: "iVBORw==", savedPath: "/cat.png", failure: null },
    { _tag: "ImageGeneration", status: "completed", prompt: "a cat", data: "iVBORw==", path: "/cat.png" }
  ],
  [
    "imageGeneration",
    {
      status: "failed",
      revisedPrompt: null,
      result: "",
      failure: { type: "usageLimitExceeded", limitId: "images", resetsAt: null }
    },
    { _tag: "ImageGeneration", status: "failed", error: "usageLimitExceeded" }
  ],
  ["sleep", { durationMs: 1500 }, { _tag: "Sleep", durationMillis: 1500 }],
  [
    "enteredReviewMode",
    { review: "current changes" },
    { _tag: "EnteredReviewMode", text: "current changes" }
  ],
  [
    "exitedReviewMode",
    { review: "Fine." },
    { _tag: "ExitedReviewMode", text: "Fine.", review: { findings: [], explanation: "Fine." } }
  ]
]

const translate = (type: string, wire: object) => TranslateItem.item({ ...wire, id: ItemId.make("i"), type })

describe("an item of Codex", () => {
  it("keeps the fields of its kind", () => {
    for (const [type, wire, expected] of samples)
      assert.deepStrictEqual<object>(translate(type, wire), { ...expected, id: "i" }, type)
  })

  it("decodes from its encoded form", () => {
    for (const [type, wire] of samples) {
      const item = translate(type, wire)
      const encoded: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(Item.Item)(item)))
      assert.deepStrictEqual(Schema.decodeUnknownSync(Item.Item)(encoded), item, type)
    }
  })

  it("fits into a limit, whichever of its fields is large", () => {
    const large = (value: unknown): unknown => {
      if (typeof value === "string") return value === "i" ? value : value.padEnd(20_000, "x")
      if (Array.isArray(value))
        return value.flatMap((inner) => Array.from({ length: 50 }, () => large(inner)))
      if (typeof value === "object" && value !== null)
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, large(inner)]))
      return value
    }
    const fixed = new Set([
      "_tag",
      "id",
      "status",
      "phase",
      "source",
      "activity",
      "agent",
      "agents",
      "operations"
    ])
    for (const [type, wire] of samples) {
      const item = translate(type, wire)
      const grown = Object.fromEntries(
        Object.entries(item).map(([key, value]) => [key, fixed.has(key) ? value : large(value)])
      )
      const bounded = BoundedContent.boundItem({ ...item, ...grown }, 8_000)
      assert.isAtMost(BoundedContent.sizeOf(bounded), 24_000, type)
      assert.strictEqual(bounded._tag, item._tag)
    }
  })

  it("is unknown if its fields cannot be decoded", () => {
    assert.strictEqual(translate("subAgentActivity", { kind: "merged" })._tag, "Unknown")
    assert.strictEqual(translate("hologram", {})._tag, "Unknown")
  })
})
