import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Codex } from "../../src/Codex.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import * as Captured from "../../src/testing/Captured.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
const image = `data:image/png;base64,${png}`
const sound = "data:audio/wav;base64,UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="

const Screenshot = Tool.make("screenshot", {
  description: "Takes a screenshot",
  success: Schema.Struct({ title: Schema.String }),
  toModelOutput: ({ title }) => [
    Prompt.textPart({ text: title }),
    Prompt.filePart({ mediaType: "image/png", data: Buffer.from(png, "base64") }),
    Prompt.filePart({ mediaType: "audio/wav", data: new URL(sound) })
  ]
})
const Tools = Toolkit.make(Screenshot)
const tools = Tools.toLayer({ screenshot: () => Effect.succeed({ title: "The desktop" }) })

const inputOf = (request: M.RecordedRequest | undefined): string =>
  JSON.stringify(request?.body["input"] ?? null)

describe.concurrent("a turn of the real Codex", () => {
  test("gives the model the images and sounds of a tool's result, and sees images and searches as items", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const real = yield* Real.make([
        M.reply(
          M.call("screenshot", {}, { callId: "t1" }),
          M.call("view_image", { path: "a.png" }, { callId: "v1" })
        ),
        M.reply(
          M.item({
            type: "web_search_call",
            id: "ws_1",
            status: "completed",
            action: { type: "open_page", url: "https://effect.website" }
          }),
          M.text("Seen.")
        )
      ])
      yield* fs.writeFile(`${real.workspace}/a.png`, Buffer.from(png, "base64"))
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ tools: yield* Tools })
        const { items, sideEffects } = yield* thread.run("Look")
        const byTag = new Map<string, Item.Item>(items.map((item) => [item._tag, item]))
        assert.deepInclude(byTag.get("ToolCall"), {
          output: "The desktop",
          content: [
            { _tag: "Text", text: "The desktop" },
            { _tag: "Image", url: image },
            { _tag: "Audio", url: sound }
          ]
        })
        assert.deepInclude(byTag.get("ImageView"), { id: ItemId.make("v1"), path: `${real.workspace}/a.png` })
        assert.deepInclude(byTag.get("WebSearch"), {
          action: { _tag: "OpenPage", url: "https://effect.website" }
        })
        assert.isFalse(byTag.has("Unknown"))
        // The tool of this test has side effects by default.
        assert.isTrue(sideEffects)
        const [, second] = yield* real.server.requests
        assert.include(inputOf(second), image)
        assert.include(inputOf(second), "The desktop")
        assert.include(inputOf(second), "audio content omitted")
        const spans = yield* Captured.tree
        assert.include(spans, "execute_tool view_image")
        assert.notInclude(spans, png)
      }).pipe(Effect.provide(real.layer))
    }).pipe(Effect.provide(Layer.mergeAll(tools, Layer.fresh(Captured.layer)))))

  test("has the prompts of hooks and the outputs of tools that ran elsewhere as items", () =>
    Effect.gen(function* () {
      const hook = `test -e blocked || { touch blocked; echo '{"decision":"block","reason":"run the tests"}'; }`
      const real = yield* Real.make(
        [M.reply(M.text("one")), M.reply(M.text("two")), M.reply(M.text("three"))],
        {
          config: `bypass_hook_trust = true\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = "command"\ncommand = '''${hook}'''\n`
        }
      )
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* real.start({ config: { bypass_hook_trust: true } })
        const { items, message } = yield* thread.run("Do it")
        assert.strictEqual(message, "two")
        const prompt = items.find((item) => item._tag === "HookPrompt")
        assert.deepStrictEqual(
          prompt?._tag === "HookPrompt" ? prompt.fragments.map(({ text }) => text) : undefined,
          ["run the tests"]
        )
        const ended = yield* thread.activity.pipe(
          Stream.filter((event) => event._tag === "TurnEnded"),
          Stream.runHead,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* codex.request("turn/start", {
          threadId: thread.id,
          input: [],
          toolOutput: { name: "lookup", namespace: null, output: "found" }
        })
        const event = yield* Fiber.join(ended)
        const output =
          event._tag === "Some" && event.value._tag === "TurnEnded" ? event.value.turn.items[0] : undefined
        assert.deepInclude(output, { _tag: "FunctionCallOutput", name: "lookup", output: "found" })
      }).pipe(Effect.provide(real.layer))
    }))

  test("shows what its agents do, and traces their turns below the call that started them", () =>
    Effect.gen(function* () {
      const spawn = M.item({
        type: "function_call",
        call_id: "s1",
        name: "spawn_agent",
        namespace: "collaboration",
        arguments: JSON.stringify({ message: "look into it", task_name: "tester" })
      })
      const wait = M.item({
        type: "function_call",
        call_id: "w1",
        name: "wait_agent",
        namespace: "collaboration",
        arguments: JSON.stringify({ timeout_ms: 20_000 })
      })
      const real = yield* Real.make(
        (request) => {
          const input = inputOf(request)
          if (input.includes('"recipient":"/root/tester"')) return M.reply(M.text("It is fine."))
          if (input.includes('"w1"')) return M.reply(M.text("Done."))
          return M.reply(input.includes('"s1"') ? wait : spawn)
        },
        { config: "features.multi_agent_v2 = true" }
      )
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const events = yield* Stream.runCollect(thread.stream("Ask an agent"))
        const agents = events.flatMap((event) => (event._tag === "AgentEvent" ? [event.threadId] : []))
        const activity = events.flatMap((event) =>
          event._tag === "ItemCompleted" && event.item._tag === "AgentActivity" ? [event.item] : []
        )
        assert.deepInclude(activity[0], { id: ItemId.make("s1"), activity: "started", path: "/root/tester" })
        assert.strictEqual(activity[0]?.agent, agents[0])
        const spans = (yield* Captured.tree).split("\n")
        const call = spans.findIndex((line) => line.endsWith("execute_tool spawn_agent"))
        assert.include(spans[call + 1], "    invoke_agent codex")
      }).pipe(Effect.provide(real.layer))
    }).pipe(Effect.provide(Layer.fresh(Captured.layer))))

  test("receives skills, mentions, sounds and the detail of images", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const real = yield* Real.make([
        M.reply(M.shell("true", { callId: "c1" })),
        M.reply(M.text("Deployed."))
      ])
      const skill = `${real.workspace}/.agents/skills/deploy`
      yield* fs.makeDirectory(skill, { recursive: true })
      yield* fs.writeFileString(
        `${skill}/SKILL.md`,
        "---\nname: deploy\ndescription: Deploys\n---\nRun deploy.sh.\n"
      )
      yield* fs.writeFile(`${real.workspace}/a.png`, Buffer.from(png, "base64"))
      yield* Effect.gen(function* () {
        const thread = yield* real.start()
        const events = yield* Stream.runCollect(
          thread.stream([
            { _tag: "Text", text: "Deploy it" },
            { _tag: "Skill", name: "deploy", path: `${skill}/SKILL.md` },
            { _tag: "Mention", name: "calendar", path: "app://calendar" },
            { _tag: "LocalImage", path: `${real.workspace}/a.png`, detail: "low" },
            { _tag: "Audio", url: sound }
          ])
        )
        const items = events.flatMap((event) => (event._tag === "ItemCompleted" ? [event.item] : []))
        const user = items.find((item) => item._tag === "UserMessage")
        assert.deepStrictEqual(user?._tag === "UserMessage" ? user.content : undefined, [
          { _tag: "Skill", name: "deploy", path: `${skill}/SKILL.md` },
          { _tag: "Mention", name: "calendar", path: "app://calendar" },
          { _tag: "LocalImage", path: `${real.workspace}/a.png` },
          { _tag: "Audio", url: sound }
        ])
        const command = items.find((item) => item._tag === "CommandExecution")
        assert.isTrue(command?._tag === "CommandExecution" && command.source === "unifiedExecStartup")
        assert.isTrue(command?._tag === "CommandExecution" && command.processId !== undefined)
        const [first] = yield* real.server.requests
        assert.include(inputOf(first), "Run deploy.sh.")
        assert.include(inputOf(first), "audio content omitted")
      }).pipe(Effect.provide(real.layer))
    }))
})
