import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
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

const inputOf = (request: M.RecordedRequest | undefined) => JSON.stringify(request?.body["input"])

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
