import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Data from "../../scripts/docs-check/Data.ts"
import * as Modules from "../../scripts/docs-check/Modules.ts"
import * as Blocks from "../../scripts/runbook/Blocks.ts"
import { pages } from "../../scripts/runbook/pages.ts"

const page = (...lines: ReadonlyArray<string>) => Blocks.parse("docs/a.md", lines.join("\n"))

const assemble = (...lines: ReadonlyArray<string>) => Modules.assemble(page(...lines))

const problems = (...lines: ReadonlyArray<string>) =>
  page(...lines)
    .map(Data.check)
    .filter((problem) => problem !== undefined)

describe("the check of the code in pages", () => {
  it("compiles a block without a mark as it is, at its lines", () => {
    const [module] = assemble("# A", "```ts", "export const a = 1", "```")
    if (typeof module !== "object") throw new Error(String(module))
    const { file, lines, run } = module
    assert.strictEqual(file, "docs-a/line2.ts")
    assert.deepStrictEqual(lines, [{ text: "export const a = 1", from: 3 }])
    assert.isUndefined(run)
  })

  it("compiles a fragment in its context, with the imports of the names that it uses", () => {
    const [module] = assemble(
      '```ts in="thread" run',
      'import { Codex as Other } from "other"',
      'yield* thread.run("x")',
      "```"
    )
    if (typeof module !== "object") throw new Error(String(module))
    const text = module.lines.map(({ text }) => text)
    assert.include(text, 'import { Effect } from "effect"')
    assert.isBelow(
      text.indexOf('import { Codex as Other } from "other"'),
      text.indexOf('yield* thread.run("x")')
    )
    assert.isBelow(text.indexOf("const codex = yield* Codex"), text.indexOf('yield* thread.run("x")'))
    assert.deepStrictEqual(module.run, { _tag: "Effect", script: "", first: undefined })
  })

  it("adds a block to the block that it continues", () => {
    const [, module] = assemble(
      '```ts in="codex"',
      "const a = 1",
      "```",
      "```ts continues",
      "const b = a",
      "```"
    )
    if (typeof module !== "object") throw new Error(String(module))
    const text = module.lines.map(({ text }) => text)
    assert.strictEqual(text.indexOf("const b = a"), text.indexOf("const a = 1") + 1)
  })

  it("rejects marks that mean nothing", () => {
    assert.deepStrictEqual(assemble('```ts ni="thread"', "```"), ['docs/a.md:1: unknown mark "ni"'])
    assert.match(String(assemble('```ts in="tread"', "```")[0]), /^docs\/a\.md:1: no context "tread"/)
    assert.deepStrictEqual(assemble("```ts continues", "```"), ["docs/a.md:1: continues no block"])
  })

  it("rejects data that does not parse or decode", () => {
    assert.deepStrictEqual(problems("```json", '{ "a": 1 }', "```", "```text", "{", "```"), [])
    assert.match(String(problems("```json", "{ a: 1 }", "```")), /^docs\/a\.md:1: /)
    assert.match(String(problems("```yaml", "a: [", "```")), /^docs\/a\.md:1: /)
    assert.match(
      String(problems('```json as="rules"', '[{ "decision": "maybe" }]', "```")),
      /^docs\/a\.md:1: /
    )
    assert.match(String(problems('```jsonl as="events"', '{"type":"turn.began"}', "```")), /^docs\/a\.md:1: /)
    assert.deepStrictEqual(problems("```", "x", "```"), ["docs/a.md:1: has no language; a picture is `text`"])
    assert.match(String(problems("```rust", "x", "```")), /unknown language "rust"/)
  })

  it("rejects fences that the check does not see as blocks", () => {
    assert.deepStrictEqual(Data.hidden("a.md", "```ts\n```"), [])
    for (const text of [
      "- a\n  ```ts\n  ```",
      "~~~\n~~~",
      "````\n````",
      '```ts skip="see `a`"\n```',
      "```ts"
    ])
      assert.isAtLeast(Data.hidden("a.md", text).length, 1, text)
  })

  it.effect("accepts the marks of every block of every page, and its data", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (const file of yield* pages) {
        const text = yield* fs.readFileString(file)
        const blocks = Blocks.parse(file, text)
        const code = blocks.filter(({ language, marks }) => language === "ts" && !marks.has("skip"))
        const found = [
          ...Data.hidden(file, text),
          ...blocks.map(Data.check),
          ...blocks.map((block) =>
            Result.match(Blocks.classify(block), { onFailure: String, onSuccess: () => undefined })
          ),
          ...Modules.assemble(code).filter((module) => typeof module === "string")
        ]
        assert.deepStrictEqual(
          found.filter((problem) => problem !== undefined),
          []
        )
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
