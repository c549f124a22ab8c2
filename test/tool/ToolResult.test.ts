import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Prompt from "effect/ai/Prompt"
import type * as Tool from "effect/ai/Tool"
import * as Translate from "../../src/engine/app-server/Translate.ts"
import * as ToolResult from "../../src/tool/ToolResult.ts"

const result = (
  modelOutput: ReadonlyArray<Prompt.ToolModelOutputPart> | undefined
): Tool.HandlerResult<Tool.Any> => ({
  result: 1,
  encodedResult: { id: 1 },
  isFailure: false,
  preliminary: false,
  ...(modelOutput === undefined ? {} : { modelOutput })
})
const convert = (parts: ReadonlyArray<Prompt.ToolModelOutputPart> | undefined) =>
  Result.getOrThrow(ToolResult.fromHandler(result(parts)))
const image = (data: string | URL | Uint8Array) => Prompt.filePart({ mediaType: "image/png", data })

describe("the result of a tool", () => {
  it("is its encoded result, or the text of its parts", () => {
    assert.deepStrictEqual(convert(undefined), { text: '{"id":1}' })
    const texts = [Prompt.textPart({ text: "a" }), Prompt.textPart({ text: "b" })]
    assert.deepStrictEqual(convert(texts), { text: "a\nb" })
  })

  it("contains images and sounds as URLs, and names other files", () => {
    const { content, text } = convert([
      image("iVBORw=="),
      image(new Uint8Array([1, 2])),
      image(new URL("https://example.com/a.png")),
      image("data:image/png;base64,AAAA"),
      Prompt.textPart({ text: "a sound" }),
      Prompt.filePart({ mediaType: "audio/wav", data: "UklGRg==" }),
      Prompt.filePart({ mediaType: "application/pdf", fileName: "report.pdf", data: "JVBERg==" })
    ])
    assert.strictEqual(text, "a sound\n[application/pdf report.pdf omitted]")
    assert.deepStrictEqual(content, [
      { _tag: "Image", url: "data:image/png;base64,iVBORw==" },
      { _tag: "Image", url: "data:image/png;base64,AQI=" },
      { _tag: "Image", url: "https://example.com/a.png" },
      { _tag: "Image", url: "data:image/png;base64,AAAA" },
      { _tag: "Text", text: "a sound" },
      { _tag: "Audio", url: "data:audio/wav;base64,UklGRg==" },
      { _tag: "Text", text: "[application/pdf report.pdf omitted]" }
    ])
  })

  it("keeps its images when its text is cut, and leaves out images that are too large", () => {
    const long = Prompt.textPart({ text: "x".repeat(1_000) })
    const cut = ToolResult.truncate(convert([long, image("AAAA"), long]), 100)
    assert.isBelow(cut.text.length, 400)
    assert.deepStrictEqual(cut.content?.[1], { _tag: "Image", url: "data:image/png;base64,AAAA" })
    const large = "A".repeat(20 * 1024 * 1024)
    const { content } = ToolResult.truncate(convert([image(large), image(large)]), 100)
    assert.deepStrictEqual(
      content?.map(({ _tag }) => _tag),
      ["Image", "Text"]
    )
    assert.deepStrictEqual(
      convert([image("A".repeat(33 * 1024 * 1024))]).text,
      "[image/png omitted: it is larger than 33554432 characters]"
    )
  })

  it("is sent to Codex with all its parts", () => {
    assert.deepStrictEqual(Translate.toolOutput({ success: true, text: "a" }), {
      contentItems: [{ type: "inputText", text: "a" }],
      success: true
    })
    const content = [
      { _tag: "Text", text: "a" },
      { _tag: "Image", url: "https://example.com/a.png" },
      { _tag: "Audio", url: "https://example.com/a.wav" }
    ] as const
    assert.deepStrictEqual(Translate.toolOutput({ success: true, text: "a", content }), {
      contentItems: [
        { type: "inputText", text: "a" },
        { type: "inputImage", imageUrl: "https://example.com/a.png" },
        { type: "inputAudio", audioUrl: "https://example.com/a.wav" }
      ],
      success: true
    })
  })
})
