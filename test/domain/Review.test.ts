import { assert, describe, it } from "@effect/vitest"
import * as Review from "../../src/domain/Review.ts"

const message = JSON.stringify({
  findings: [
    {
      title: "[P1] Close the file",
      body: "The file stays open.\n\nClose it.",
      confidence_score: 0.9,
      priority: 1,
      code_location: { absolute_file_path: "/repo/a — b.ts", line_range: { start: 3, end: 5 } }
    },
    {
      title: "Rename x",
      body: "",
      confidence_score: 0.4,
      priority: null,
      code_location: { absolute_file_path: "/repo/b.ts", line_range: { start: 1, end: 1 } }
    }
  ],
  overall_correctness: "patch is incorrect",
  overall_explanation: "A leak.",
  overall_confidence_score: 0.8
})

const text = `A leak.

Full review comments:

- [P1] Close the file — /repo/a.ts:3-5
  The file stays open.

  Close it.

- Rename x — /repo/b.ts:1-1
`

describe("a review", () => {
  it("is decoded from the JSON of the model, alone or inside other text", () => {
    const review = Review.fromModel(message)
    assert.deepStrictEqual(review, {
      findings: [
        {
          title: "Close the file",
          body: "The file stays open.\n\nClose it.",
          path: "/repo/a — b.ts",
          lines: { start: 3, end: 5 },
          priority: 1,
          confidence: 0.9
        },
        { title: "Rename x", body: "", path: "/repo/b.ts", lines: { start: 1, end: 1 }, confidence: 0.4 }
      ],
      explanation: "A leak.",
      verdict: "patch is incorrect",
      confidence: 0.8
    })
    assert.deepStrictEqual(Review.fromModel("Here it is:\n```json\n" + message + "\n```"), review)
    assert.isUndefined(Review.fromModel("Looks fine."))
    assert.isUndefined(Review.fromModel('{"findings": 1}'))
  })

  it("is read from the text that Codex shows and stores", () => {
    assert.deepStrictEqual(Review.fromText(text), {
      findings: [
        {
          title: "Close the file",
          body: "The file stays open.\n\nClose it.",
          path: "/repo/a.ts",
          lines: { start: 3, end: 5 },
          priority: 1
        },
        { title: "Rename x", body: "", path: "/repo/b.ts", lines: { start: 1, end: 1 } }
      ],
      explanation: "A leak."
    })
    assert.deepStrictEqual(Review.fromText("Looks fine."), { findings: [], explanation: "Looks fine." })
    assert.deepStrictEqual(Review.fromText("Nothing to fix. Findings: none."), {
      findings: [],
      explanation: "Nothing to fix. Findings: none."
    })
    assert.deepStrictEqual(Review.fromText("Review comment:\n\n- [P0] A — /a:1-2\n  body")?.findings, [
      { title: "A", body: "body", path: "/a", lines: { start: 1, end: 2 }, priority: 0 }
    ])
  })

  it("is missing if its findings cannot be read: otherwise it would look like a review without findings", () => {
    const one = JSON.stringify({ title: "A", body: "", code_location: { absolute_file_path: "/a" } })
    for (const undecodable of [
      '{"findings": 1}',
      `{"findings": [${one}], "overall_explanation": "A leak."}`,
      `Here it is:\n{ "findings" : [${one}`,
      message.replace('"start":3', '"start":"3"'),
      "A leak.\n\nFull review comments:\n\n- [P1] Close the file, in /repo/a.ts\n  It stays open.",
      "A leak.\n\nFull review comments:\n\n- Close\nit — /repo/a.ts:1\n  Body\n\n- B — /b:1-2\n  body"
    ]) {
      assert.isUndefined(Review.fromModel(undecodable), undecodable)
      assert.isUndefined(Review.fromText(undecodable), undecodable)
    }
  })
})
