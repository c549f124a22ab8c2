import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Prompt from "effect/ai/Prompt"
import * as PromptConversion from "../../src/ai/PromptConversion.ts"

const convert = (input: Prompt.RawInput) => Result.getOrThrow(PromptConversion.convert(Prompt.make(input)))
const failureOf = (input: Prompt.RawInput) =>
  Result.match(PromptConversion.convert(Prompt.make(input)), {
    onFailure: ({ _tag, description }) => `${_tag}: ${description}`,
    onSuccess: () => "no failure"
  })
const call = (id: string, params: unknown = {}) =>
  ({ type: "tool-call", id, name: "look.up", params }) as const
const result = (id: string, value: unknown) =>
  ({ type: "tool-result", id, name: "look.up", isFailure: false, result: value }) as const

describe("a prompt", () => {
  it("has its first system messages as instructions, and its last user messages as input", () => {
    const { history, input, instructions, isFollowUp } = convert([
      { role: "system", content: "Be brief." },
      { role: "system", content: "Be kind." },
      { role: "user", content: "one" },
      { role: "assistant", content: "two" },
      { role: "system", content: "Be quick." },
      { role: "user", content: "three" },
      { role: "user", content: "four" }
    ])
    assert.strictEqual(instructions, "Be brief.\n\nBe kind.")
    assert.deepStrictEqual(input, [
      { _tag: "Text", text: "three" },
      { _tag: "Text", text: "four" }
    ])
    assert.deepStrictEqual(history, [
      { type: "message", role: "user", content: [{ type: "input_text", text: "one" }] },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "two" }] },
      { type: "message", role: "developer", content: [{ type: "input_text", text: "Be quick." }] }
    ])
    assert.isFalse(isFollowUp)
  })

  it("has the calls of other providers with names and ids that the API accepts, and their results", () => {
    const long = "toolu.".repeat(20)
    const { history, isFollowUp, results } = convert([
      { role: "user", content: "go" },
      {
        role: "assistant",
        content: [{ type: "reasoning", text: "hm" }, call("a-1", { x: 1 }), call(long, '{"y":2}')]
      },
      { role: "tool", content: [result("a-1", { title: "T" }), result(long, "text")] }
    ])
    const [, first, second, ...outputs] = history
    assert.deepStrictEqual(first, {
      type: "function_call",
      name: "look_up",
      arguments: '{"x":1}',
      call_id: "a-1"
    })
    assert.strictEqual(second?.["arguments"], '{"y":2}')
    assert.match(String(second?.["call_id"]), /^call_[0-9a-f]{40}$/)
    assert.deepStrictEqual(outputs, [
      { type: "function_call_output", call_id: "a-1", output: '{"title":"T"}' },
      { type: "function_call_output", call_id: String(second?.["call_id"]), output: "text" }
    ])
    assert.isTrue(isFollowUp)
    assert.sameMembers([...results.keys()], ["a-1", long])
  })

  it("is a follow-up only if results, and then messages of the user, are all that follows the assistant", () => {
    const start = [
      { role: "user", content: "go" },
      { role: "assistant", content: [call("a")] },
      { role: "tool", content: [result("a", 1)] }
    ] as const
    assert.isTrue(convert([...start, { role: "user", content: "now" }]).isFollowUp)
    assert.isFalse(convert([...start, { role: "system", content: "new rules" }]).isFollowUp)
    assert.isFalse(convert([...start, { role: "assistant", content: "done" }]).isFollowUp)
    assert.strictEqual(convert([...start, { role: "assistant", content: "done" }]).results.size, 0)
    assert.isFalse(convert("go").isFollowUp)
  })

  it("takes images and sounds as bytes, Base64 and URLs", () => {
    const file = (mediaType: string, data: string | Uint8Array | URL) =>
      ({ type: "file", mediaType, data }) as const
    const { input } = convert([
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { ...file("image/png", new Uint8Array([1, 2])), options: { codex: { imageDetail: "low" } } },
          file("image/png", "AQI="),
          file("image/png", new URL("https://example.com/a.png")),
          file("audio/wav", "AQI=")
        ]
      }
    ])
    assert.deepStrictEqual(input.slice(1), [
      { _tag: "Image", url: "data:image/png;base64,AQI=", detail: "low" },
      { _tag: "Image", url: "data:image/png;base64,AQI=" },
      { _tag: "Image", url: "https://example.com/a.png" },
      { _tag: "Audio", url: "data:audio/wav;base64,AQI=" }
    ])
  })

  it("keeps the images of a history and of the results of tools", () => {
    const image = { type: "file", mediaType: "image/png", data: "AQI=" } as const
    const { history } = convert([
      { role: "user", content: [image] },
      { role: "assistant", content: [call("a")] },
      {
        role: "tool",
        content: [{ ...result("a", {}), modelOutput: [{ type: "text", text: "seen" }, image] }]
      },
      { role: "user", content: "and?" }
    ])
    const picture = { type: "input_image", image_url: "data:image/png;base64,AQI=" }
    assert.deepStrictEqual(history[0], { type: "message", role: "user", content: [picture] })
    assert.deepStrictEqual(history[2]?.["output"], [{ type: "input_text", text: "seen" }, picture])
  })

  it("fails for files that no model of Codex takes, and without a message", () => {
    const pdf = { type: "file", mediaType: "application/pdf", data: "AQI=" } as const
    assert.include(
      failureOf([{ role: "user", content: [pdf] }]),
      'InvalidUserInputError: Codex takes images and sounds in a prompt, not "application/pdf"'
    )
    const file = { type: "file", mediaType: "image/png", data: new URL("file:///etc/passwd") } as const
    assert.include(failureOf([{ role: "user", content: [file] }]), "scheme http, https or data")
    assert.include(failureOf([{ role: "system", content: "Be brief." }]), "no message")
    assert.include(failureOf([]), "no message")
  })
})
